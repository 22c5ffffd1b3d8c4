"""Write to what is somebody else's as well, without waiting for whoever reads it."""

from __future__ import annotations

import os
import select
from _stat import S_ISCHR, S_ISFIFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scrun.host.loop import Loop

LATE_S = 5.0  # who has not read a line by then does not get it


def reopen(fd: int) -> int:
    """Return a descriptor of the same that does not block and is ours alone, or ``fd`` itself.

    O_NONBLOCK is shared by all who have a descriptor of the same opening: the caller's shell too.
    """
    mode = os.fstat(fd).st_mode
    if S_ISCHR(mode) or S_ISFIFO(mode):
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            return os.open(f"/proc/self/fd/{fd}", flags)
        except OSError:
            return fd  # another user's terminal, say
    return fd


def write_line(loop: Loop, fd: int, line: str) -> None:
    """Write a line, now or as soon as it is taken; -1 for ``fd``: nowhere.

    A terminal of ours is raw, so it gets the whole end.
    """
    try:
        rest = os.fsencode(line) + (b"\r\n" if os.isatty(fd) else b"\n")
        own = reopen(fd)
        own = os.dup(fd) if own == fd else own
    except OSError:
        return

    def write() -> bool:
        nonlocal rest
        try:
            rest = rest[os.write(own, rest) :]
        except BlockingIOError:
            return False
        except OSError:  # nobody reads it any more
            rest = b""
        return not rest

    def writable() -> None:
        if write():
            late.cancel()
            close()

    def close() -> None:
        loop.forget(own)
        os.close(own)

    if is_ready(own, select.POLLOUT) and write():
        os.close(own)
        return
    late = loop.call_later(LATE_S, close)
    loop.watch(own, writable, writable=True)


def is_ready(fd: int, events: int = 0) -> bool:
    """Tell whether there is one of these events of poll(2) now, or the end, or an error."""
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(0))
