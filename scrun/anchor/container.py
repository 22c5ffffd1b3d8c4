"""What an anchor knows of its container, and the two files that say so to others."""

from __future__ import annotations

import posix
from _stat import S_ISDIR

from scrun.errors import HostError
from scrun.host.directory import write_file
from scrun.host.paths import encode, parent
from scrun.host.process import read_boot
from scrun.host.stdio import has_input
from scrun.host.user import Caller
from scrun.hot.wire import dumps
from scrun.oci.config import join_path
from scrun.oci.state import CREATING, check_transition, facts, format_time, print_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from scrun.hot.parse import Command
    from scrun.oci.config import Config

# What an engine leaves for its own use in the environment of `create`.
ENGINES_OWN = ("_OCI_SYNCPIPE", "_OCI_STARTPIPE", "_OCI_ATTACHPIPE", "NOTIFY_SOCKET", "LISTEN_FDS")


MOST_BYTES = 65536


class Container:
    """A container's facts; `publish` writes them to its directory.

    Attributes:
        directory: its spool directory, ``<root>/<id>``.
        submission_bundle, submission_root_path, config_file: as ``create`` was given them.
        bundle, root_path: as they are now; the script may have set others.
        user: whose job it is.
        variables: SCRUN_* that stay the same all its life.
        environment: of the caller of ``create``; with -f, SLURM_CONF is that file.
        step_name: of the container's step, which nobody else in the job has.
        args: the command; once policy had it looked up in the image, by its path.
        request: what policy asked for a job with.
        describe: what policy makes of the members of the state document; None: nothing else.
        interactive: its stdin is something else than /dev/null.
        size: returns rows and columns of its terminal, 0 of none.
        staged: stage_in has succeeded, and stage_out has not run.
        backend, job: the backend's name and what it recorded of the job.
        pyslurm, command_timeout_s: the settings, for who recovers the container.
    """

    def __init__(
        self,
        container_id: str,
        directory: str,
        user: Caller,
        *,
        bundle: str,
        root_path: str,
        config_file: str,
        annotations: dict[str, str],
        variables: dict[str, str],
        environment: dict[str, str],
        created: str,
    ) -> None:
        self.id = container_id
        self.directory = directory
        self.user = user
        self.submission_bundle = self.bundle = bundle
        self.submission_root_path = root_path
        self.root_path: str | None = root_path
        self.config_file = config_file
        self.annotations = annotations
        self.variables = variables
        self.environment = environment
        self.created = created
        self.step_name = f"{container_id}.{posix.getpid()}"
        self.args: list[str] = []
        self.request: dict[str, Any] = {}
        self.terminal = False
        self.interactive = False
        self.size: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self.status = CREATING
        self.staged = False
        self.describe: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _: None
        self.backend = ""
        self.pyslurm, self.command_timeout_s = "auto", 0.0
        self.job: dict[str, object] = {}

    @property
    def job_id(self) -> int:
        """The job's number; 0 before there is one."""
        job_id = self.job.get("job_id", 0)
        assert isinstance(job_id, int)
        return job_id

    @property
    def rootless(self) -> bool:
        """Whether an ordinary user runs the container's runtime, here or on the node."""
        return not self.user.privileged if self.backend == "local" else self.user.uid != 0

    def become(self, status: str) -> None:
        """Change the state as the spec allows, and publish it."""
        check_transition(self.id, self.status, status)
        self.status = status
        self.publish()

    def publish(self) -> None:
        """Write record.cbor, then state.json, each replaced atomically."""
        self.write_record()
        self.write_state()

    def write_record(self) -> None:
        """Write what recovery needs: before anything is begun that it would have to end."""
        record = {
            "id": self.id,
            "pid": posix.getpid(),
            "boot": read_boot(),
            "step_name": self.step_name,
            "backend": self.backend,
            "job": self.job,
            "status": self.status,
            "staged": self.staged,
            "bundle": self.bundle,
            "submission_bundle": self.submission_bundle,
            "root_path": self.root_path,
            "submission_root_path": self.submission_root_path,
            "config_file": self.config_file,
            "annotations": self.annotations,
            "created": self.created,
            "variables": self.variables,
            "environment": self.environment,
            "pyslurm": self.pyslurm,
            "command_timeout_s": self.command_timeout_s,
        }
        write_file(f"{self.directory}/record.cbor", dumps(record))

    def write_state(self) -> None:
        """Write the state document."""
        members = self.members()
        text = print_document(members, self.describe(members))
        write_file(f"{self.directory}/state.json", text.encode("utf-8", "surrogateescape"))

    def members(self) -> dict[str, object]:
        """Return the members of the state document, as policy gets them."""
        return facts(
            container_id=self.id,
            status=self.status,
            pid=posix.getpid(),
            bundle=self.submission_bundle,
            annotations=self.annotations,
            rootfs=self.submission_root_path,
            created=self.created,
            owner=self.user.name,
        )

    def output_variables(self) -> dict[str, str]:
        """Return the SCRUN_* variables of stage functions, commands and the step (scrun(1))."""
        changing = {"SCRUN_BUNDLE": self.bundle, "SCRUN_ROOTFS_PATH": self.root_path or ""}
        rows, columns = self.size()
        if rows:  # an engine may tell the size of its terminal later
            changing |= {"SLURM_PTY_WIN_ROW": str(rows), "SLURM_PTY_WIN_COL": str(columns)}
        return self.variables | changing

    def table(self) -> dict[str, object]:
        """Return what policy sees of the container."""
        return {
            "id": self.id,
            "status": self.status,
            "backend": self.backend,
            "bundle": self.bundle,
            "owns_bundle": _is_ours(self.bundle),
            "job_id": self.job_id,
            "annotations": self.annotations,
            "args": self.args,
            "request": self.request,
            "terminal": self.terminal,
            "interactive": self.interactive,
            "rootless": self.rootless,
            "step_name": self.step_name,
            "variables": self.output_variables(),
        }


