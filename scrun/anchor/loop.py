"""The anchor's loop: waits for descriptors, and never for anything else.

No asyncio: it costs 8 MB in every anchor (measured); poll(2) over a listener, a few connections
and pidfds is all that is needed.
"""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.host.process import Process


class Loop:
    """Calls back when a descriptor is readable, or a process has ended."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._callbacks: dict[int, Callable[[], None]] = {}

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever ``fd`` is readable or at its end."""
        self._poll.register(fd, select.POLLIN)
        self._callbacks[fd] = callback

    def forget(self, fd: int) -> None:
        """Stop watching ``fd``; to be called before it is closed."""
        if self._callbacks.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def when_ended(self, process: Process, callback: Callable[[int], None]) -> None:
        """Call ``callback`` once with the exit status of ``process``."""

        def ended() -> None:
            self.forget(process.pidfd)
            callback(process.reap())

        self.watch(process.pidfd, ended)

    def run_once(self) -> None:
        """Wait for the next events and serve them."""
        for fd, _ in self._poll.poll():
            callback = self._callbacks.get(fd)
            if callback is not None:
                callback()
