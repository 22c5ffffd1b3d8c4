"""An srun that outlives a killed process because nobody reads what it has still to write."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.host.loop import Loop

LOOK_S = 1.0
STUCK_S = 5.0  # a node has tidied up after a process by then, and a reader that reads has read some


def end_when_stuck(
    loop: Loop, pid: int, is_over: Callable[[], bool], end: Callable[[], None]
) -> None:
    """Call ``end`` once a process has written nothing for `STUCK_S`, unless it is over by then.

    srun may hold megabytes: whoever reads them slowly gets all.
    """

    def look(before: int, quiet_s: float) -> None:
        if is_over():
            return
        written = _count_written(pid)
        if written == before and quiet_s >= STUCK_S:
            end()
            return
        still_s = quiet_s + LOOK_S if written == before else LOOK_S
        loop.call_later(LOOK_S, lambda: look(written, still_s))

    look(_count_written(pid), 0.0)


def _count_written(pid: int) -> int:
    """Return how many bytes a process has written so far (proc_pid_io(5)); -1: nobody knows."""
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            return int(file.read().partition(b"wchar:")[2].split()[0])
    except (OSError, ValueError, IndexError):
        return -1
