"""Questions to Slurm answered by pyslurm, each of them by a command where pyslurm cannot.

Written to what the sources of pyslurm 25.11.2 have; the names of their files stand at the calls.
An exception that is neither Slurm's answer nor ours means that pyslurm could not answer.
"""

from __future__ import annotations

import sys

from scrun import log
from scrun.cluster.queries import Job, Step
from scrun.cluster.slurm_errors import CODES_BY_NUMBER, FIRST_NUMBER, MISSING
from scrun.errors import ClusterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any, TypeVar

    from scrun.cluster.queries import Queries

    T = TypeVar("T")

LARGEST_PRIORITY = 0xFFFFFFF0  # above are Slurm's NO_VAL and INFINITE
LACKING = (AttributeError, TypeError, ImportError)  # it has no such operation: never ask again


class NotAnsweredError(Exception):
    """pyslurm's answer would not be the truth."""


def import_pyslurm() -> ModuleType:
    """Import pyslurm, which reads slurm.conf and loads Slurm's plugins.

    What it changes for later imports (symbols of extension modules become global) is undone.
    """
    flags = sys.getdlopenflags()
    try:
        import pyslurm  # found and compared before: see choose_queries
    finally:
        sys.setdlopenflags(flags)
    module: ModuleType = pyslurm
    return module


class PyslurmQueries:
    """Answers by the Slurm API; what it does not answer it raises, as whatever exception.

    Args:
        module: the imported pyslurm.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self._error: type[Exception] = module.RPCError  # core/error.pyx

    def qos_priority(self, name: str) -> int | None:
        """Ask slurmdbd for all QOS (deprecated.pyx; db.QualityOfService has no priority)."""
        record = self._module.qos().get().get(name)
        priority = None if record is None else int(record["priority"])
        return priority if priority is not None and priority <= LARGEST_PRIORITY else None

    def job(self, job_id: int) -> Job | None:
        """Load a job (core/job/job.pyx).

        Raises:
            NotAnsweredError: it failed with some exit code; pyslurm takes 128 off larger ones.
        """
        try:
            loaded = self._module.Job.load(job_id)
        except self._error as err:
            refusal = self._refusal_of(f"query job {job_id}", err)
            if refusal and refusal.code in MISSING:
                return None
            raise (refusal or err) from err
        job = Job(
            job_id,
            state=str(loaded.state).upper(),
            user_id=int(loaded.user_id),
            partition=loaded.partition or "",
            node_list=loaded.allocated_nodes or "",
            reason=loaded.state_reason or "",
            exit_status=(int(loaded.exit_code), int(loaded.exit_code_signal)),
        )
        if job.exit_code or (job.state == "FAILED" and not job.exit_signal):
            raise NotAnsweredError(f"exit code {job.exit_code} may be {job.exit_code + 128}")
        return job

    def steps(self, job_id: int) -> list[Step]:
        """Load the steps (core/job/step.pyx); it cannot do so for a job that has none."""
        try:
            loaded = self._module.JobSteps.load(job_id)
        except self._error as err:
            refusal = self._refusal_of(f"query steps of job {job_id}", err)
            if refusal and refusal.code in MISSING:
                return []
            raise (refusal or err) from err
        return [
            Step(str(step.id), name=step.name or "", node_list=",".join(step.allocated_nodes or ()))
            for step in loaded.values()
        ]

    def cancel(self, job_id: int) -> None:
        """Cancel a job (core/job/job.pyx).

        It reports whatever errno there is after the call, so an error of the system's says
        nothing; that one comes out as it is, and asking again does no harm.
        """
        try:
            self._module.Job(job_id).cancel()
        except self._error as err:
            refusal = self._refusal_of(f"cancel job {job_id}", err)
            if not refusal or refusal.code not in MISSING:
                raise (refusal or err) from err

    def _refusal_of(self, operation: str, err: Exception) -> ClusterError | None:
        """Return Slurm's answer in ``err``; None when it is the system's, or pyslurm's own."""
        number = getattr(err, "errno", None)
        if not isinstance(number, int) or number < FIRST_NUMBER:
            return None
        code = CODES_BY_NUMBER.get(number) or self._name_of(number)
        return ClusterError(f"{operation}: {err}", code=code)

    def _name_of(self, number: int) -> str | None:
        """Look a number up among pyslurm's own constants (pydefines/slurm_errno_enums.pxi)."""
        names = vars(self._module).items()
        slurm = (name for name, value in names if value == number and "SLURM" in name)
        return next(slurm, None)


class QueriesWithFallback:
    """Answers by pyslurm, and by a command where pyslurm does not answer.

    Args:
        pyslurm: asked first.
        commands: asked then; always for what pyslurm once turned out to lack.
        title: both versions, for `describe`.
    """

    name = "pyslurm"

    def __init__(self, pyslurm: PyslurmQueries, commands: Queries, title: str) -> None:
        self._pyslurm = pyslurm
        self._commands = commands
        self._title = title
        self._lacking: set[str] = set()
        self._told: dict[str, str] = {}

    def describe(self) -> str:
        """See `Queries.describe`."""
        told = "".join(f"; {operation} by command: {why}" for operation, why in self._told.items())
        return f"{self._title}{told}"

    def qos_priority(self, name: str) -> int | None:
        """See `Queries.qos_priority`."""
        return self._ask(
            "qos_priority",
            lambda: self._pyslurm.qos_priority(name),
            lambda: self._commands.qos_priority(name),
        )

    def job(self, job_id: int) -> Job | None:
        """See `Queries.job`."""
        return self._ask(
            "job", lambda: self._pyslurm.job(job_id), lambda: self._commands.job(job_id)
        )

    def steps(self, job_id: int) -> list[Step]:
        """See `Queries.steps`."""
        return self._ask(
            "steps", lambda: self._pyslurm.steps(job_id), lambda: self._commands.steps(job_id)
        )

    def cancel(self, job_id: int) -> None:
        """See `Queries.cancel`."""
        self._ask(
            "cancel", lambda: self._pyslurm.cancel(job_id), lambda: self._commands.cancel(job_id)
        )

    def cancel_step(self, job_id: int, step_id: str) -> None:
        """See `Queries.cancel_step`; pyslurm's own does not say whether it has."""
        self._commands.cancel_step(job_id, step_id)

    def _ask(self, operation: str, first: Callable[[], T], second: Callable[[], T]) -> T:
        if operation not in self._lacking:
            try:
                return first()
            except ClusterError:
                raise  # Slurm has answered
            except Exception as err:  # whatever pyslurm meets, the command can still answer
                self._tell(operation, err)
        return second()

    def _tell(self, operation: str, err: Exception) -> None:
        if isinstance(err, LACKING):
            self._lacking.add(operation)
        if operation not in self._told:
            kind = "" if isinstance(err, NotAnsweredError) else f"{type(err).__name__}: "
            self._told[operation] = f"{kind}{err}"
            log.debug(f"pyslurm: {operation} by command: {self._told[operation]}")
