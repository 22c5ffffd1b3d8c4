"""core/job/job.pyx and core/job/step.pyx."""

import os

from . import fake_cluster
from .error import RPCError, verify_rpc

INVALID_JOB_ID, ALREADY_DONE = 2017, 2021


def _find(job_id: int) -> fake_cluster.FakeJob:
    verify_rpc(fake_cluster.refusal)
    if job_id not in fake_cluster.jobs:
        raise RPCError(INVALID_JOB_ID)
    return fake_cluster.jobs[job_id]


class Job:
    """job.pyx: attributes mean something only after `load`."""

    def __init__(self, job_id: int) -> None:
        self.id = job_id
        self._record = fake_cluster.FakeJob("PENDING", partition="", nodes=None)

    @staticmethod
    def load(job_id: int) -> "Job":
        """Ask slurmctld; RPCError with ESLURM_INVALID_JOB_ID when it does not know it."""
        job = Job(job_id)
        job._record = _find(job_id)
        return job

    def cancel(self) -> None:
        """SIGKILL; report what is in errno after the call, whatever the call returned."""
        errno = fake_cluster.stale_errno
        try:
            record = _find(self.id)
        except RPCError as err:
            errno = err.errno
        else:
            if record.state not in ("PENDING", "RUNNING"):
                errno = ALREADY_DONE
            else:
                record.state = "CANCELLED"
        if errno not in (ALREADY_DONE, INVALID_JOB_ID):
            verify_rpc(errno)

    @property
    def state(self) -> str:
        """slurm_job_state_string()."""
        return self._record.state

    @property
    def state_reason(self) -> str:
        """slurm_job_state_reason_string(), so "None" when there is no reason."""
        return self._record.reason

    @property
    def user_id(self) -> int:
        """A number."""
        return self._record.user_id

    @property
    def partition(self) -> str:
        """Its name."""
        return self._record.partition

    @property
    def allocated_nodes(self) -> str | None:
        """cstr.to_unicode() gives None for no text."""
        return self._record.nodes

    @property
    def exit_code(self) -> int:
        """utils/helpers.pyx, _get_exit_code: 128 is taken off."""
        if not os.WIFEXITED(self._record.status):
            return 0
        code = os.WEXITSTATUS(self._record.status)
        return code - 128 if code >= 128 else code

    @property
    def exit_code_signal(self) -> int:
        """utils/helpers.pyx, _get_exit_code."""
        status = self._record.status
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


class JobSteps(dict[int | str, "JobStep"]):
    """step.pyx: by step id."""

    @staticmethod
    def load(job: Job | int) -> "JobSteps":
        """Load the job first; for one without steps it ends in one of two exceptions."""
        job_id = job.id if isinstance(job, Job) else job
        record = _find(job_id)
        if not record.steps:
            if record.state != "PENDING":
                raise RPCError(msg=f"Failed to load step info for Job {job_id}.")
            raise KeyError(job_id)
        return JobSteps({s.step_id: JobStep(job_id, s.step_id) for s in record.steps})


class JobStep:
    """step.pyx: the id is a number, or batch, extern, interactive."""

    def __init__(self, job_id: int = 0, step_id: int | str = 0) -> None:
        self.job_id = job_id
        self.id = step_id

    @property
    def _record(self) -> fake_cluster.FakeStep:
        steps = {step.step_id: step for step in _find(self.job_id).steps}
        if self.id not in steps:
            raise RPCError(INVALID_JOB_ID)
        return steps[self.id]

    @property
    def name(self) -> str:
        """Its name."""
        return self._record.name

    @property
    def allocated_nodes(self) -> list[str]:
        """cstr.to_list() cuts at every comma, in brackets too."""
        return self._record.nodes.split(",")
