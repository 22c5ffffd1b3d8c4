"""Questions to Slurm about jobs, steps and QOS, and the order to cancel one.

Every call blocks until Slurm has answered: make them on a worker thread or in a process without a
loop. `choose_queries` picks who answers: Slurm's commands, or pyslurm where it can be trusted to.
"""

from __future__ import annotations

import os
import sys

from scrun import log
from scrun.errors import ClusterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from scrun.cluster.command_queries import CommandQueries

    class Queries(Protocol):
        """What can be asked. Every operation raises ClusterError when Slurm cannot answer.

        ``code`` of the error is Slurm's name (``ESLURM_...``) where it is known, ETIMEDOUT when
        there was no answer in time, ENOENT when the command is not installed.

        Attributes:
            name: ``commands`` or ``pyslurm``.
        """

        name: str

        def describe(self) -> str:
            """Say who answers and why, in one line for people."""

        def qos_priority(self, name: str) -> int | None:
            """Return the priority of a QOS; None: there is no such, or no accounting here."""

        def job(self, job_id: int) -> Job | None:
            """Return a job; None when slurmctld does not know it, or not any more."""

        def steps(self, job_id: int) -> list[Step]:
            """Return the steps of a job that have not ended; none for an unknown job."""

        def cancel(self, job_id: int) -> None:
            """End a job; one that is over or unknown is what was asked for."""

        def cancel_step(self, job_id: int, step_id: str) -> None:
            """End one step; one that is over or unknown is fine."""


# Those of job_state_string() in Slurm 22.05 to 26.05 after which nothing of the job runs. All
# others, also what a later Slurm may add, mean that there is something left to wait for.
OVER = frozenset(
    (
        *("COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL"),
        *("DEADLINE", "OUT_OF_MEMORY", "REVOKED"),
    )
)
# What libslurm reads from its process's environment, where ours cannot be handed to it.
LIBRARY_VARIABLES = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT")


class Job:
    """What slurmctld knows of a job.

    Attributes:
        job_id: its number.
        state: upper case, such as ``PENDING``, ``RUNNING``, ``COMPLETING``, ``CANCELLED``.
        exit_code: 0 to 255; means something once it is over.
        exit_signal: the signal it died of, else 0; likewise.
        user_id: whose it is.
        partition: where it runs; while it waits perhaps several, with commas.
        node_list: ``n[1-2]``; empty while it has none.
        reason: why it waits or failed, such as ``JobHeldUser``; empty when Slurm gives none.
    """

    __slots__ = (
        *("exit_code", "exit_signal", "job_id", "node_list", "partition", "reason", "state"),
        "user_id",
    )

    def __init__(
        self,
        job_id: int,
        *,
        state: str,
        user_id: int,
        partition: str,
        node_list: str,
        reason: str,
        exit_status: tuple[int, int],
    ) -> None:
        self.job_id = job_id
        self.state = state
        self.user_id = user_id
        self.partition = partition
        self.node_list = node_list
        self.reason = "" if reason == "None" else reason
        self.exit_code, self.exit_signal = exit_status

    @property
    def is_over(self) -> bool:
        """Tell whether nothing of it runs any more, on no node."""
        return self.state in OVER


class Step:
    """A step of a job.

    Attributes:
        step_id: ``0``, or ``batch``, ``extern``, ``interactive``.
        name: what ``--job-name`` of its srun said, else its command.
        node_list: where it runs, such as ``n1``.
    """

    __slots__ = ("name", "node_list", "step_id")

    def __init__(self, step_id: str, *, name: str, node_list: str) -> None:
        self.step_id = step_id
        self.name = name
        self.node_list = node_list


def choose_queries(
    mode: str,
    environment: Mapping[str, str],
    timeout_s: float,
    *,
    in_anchor: bool = False,
) -> Queries:
    """Return who answers questions to Slurm from now on.

    Args:
        mode: the setting ``pyslurm``: ``auto`` or ``off``.
        environment: for Slurm's commands; its PATH finds them.
        timeout_s: how long a command may take; 0: as long as it likes.
        in_anchor: a loop and a container's stdio are in this process, so pyslurm is not for it:
            its calls hold the interpreter for all threads, know no time limit, write Slurm's own
            errors to stderr, and a slurm.conf that is wrong ends the process.
    """
    from scrun.cluster.command_queries import CommandQueries  # it needs our Job and Step

    commands = CommandQueries(environment, timeout_s)
    if mode == "off":
        return _decide(commands, "pyslurm is off by setting")
    if in_anchor:
        return _decide(commands, "pyslurm would stop the anchor's loop while it waits")
    version = find_pyslurm()
    if version is None:
        return _decide(commands, "pyslurm is not installed")
    named = f"pyslurm {version}"
    differing = [n for n in LIBRARY_VARIABLES if os.environ.get(n) != environment.get(n)]
    if differing:
        return _decide(commands, f"{named} would not see {differing[0]} of the saved environment")
    try:
        installed = commands.version()
        if release_of(version) != release_of(installed):
            why = f"{named} is for Slurm {release_of(version)}, {installed} is installed"
            return _decide(commands, why)
        # slurm_init() ends the process when slurm.conf is wrong. A command that was answered
        # has read the same slurm.conf by the same library.
        commands.cluster_name()
    except ClusterError as err:
        return _decide(commands, f"{named} was not tried: {err.message}")
    from scrun.cluster import pyslurm_queries  # seldom there

    try:
        answers = pyslurm_queries.PyslurmQueries(pyslurm_queries.import_pyslurm())
    except Exception as err:  # of its import anything may come: a library, a symbol, Slurm itself
        return _decide(commands, f"{named} cannot be loaded: {type(err).__name__}: {err}")
    title = f"{named} with Slurm {installed}"
    chosen = pyslurm_queries.QueriesWithFallback(answers, commands, title)
    log.debug(f"questions to Slurm: {chosen.describe()}")
    return chosen


def find_pyslurm() -> str | None:
    """Return the version of the pyslurm that an import would load; None when there is none.

    Nothing of it is run: built for another Slurm it may take this process with it. A pyslurm that
    does not say its version is ``?``, which matches no Slurm.
    """
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        spec = find_spec("pyslurm", None) if find_spec else None
        if spec is None:
            continue
        for directory in spec.submodule_search_locations or ():
            try:
                with open(f"{directory}/version.py", encoding="utf-8") as file:
                    for line in file:
                        name, equals, value = line.partition("=")
                        if equals and name.strip() == "__version__":
                            return value.strip().strip("\"'")
            except OSError:
                continue
        return "?"
    return None


def release_of(version: str) -> str:
    """Return the release as Slurm counts: ``25.11`` of ``25.11.2``."""
    return ".".join(version.split(".")[:2])


def _decide(commands: CommandQueries, why: str) -> Queries:
    commands.why = why
    log.debug(f"questions to Slurm: {commands.describe()}")
    return commands