def _is_ours(path: str) -> bool:
    """Tell whether it is a directory of our own user here, and no link to one."""
    try:
        found = posix.lstat(path)
    except OSError:
        return False
    return S_ISDIR(found.st_mode) and found.st_uid == posix.getuid()


def remove_directory(path: str) -> None:
    """Remove a container's directory, if it is there; what is mounted in it is not entered."""
    from scrun.hot.remove import remove_container  # at its end

    root, _, name = path.rpartition("/")
    try:
        flags = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
        directory = posix.open(path, flags)
    except FileNotFoundError:
        return
    try:
        remove_container(root, name, directory)
    except OSError as err:
        raise HostError("remove", err, path=path) from err
    finally:
        posix.close(directory)


def submitted(
    command: Command, directory: str, config: Config, user: Caller, variables: Mapping[str, str]
) -> Container:
    """Return the container that ``create`` was called for, with such variables."""
    environment = {k: v for k, v in variables.items() if k not in ENGINES_OWN}
    slurm_conf = command.globals.get("slurm_conf")
    if slurm_conf:
        environment["SLURM_CONF"] = join_path(posix.getcwd(), str(slurm_conf))
    container = Container(
        command.operands[0],
        directory,
        user,
        bundle=config.bundle,
        root_path=config.root_path,
        config_file=config.path,
        annotations=config.annotations,
        variables=_lasting_variables(command, directory, config, user),
        environment=environment,
        created=format_time(),
    )
    container.args, container.terminal = config.args, config.terminal
    container.interactive = has_input()
    return container


def recorded(record: dict[str, Any], directory: str) -> Container:
    """Return the container that a dead anchor has recorded."""
    container = Container(
        record["id"],
        directory,
        Caller(),
        bundle=record["submission_bundle"],
        root_path=record["submission_root_path"],
        config_file=record["config_file"],
        annotations=record["annotations"],
        variables=record["variables"],
        environment=record["environment"],
        created=record["created"],
    )
    container.bundle, container.root_path = record["bundle"], record["root_path"]
    container.step_name = record["step_name"]
    container.status, container.staged = record["status"], record["staged"]
    container.backend, container.job = record["backend"], record["job"]
    container.pyslurm, container.command_timeout_s = record["pyslurm"], record["command_timeout_s"]
    return container


def _lasting_variables(
    command: Command, directory: str, config: Config, user: Caller
) -> dict[str, str]:
    variables = {
        "SCRUN_OCI_VERSION": config.oci_version,
        "SCRUN_CONTAINER_ID": command.operands[0],
        "SCRUN_PID": str(posix.getpid()),
        "SCRUN_SUBMISSION_BUNDLE": config.bundle,
        "SCRUN_SOCKET": f"{directory}/anchor.sock",
        "SCRUN_SPOOL_DIR": directory,
        "SCRUN_SUBMISSION_CONFIG_FILE": config.path,
        "SCRUN_USER": user.name,
        "SCRUN_USER_ID": str(user.uid),
        "SCRUN_GROUP": user.group,
        "SCRUN_GROUP_ID": str(user.gid),
        "SCRUN_ROOT": parent(directory),
        "SCRUN_SUBMISSION_ROOTFS_PATH": config.root_path,
    }
    pid_file, log_file = command.options.get("pid_file"), command.globals.get("log")
    if pid_file:
        variables["SCRUN_PID_FILE"] = join_path(posix.getcwd(), str(pid_file))
    if log_file:
        variables["SCRUN_LOG_FILE"] = join_path(posix.getcwd(), str(log_file))
        variables["SCRUN_LOG_FORMAT"] = str(command.globals.get("log_format") or "text")
    for name, value in config.annotations.items():
        if _fits_environment(name, value):
            variables[f"SCRUN_ANNOTATION_{name}"] = value
    return variables


def _fits_environment(name: str, value: str) -> bool:
    """Tell whether an annotation can be a variable: execve(2) takes 128 KiB a piece, and no NUL."""
    try:
        size = len(encode(name)) + len(encode(value))
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return size < MOST_BYTES and "=" not in name and "\0" not in name + value
