"""A terminal's size and end, heard of in the place of the program that lives on the terminal.

The kernel tells them to the session that the terminal controls: changes of size to its foreground
process group, the end to its leader. Here this process leads that session.
Source: tty_ioctl(2), TIOCSCTTY and TIOCNOTTY; setsid(2).
"""

from __future__ import annotations

import os
import termios
from fcntl import ioctl

from scrun import log
from scrun.errors import HostError
from scrun.host.nonblocking import is_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable

    from scrun.host.loop import Loop
else:
    import _signal  # `signal` wraps it in enums: 5 ms

SIGHUP, SIGWINCH = 1, 28


class Window:
    """One terminal's, until `close`.

    Args:
        path: of the terminal; no session may have it yet.
        resized: called when its size has changed.
        hung_up: called when nobody has the master any more.

    Raises:
        HostError: this process does not lead a session, or has a terminal.
    """

    def __init__(
        self, loop: Loop, path: str, resized: Callable[[], None], hung_up: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._resized = resized
        self._hung_up = hung_up
        self._others = loop.signal_watcher(SIGHUP)
        self._has_ended = False
        self._owes_end = False  # it was let go with a SIGHUP that was not heard yet
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as err:
            raise HostError("open the terminal", err, path=path) from err
        # Before the terminal is ours: its end would be ours.
        loop.watch_signals((SIGHUP, SIGWINCH), self._hear)
        try:
            ioctl(self._fd, termios.TIOCSCTTY, 0)
        except OSError as err:
            self._let_go()
            raise HostError("control the terminal", err, path=path) from err

    def size(self) -> tuple[int, int]:
        """Return rows and columns; (0, 0) when it has hung up."""
        try:
            return termios.tcgetwinsize(self._fd)
        except (OSError, termios.error):
            return 0, 0

    def close(self) -> None:
        """Let it go: what this process starts from now on has no terminal to ask at."""
        if self._fd < 0:
            return
        # The foreground group, which we are in, gets a SIGHUP for it.
        _signal.signal(SIGHUP, _signal.SIG_IGN)
        try:
            ioctl(self._fd, termios.TIOCNOTTY)
        except OSError as err:
            log.debug(f"let the terminal go: {err}")  # it has hung up, and so was let go
        self._owes_end = self._has_hung_up() and not self._has_ended
        self._let_go()
        self._loop.watch_signals((SIGHUP,), self._hear)

    def _let_go(self) -> None:
        os.close(self._fd)
        self._fd = -1

    def _hear(self, number: int) -> None:
        if number == SIGWINCH:
            if self._fd >= 0:
                self._resized()
        elif self._owes_end:
            self._owes_end = False
        elif self._fd >= 0 and not self._has_ended and self._has_hung_up():
            self._has_ended = True
            self._hung_up()
        elif self._others is not None:  # it was meant for this process
            self._others(number)

    def _has_hung_up(self) -> bool:
        return is_ready(self._fd)
