"""End the job of a container whose anchor is dead; blocking, for the verb that found it so.

The job's shell under salloc sees end of file when the anchor dies, so the job mostly ends by
itself; this makes sure, and waits until it is true.
"""

from __future__ import annotations

from time import monotonic

from scrun import log
from scrun.cluster.holder import pending_job_id
from scrun.errors import ClusterError
from scrun.host.capture import capture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

END_S = 60.0  # more than KillWait (slurm.conf(5)), 30 s by default
POLL_S = 0.1
COMMAND_S = 30.0


def end_job(record: Mapping[str, Any], directory: str) -> None:
    """End what ``record`` (of the container in ``directory``) says runs.

    Raises:
        ClusterError: it cannot be ended, or Slurm cannot be asked, now.
    """
    if record["backend"] == "local":
        removal = record["job"].get("removal")
        if removal:
            _run(removal, record["environment"])
        return
    _end_slurm_job(record, directory)


def _end_slurm_job(record: Mapping[str, Any], directory: str) -> None:
    environment: Mapping[str, str] = record["environment"]
    job = record["job"]
    job_id = job.get("job_id") or pending_job_id(directory)
    if not job_id:
        return
    deadline = monotonic() + END_S
    while True:
        targets = _find_targets(job_id, bool(job.get("adopted")), record["id"], environment)
        if not targets:
            return
        if monotonic() > deadline:
            raise ClusterError(
                f"job {job_id} does not end: still there: {' '.join(targets)}",
                code="ETIMEDOUT",
                hint=f"scancel {job_id}, then try again",
            )
        _run(["scancel", *targets], environment)
        _pause()


def _find_targets(
    job_id: int, adopted: bool, name: str, environment: Mapping[str, str]
) -> list[str]:
    """Return what is still to be cancelled: the job, or of an adopted job the container's step."""
    argv = ["squeue", "--noheader", "--jobs", str(job_id)]
    argv += ["--steps", "--format", "%i %j"] if adopted else ["--format", "%i %T"]
    status, output = _run(argv, environment)
    text = output.decode("utf-8", "replace").strip()
    if status:
        if "Invalid job id" in text:
            return []
        raise ClusterError(f"ask for job {job_id}: {text.splitlines()[-1] if text else status}")
    pairs = [line.strip().partition(" ")[::2] for line in text.splitlines()]
    if adopted:
        return [step for step, step_name in pairs if step_name == name]
    return [found for found, _ in pairs]


def _run(argv: list[str], environment: Mapping[str, str]) -> tuple[int, bytes]:
    log.debug(f"run {' '.join(argv)}")
    status, output, _ = capture(argv, environment, timeout_s=COMMAND_S)
    return status, output


def _pause() -> None:
    from select import select  # a wait is rare

    select((), (), (), POLL_S)
