"""Other containers below the same root."""

from __future__ import annotations

import os

from scrun.errors import UsageError
from scrun.host.directory import is_locked, read_record
from scrun.oci.ids import check_container_id
from scrun.oci.state import CREATED, PAUSED, RUNNING


def job_of(root: str, container_id: str) -> tuple[int, dict[str, str]] | None:
    """Return number and variables of the Slurm job of a container that has not ended."""
    try:
        check_container_id(container_id)
    except UsageError:
        return None
    directory = f"{root}/{container_id}"
    if not is_locked(directory):
        return None
    record = read_record(directory)
    job = record.get("job", {})
    if record.get("status") not in (CREATED, RUNNING, PAUSED) or not job.get("variables"):
        return None
    if os.path.exists(f"{directory}/released"):
        return None
    return job["job_id"], job["variables"]
