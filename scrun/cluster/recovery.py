"""End the job of a container whose anchor is dead; blocking, for the verb that found it so.

The job's shell under salloc sees end of file when the anchor dies, so the job mostly ends by
itself; this makes sure, and waits until it is true.
"""

from __future__ import annotations

from time import monotonic

from scrun import log
from scrun.cluster.environment import ELSEWHERE, for_questions, without_defaults
from scrun.cluster.holder import pending_job_id
from scrun.cluster.queries import choose_queries
from scrun.errors import ClusterError
from scrun.host.capture import capture
from scrun.host.directory import read_file
from scrun.host.process import end_dead_session, end_identified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from scrun.cluster.queries import Queries

END_S = 60.0  # more than KillWait (slurm.conf(5)), 30 s by default
POLL_S = 0.1
REMOVAL_S = 30.0


def end_job(record: Mapping[str, Any], directory: str) -> None:
    """End what ``record`` (of the container in ``directory``) says runs.

    Raises:
        ClusterError: it cannot be ended, or Slurm cannot be asked, now.
    """
    job, environment = record["job"], record["environment"]
    if record["backend"] == "local":
        _end_runtime(directory, record)
        removal = job.get("removal")
        if removal:
            log.debug(f"run {' '.join(removal)}")
            capture(removal, environment, timeout_s=REMOVAL_S)
        return
    job_id = job.get("job_id") or pending_job_id(directory)
    environment = without_defaults(environment) | job.get("variables", {})
    is_elsewhere = ELSEWHERE in environment or "SLURM_CLUSTERS" in environment
    choice = "off" if is_elsewhere else record["pyslurm"]  # which knows one cluster
    queries = choose_queries(choice, for_questions(environment), record["command_timeout_s"])
    _end_slurm_job(queries, job_id, record["step_name"] if job.get("adopted") else None)


def end_unrecorded_job(directory: str, environment: Mapping[str, str]) -> None:
    """End the job that salloc was asked for, where nothing else is known of it.

    Raises:
        ClusterError: as `end_job`.
    """
    job_id = pending_job_id(directory)
    _end_slurm_job(choose_queries("off", without_defaults(environment), 0), job_id, None)


def _end_runtime(directory: str, record: Mapping[str, Any]) -> None:
    """End what may still be making the container: it would be done only after the removal.

    With a terminal it is not of the anchor's session, and known by its note alone.
    """
    from scrun.cluster.local_guard import RUNTIME_NOTE  # without Slurm only

    try:
        end_identified(read_file(f"{directory}/{RUNTIME_NOTE}"), record["boot"])
    except FileNotFoundError:
        log.debug(f"{record['id']}: was not started")
    end_dead_session(record["pid"], record["boot"])


def _end_slurm_job(queries: Queries, job_id: int, step_name: str | None) -> None:
    deadline = monotonic() + END_S
    while job_id and not _end(queries, job_id, step_name):
        if monotonic() > deadline:
            text = f"job {job_id} does not end"
            hint = f"scancel {job_id}, then try again"
            raise ClusterError(text, code="ETIMEDOUT", hint=hint)
        _pause()


def _end(queries: Queries, job_id: int, step_name: str | None) -> bool:
    """Cancel what is left of the job, or (``step_name``) of one step; True: nothing was left."""
    if step_name is not None:
        steps = [step for step in queries.steps(job_id) if step.name == step_name]
        for step in steps:
            queries.cancel_step(job_id, step.step_id)
        return not steps
    found = queries.job(job_id)
    if found is None or found.is_over:
        return True
    if found.state != "COMPLETING":
        queries.cancel(job_id)
    return False


def _pause() -> None:
    from select import select  # a wait is rare

    select((), (), (), POLL_S)
