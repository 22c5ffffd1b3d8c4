"""Changes of a job that runs: scontrol(1), "update"."""

from __future__ import annotations

from scrun import log
from scrun.cluster.environment import for_questions
from scrun.errors import ClusterError, ScrunError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrun.cluster.backend import Done
    from scrun.host.loop import Loop


def update_job(
    loop: Loop, job_id: int, changes: Mapping[str, str], environment: Mapping[str, str], done: Done
) -> None:
    """Have Slurm change a job; ``done`` gets the first line of a refusal.

    Args:
        changes: scontrol's words for them, such as TimeLimit.
    """

    def updated(status: int, output: bytes) -> None:
        told = output.decode("utf-8", "replace").strip() or "scontrol failed"
        done(ClusterError(told.splitlines()[0], code="NOT_UPDATED") if status else None)

    argv = ["scontrol", "update", f"JobId={job_id}"]
    argv += [f"{name}={value}" for name, value in changes.items()]
    log.debug(f"update job {job_id}: run {' '.join(argv)}")
    try:
        loop.capture(argv, for_questions(environment), updated, streams=(1, 2))
    except ScrunError as err:
        done(err)
