"""What the anchor asks of a cluster: a job for one container, its step, signals, the end.

Every operation returns at once; what takes time ends in a callback from the loop, called exactly
once: ``done(None)``, or ``done(error)``.
"""

from __future__ import annotations

import posix

from scrun.errors import ConfigError
from scrun.host.paths import exists
from scrun.oci.slurm_conf import default_slurm_conf, find_cluster_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from scrun.cluster.control import TextAnswer
    from scrun.errors import ScrunError
    from scrun.host.loop import Loop
    from scrun.host.process import Process
    from scrun.oci.oci_conf import OciConf
    from scrun.settings import Settings

    Opened = Callable[[ScrunError | None, str], None]
    Done = Callable[[ScrunError | None], None]
    Prepared = Callable[[ScrunError | None, dict[str, Any]], None]
    """Gets ``srun`` (program, first options; none: no srun), ``argv``, ``environment``, ``node``.
    """

    class Backend(Protocol):
        """One container's job.

        Attributes:
            name: ``slurm`` or ``local``, as in the setting ``backend``.
            job_id: 0 before there is one.
            job_variables: what Slurm sets for the job (SLURM_*).
            adopted: the allocation was there before; it is neither finished nor cancelled.
            on_lost: called when the job ends under the container.
        """

        name: str
        job_id: int
        job_variables: dict[str, str]
        adopted: bool
        on_lost: Callable[[], None]

        def allocate(self, request: Mapping[str, Any], done: Done) -> None:
            """Get the job that ``request`` (luastd/job/request.lua) asks for."""

        def start(
            self,
            bundle: str,
            argv: Sequence[str],
            variables: Mapping[str, str],
            *,
            preserved: int,
            terminal: str | None,
        ) -> Process:
            """Start the container's step on this process's stdio; its end is the container's.

            Args:
                terminal: path of the one that takes the place of stdio.
            """

        def open_output(self, opened: Opened) -> None:
            """Prepare a stdout that comes byte by byte; ``opened`` gets srun's ``--output``.

            Empty: without more ado it comes so. Asked again before the start, it is the same one.
            """

        def signal(self, number: int, done: Done) -> None:
            """Deliver a signal to the container's process."""

        def prepare_exec(
            self,
            directory: str,
            *,
            terminal: bool,
            piped: bool,
            pattern: str | None,
            node: str,
            done: Prepared,
        ) -> None:
            """Tell how a process is run in the container; it comes in `exec_steps.PROCESS`.

            Args:
                directory: of the process, on the node.
                pattern: the setting ``runtime_exec``.
                piped: stdout is to come byte by byte.
                node: its name, or its place (from 0) among the container's; empty: the first.
            """

        def ask(self, command: str, answer: TextAnswer, node: str | None = None) -> None:
            """Run a line of shell on the container's nodes; it finds `node_script`'s functions.

            It waits until the runtime has made the container; the line ``learn`` does not, does
            nothing, and succeeds once that is so. Of several nodes the outputs come one after the
            other, with the highest status.

            Args:
                node: the only one to run it; as `prepare_exec` told.
            """

        def update_job(self, changes: Mapping[str, str], done: Done) -> None:
            """Change members of the job, by the names of scontrol(1), as far as a user may."""

        def update_limits(self, resources: str, done: Done) -> None:
            """Change what limits the container, apart from its job.

            ``done`` gets an error of code JOB_LIMITS when its job alone does, NO_CGROUPS when
            nothing does.

            Args:
                resources: ``linux.resources`` as JSON.
            """

        def ended(self) -> None:
            """Hear that the step has ended: what is still to be delivered is void."""

        def drain(self, done: Done) -> None:
            """Call ``done`` when what the step wrote to stdout has gone out, or why it is lost."""

        def settle(self, done: Callable[[], None]) -> None:
            """End the container's process after its step was torn away from us; ``done`` then."""

        def remote_argv(self, argv: Sequence[str], nodes: Sequence[str]) -> list[str]:
            """Return the command that runs ``argv`` once per node (none given: on all)."""

        def allowed(self, entries: list[str]) -> list[str]:
            """Return those of the job's ``NAME=value`` that the container may have."""

        def finish(self, status: int, done: Callable[[], None]) -> None:
            """End the job, whatever is of it, with ``status`` in its accounting.

            ``done`` when it is over, however long Slurm cannot be reached.
            """

        def cancel(self) -> None:
            """End the job, or the wait for it, at once; the callbacks tell."""

        def check_step_options(self, options: Sequence[str], done: Callable[[str], None]) -> None:
            """Ask whether a step can have these options of srun; ``done`` gets what is wrong."""

        def messages(self) -> str:
            """Return what Slurm said of the wish for a job."""

        def step_messages(self) -> list[str]:
            """Return what the user of an ended container should know of how its step went."""

        def record(self) -> dict[str, object]:
            """Return what recovery must know to end the job without this process."""

        def restore(self, job: Mapping[str, Any]) -> None:
            """Take over a job that `record` told of."""


def locate_slurm_conf(given: str | None, environment: Mapping[str, str]) -> str:
    """Return where slurm.conf is, or would be if this machine had one; oci.conf lies beside it.

    Raises:
        ConfigError: ``given`` (the option -f) is not there.
    """
    if not given:
        return environment.get("SLURM_CONF") or default_slurm_conf()
    path = given if given.startswith("/") else f"{posix.getcwd()}/{given}"
    if not exists(path):
        raise ConfigError(f"-f {given}: no such file")
    return path


def choose_backend(settings: Settings, slurm_conf: str, environment: Mapping[str, str]) -> str:
    """Return the name of the backend: as the setting says, ``auto`` by whether Slurm is here."""
    if settings.backend == "auto":
        is_here = exists(slurm_conf) or "SLURM_CONF_SERVER" in environment
        return "slurm" if is_here else "local"
    return settings.backend


def cluster_name(name: str, slurm_conf: str) -> str:
    """Return the cluster's name as slurm.conf has it; ``local`` of the local backend."""
    if name == "local":
        return "local"
    return find_cluster_name(slurm_conf) or ""


def make_backend(
    name: str,
    settings: Settings,
    *,
    loop: Loop,
    container_id: str,
    step_name: str,
    spool_dir: str,
    environment: Mapping[str, str],
    oci_conf: OciConf | None,
    user: tuple[str, int],
) -> Backend:
    """Return the backend of one container.

    Args:
        step_name: that its step will have.
        spool_dir: the container's own directory.
        environment: of the caller of ``create``.
        oci_conf: beside slurm.conf, if there is one.
        user: name and number of the job's user.
    """
    if name == "local":
        from scrun.cluster.local import LocalBackend  # one of the two is enough

        return LocalBackend(
            loop,
            container_id,
            spool_dir,
            environment,
            oci_conf=oci_conf,
            runtime=settings.local_runtime,
            user=user,
        )
    from scrun.cluster.commands import CommandsBackend

    return CommandsBackend(
        loop,
        container_id,
        spool_dir,
        environment,
        step_name=step_name,
        oci_conf=oci_conf,
        user=user,
    )
