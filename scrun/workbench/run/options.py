"""What is to be run, and on what: the options of ``scrun lua run``."""

from __future__ import annotations

import dataclasses
import os

from scrun.errors import ConfigError, UsageError
from scrun.hot.parse import Command, parse
from scrun.oci.state import CREATED, CREATING, PAUSED, RUNNING, STOPPED
from scrun.workbench.run.answers import Answers
from scrun.workbench.run.cassette import Cassette
from scrun.workbench.run.job import DEFAULT_ID

STAGES = ("stage_in", "stage_out")
EXPECTED = {"create": CREATING, "start": CREATED, "resume": PAUSED, "delete": STOPPED}
EXPECTED |= dict.fromkeys(("state", "kill", "exec", "pause", "ps", "events", "update"), RUNNING)
CONTAINERLESS = ("features", "spec", "checkpoint", "restore")  # these ask no container
VERBS = (*EXPECTED, *CONTAINERLESS)
BACKENDS = ("dry", "local", "slurm", "replay")
STATUSES = (CREATING, CREATED, RUNNING, PAUSED, STOPPED)
NO_ID = ("features", "spec")  # verbs whose command line names no container
LINGER_S = 5.0


@dataclasses.dataclass
class Site:
    """What a path given to a tool stands for.

    Attributes:
        directory: where the site's modules are.
        script: its scrun.lua, or the file that takes its place; None: a stager is used.
        stager: name of the stager module that was meant.
        verb: name of the verb module that was meant.
    """

    directory: str
    script: str | None
    stager: str | None = None
    verb: str | None = None


def find_site(path: str) -> Site:
    """Return the site that a script, a module below ``scrun.d``, or a directory belongs to.

    Raises:
        ConfigError: there is no such file.
    """
    full = os.path.abspath(path)
    if os.path.isdir(full):
        return Site(full, _own_script(full))
    if not os.path.isfile(full):
        raise ConfigError(f"{path}: no such file")
    directory, inside, module = full.rpartition("/scrun.d/")
    if not inside:
        return Site(os.path.dirname(full), full)
    folder, _, name = module.removesuffix(".lua").partition("/")
    if folder == "stage":
        return Site(directory, None, stager=name)
    return Site(directory, _own_script(directory), verb=name if folder == "verbs" else None)


def _own_script(directory: str) -> str | None:
    path = f"{directory}/scrun.lua"
    return path if os.path.isfile(path) else None


