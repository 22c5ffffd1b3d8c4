"""What our own stdin and stdout are."""

from __future__ import annotations

import posix
from _stat import S_ISCHR, S_ISFIFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.host.loop import Loop


def has_input() -> bool:
    """Tell whether stdin is something else than /dev/null, which engines give without -i."""
    try:
        status = posix.fstat(0)
    except OSError:
        return False
    return status.st_rdev != posix.makedev(1, 3) or not S_ISCHR(status.st_mode)


class Reader:
    """Whoever reads a pipe of ours, as far as we can see it go."""

    def __init__(self, loop: Loop, fd: int, gone: Callable[[], None]) -> None:
        """Watch a pipe that is our ``fd``; ``gone`` is called when nobody reads it any more."""
        self._loop = loop
        self._fd = -1
        if not S_ISFIFO(posix.fstat(fd).st_mode):
            return
        self._fd = posix.dup(fd)

        def broken() -> None:  # poll(2): of the writing end POLLERR is all that can come
            self.forget()
            gone()

        loop.watch(self._fd, broken)

    def forget(self) -> None:
        """End the watch: else the pipe has no end for its reader."""
        if self._fd >= 0:
            self._loop.forget(self._fd)
            posix.close(self._fd)
            self._fd = -1
