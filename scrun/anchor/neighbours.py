"""Other containers below the same root."""

from __future__ import annotations

import os
import time
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock

from scrun import log
from scrun.errors import UsageError
from scrun.host.directory import is_locked, read_record
from scrun.oci.ids import check_container_id
from scrun.oci.state import CREATED, PAUSED, RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.host.loop import Loop

MEMBERS = "members"  # flock(2): shared by each container that is in this one's job
POLL_S = 0.05
GRACE_S = 15.0  # podman kills what it stops after ten seconds


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


def join(root: str, container_id: str) -> None:
    """Be a member of a container's job until this process ends."""
    path = f"{root}/{container_id}/{MEMBERS}"
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        flock(fd, LOCK_SH | LOCK_NB)
    except OSError as err:
        log.debug(f"{container_id}: it will not wait for us: {err}")


def when_alone(loop: Loop, directory: str, done: Callable[[], None]) -> None:
    """Call ``done`` when the members of this container's job have ended, or after ``GRACE_S``.

    A pod's containers are stopped all at once, and its job ends with this one: the others are to
    have the time that their engine gives them.
    """
    deadline = time.monotonic() + GRACE_S

    def look() -> None:
        try:
            fd = os.open(f"{directory}/{MEMBERS}", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            done()
            return
        try:
            flock(fd, LOCK_EX | LOCK_NB)
            done()
        except BlockingIOError:
            if time.monotonic() < deadline:
                loop.call_later(POLL_S, look)
            else:
                log.info(f"{directory}: containers of the same job end with it")
                done()
        finally:
            os.close(fd)

    look()