@dataclasses.dataclass
class Options:
    """The options of one run.

    Attributes:
        functions: of `STAGES` in order, or one of `VERBS`.
        backend: one of `BACKENDS`.
        bundle: None: a sample.
        in_place: work on the bundle itself, on the backends that run commands.
        job_id: with the backend ``slurm`` an existing allocation.
        user: NAME or UID[:GID]; None: who calls.
        dialect, memory_bytes: None: the site's setting.
        staged_bundle, staged_root: what stage_in has set, for a stage_out alone.
        work_dir: where the run's own directory is made; ``keep``: leave it.
        record: file of the cassette to write; ``cassette``: the one to answer from.
        status: of the container, for a verb; None: what the verb expects.
        command: the verb as it is called, with another ID.
        linger_s: how long a container that was started or killed is waited for.
        slurm_version: that the verbs are told.
    """

    site: Site
    functions: tuple[str, ...] = STAGES
    backend: str = "dry"
    bundle: str | None = None
    in_place: bool = False
    answers: Answers = dataclasses.field(default_factory=Answers)
    container_id: str = DEFAULT_ID
    job_id: int | None = None
    job_env: dict[str, str] = dataclasses.field(default_factory=dict)
    nodes: str | None = None
    user: str | None = None
    dialect: str | None = None
    timeout_s: float = 0.0
    memory_bytes: int | None = None
    staged_bundle: str | None = None
    staged_root: str | None = None
    work_dir: str | None = None
    keep: bool = False
    record: str | None = None
    cassette: Cassette | None = None
    slurm_conf: str | None = None
    status: str | None = None
    command: Command | None = None
    linger_s: float = LINGER_S
    slurm_version: str = "24.11"

    @property
    def force(self) -> bool:
        """Whether the verb ``delete`` is called with ``--force``."""
        return self.command is not None and bool(self.command.options.get("force"))

    @property
    def is_live(self) -> bool:
        """Whether a verb is to be run on a container that is there."""
        return self.is_verb and not self.is_containerless and self.backend in ("local", "slurm")

    @property
    def is_containerless(self) -> bool:
        """Whether a verb is to be run that needs no container."""
        return self.functions[0] in CONTAINERLESS

    @property
    def is_verb(self) -> bool:
        """Whether a verb is to be run."""
        return self.functions[0] in VERBS

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            UsageError: with what is wrong.
        """
        backend = self.backend
        elsewhere = {
            "replay": "the cassette says what the job is",
            "slurm": "SCRUN_* variables say what job to ask for",
        }
        wrong = {
            "--nodes": self.nodes is not None and backend in elsewhere,
            "--user": self.user is not None and backend in elsewhere,
            "--job-id": self.job_id is not None and backend == "replay",
            "--job-env": bool(self.job_env) and backend == "replay",
            "--id": self.container_id != DEFAULT_ID and backend == "replay",
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(f"{name} has no meaning here: {elsewhere[backend]}")
        if self.in_place and (backend not in ("local", "slurm") or not self._has_own_bundle):
            raise UsageError("--in-place is for a --bundle with --local or --slurm")
        if self.record and backend == "replay":
            raise UsageError("--record and --replay exclude each other")
        if self.record and not os.path.isdir(os.path.dirname(os.path.abspath(self.record))):
            raise UsageError(f"--record {self.record}: there is no such directory")
        if self.is_verb:
            self._check_verb()

    def _check_verb(self) -> None:
        verb = self.functions[0]
        if self.backend == "replay" or self.record:
            raise UsageError("--record and --replay are for stage functions, not for a verb")
        if self.is_containerless:
            self._check_containerless()
        if not self.is_live:
            return
        wrong = {
            "--nodes": self.nodes is not None,
            "--user": self.user is not None,
            "--job-env": bool(self.job_env),
            "--job-id": self.job_id is not None and self.backend == "local",
            "--status": self.status is not None and (verb == "create" or self.status == CREATING),
            "--staged-bundle": self.staged_bundle is not None,
            "--staged-root": self.staged_root is not None,
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(f"{name} has no meaning here: {verb} gets a real container")
        if self.bundle is None:
            hint = "a directory with config.json and a root filesystem"
            raise UsageError(f"{verb} needs a container that can run: --bundle DIR", hint=hint)

    def _check_containerless(self) -> None:
        verb = self.functions[0]
        wrong = {
            "--bundle": self.bundle is not None and verb != "spec",
            "--nodes": self.nodes is not None,
            "--job-env": bool(self.job_env),
            "--job-id": self.job_id is not None,
            "--status": self.status is not None,
            "--staged-bundle": self.staged_bundle is not None,
            "--staged-root": self.staged_root is not None,
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(f"{name} has no meaning here: {verb} asks no container")
        if self.user is not None and self.backend != "dry":
            raise UsageError(f"--user has no meaning here: {verb} is run as you are")

    @property
    def _has_own_bundle(self) -> bool:
        given = self.command.options if self.command is not None else {}
        return self.bundle is not None or (self.functions[0] == "spec" and "file" in given)


def parse_verb(verb: str, words: list[str]) -> Command:
    """Return a verb as it is called with these words behind its container's ID, if it takes one.

    Raises:
        UsageError: it cannot be.
    """
    command = parse([verb, *([] if verb in NO_ID else ["-"]), *words])
    if command is None or (verb == "create" and words):
        raise UsageError(
            f"lua run {verb}: {' '.join(words)}: no such arguments",
            hint=f"scrun {verb} --help tells what there is",
        )
    if verb == "exec" and len(command.operands) < 2:
        raise UsageError("lua run exec: no command", hint="lua run FILE exec -- COMMAND...")
    return command
