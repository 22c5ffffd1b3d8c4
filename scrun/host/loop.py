"""The anchor's loop: waits for descriptors, times and signals, and never for anything else.

No asyncio: it costs 8 MB in every anchor (measured); poll(2) over a listener, a few connections
and pidfds is all that is needed.
"""

from __future__ import annotations

import posix
import select
from time import monotonic

from scrun import log
from scrun.host.paths import DEV_NULL
from scrun.host.process import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from scrun.host.process import Process
else:
    import _signal  # `signal` wraps it in enums: 5 ms


MAX_WAIT_MS = 86_400_000.0  # poll(2) takes an int, which 25 days exceed; a day is long enough


class Timer:
    """A call that is due at ``deadline`` (of the monotonic clock); `cancel` takes it back."""

    __slots__ = ("callback", "deadline")

    def __init__(self, deadline: float, callback: Callable[[], None]) -> None:
        self.deadline = deadline
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Let the call never happen; harmless after it has."""
        self.callback = None


class Loop:
    """Calls back when a descriptor is readable, a process has ended, a time or a signal came."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._timers: list[Timer] = []
        self._signals: dict[int, Callable[[int], None]] = {}

    def watch(self, fd: int, callback: Callable[[], None], *, writable: bool = False) -> None:
        """Call ``callback`` whenever ``fd`` is readable (or writable), or at its end."""
        self._poll.register(fd, select.POLLOUT if writable else select.POLLIN)
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

    def read_all(self, fd: int, callback: Callable[[bytes], None]) -> None:
        """Read the pipe ``fd`` to its end, close it, and call ``callback`` with what it brought."""
        parts: list[bytes] = []
        posix.set_blocking(fd, False)

        def readable() -> None:
            try:
                part = posix.read(fd, 65536)
            except BlockingIOError:
                return
            if part:
                parts.append(part)
                return
            self.forget(fd)
            posix.close(fd)
            callback(b"".join(parts))

        self.watch(fd, readable)

    def capture(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        callback: Callable[[int, bytes], None],
        *,
        streams: tuple[int, ...] = (1,),
    ) -> Process:
        """Run ``argv`` and call ``callback`` with its status and output when it has ended.

        Args:
            streams: whose output: 1 is stdout, 2 stderr.

        Raises:
            HostError: it cannot be run.
        """
        reader, writer = posix.pipe2(posix.O_CLOEXEC)
        null = posix.open(DEV_NULL, posix.O_RDWR | posix.O_CLOEXEC)
        out, err = (writer if number in streams else null for number in (1, 2))
        try:
            process = spawn(argv, environment, stdio=(null, out, err))
        except BaseException:
            posix.close(reader)
            raise
        finally:
            posix.close(null)
            posix.close(writer)

        def read(data: bytes) -> None:
            self.when_ended(process, lambda status: callback(status, data))

        self.read_all(reader, read)
        return process

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` once, in ``seconds``; inf: never."""
        timer = Timer(monotonic() + seconds, callback)
        self._timers.append(timer)
        return timer

    def watch_signals(self, numbers: Iterable[int], callback: Callable[[int], None]) -> None:
        """Call ``callback`` with each of these signals that this process gets; who asks last does.

        No other loop of this process hears of any from then on.
        """
        if not self._signals:
            reader, writer = posix.pipe2(posix.O_NONBLOCK | posix.O_CLOEXEC)
            _signal.set_wakeup_fd(writer)

            def readable() -> None:
                for number in posix.read(reader, 64):
                    _survive(self._signals[number], number)  # and hear of the next

            self.watch(reader, readable)
        for number in numbers:
            self._signals[number] = callback
            _signal.signal(number, _ignore)  # a handler, so that the number is written to the pipe

    def signal_watcher(self, number: int) -> Callable[[int], None] | None:
        """Return what is called with a signal."""
        return self._signals.get(number)

    def run_once(self) -> None:
        """Wait for the next events, at most `MAX_WAIT_MS`, and serve them."""
        ready = self._poll.poll(self._next_wait_ms())
        # One of this round may end the watch of another, and whatever is opened next has its
        # number: an event is for who was there when it came, and all others hear in the next round.
        for fd, callback in [(fd, self._callbacks.get(fd)) for fd, _ in ready]:
            if callback is None or self._callbacks.get(fd) is not callback:
                continue
            if not _survive(callback) and self._callbacks.get(fd) is callback:
                self.forget(fd)  # or it would fail for ever
        if self._timers:
            self._serve_timers()

    def _next_wait_ms(self) -> float | None:
        self._timers = [timer for timer in self._timers if timer.callback is not None]
        if not self._timers:
            return None
        soonest = min(timer.deadline for timer in self._timers)
        return bound_wait_ms(soonest - monotonic())

    def _serve_timers(self) -> None:
        now = monotonic()
        for timer in list(self._timers):
            callback = timer.callback
            if callback is not None and timer.deadline <= now:
                timer.callback = None
                _survive(callback)


def bound_wait_ms(seconds: float) -> float:
    """Return how long to wait in poll(2) for what is due in ``seconds``, inf included."""
    return min(max(0.0, seconds * 1000), MAX_WAIT_MS)


def _survive(callback: Callable[..., None], *arguments: int) -> bool:
    """Call back; False: it failed, which is our own mistake and must not end what we hold."""
    try:
        callback(*arguments)
    except Exception as err:
        log.bug(err, "anchor")
        return False
    return True


def _ignore(_number: int, _frame: object) -> None:
    """Do nothing: the wake-up descriptor has it."""
