"""What is to be run, and on what: the options of ``scrun lua run``."""

from __future__ import annotations

import dataclasses
import os

from scrun.errors import ConfigError, UsageError
from scrun.workbench.run.answers import Answers
from scrun.workbench.run.cassette import Cassette
from scrun.workbench.run.job import DEFAULT_ID

STAGES = ("stage_in", "stage_out")
VERBS = ("create", "start", "state", "kill", "delete")
BACKENDS = ("dry", "local", "slurm", "replay")
STATUSES = ("creating", "created", "running", "stopped")


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
        signal, force, all: what the verbs kill and delete are called with.
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
    signal: str = "TERM"
    force: bool = False
    all: bool = False
    slurm_version: str = "24.11"

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
        if self.in_place and (backend not in ("local", "slurm") or self.bundle is None):
            raise UsageError("--in-place is for a --bundle with --local or --slurm")
        if self.record and backend == "replay":
            raise UsageError("--record and --replay exclude each other")
        if self.record and not os.path.isdir(os.path.dirname(os.path.abspath(self.record))):
            raise UsageError(f"--record {self.record}: there is no such directory")
        if self.is_verb and (backend != "dry" or self.record):
            raise UsageError("a verb is run dry: its steps are shown, none is done")
