"""Work on a thread of its own, attended by this one: it serves the loop, and ends what is due."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

from scrun.errors import ScrunError
from scrun.host.loop import Loop

TICK_S = 0.05
CANCEL_AGAIN_S = 1.0  # a script may catch what cancels it
GRACE_S = 5.0  # to end after that; a C function cannot be interrupted at all
ENDING = (signal.SIGINT, signal.SIGTERM)


class Stuck(ScrunError):
    """The work does not end, and goes on on its thread: nothing of it may be touched any more."""

    default_code = "ETIMEDOUT"


class Attendant:
    """Attends one piece of work at a time.

    Attributes:
        reason: why the work is to end; None: it may go on.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.reason: ScrunError | None = None

    def stop(self, reason: ScrunError) -> None:
        """End what runs, and what would be run after it; the first reason counts."""
        self.reason = self.reason or reason

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM stop the work, within this context."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are the main thread's
            return

        def handle(number: int, _frame: FrameType | None) -> None:
            self.stop(ScrunError(f"ended by {signal.Signals(number).name}", code="CANCELLED"))

        before = {number: signal.signal(number, handle) for number in ENDING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def run(
        self,
        work: Callable[[], None],
        *,
        cancel: Callable[[], None],
        interrupt: Callable[[], None],
        late: ScrunError,
        timeout_s: float,
    ) -> None:
        """Run ``work`` to its end on a thread; what it raises is raised here.

        Args:
            cancel: asks it to end. ``interrupt``: ends the command that it waits for. Both are
                called again and again.
            late: the reason to end it after ``timeout_s`` seconds; 0 is no limit.

        Raises:
            Stuck: it did not end when asked to.
        """
        reader, writer = os.pipe2(os.O_CLOEXEC)
        failures: list[BaseException] = []
        over: list[bool] = []

        def body() -> None:
            try:
                work()
            except BaseException as err:  # the border of a thread: raised again by the other
                failures.append(err)
            finally:
                os.close(writer)

        self.loop.watch(reader, lambda: over.append(True))
        threading.Thread(target=body, daemon=True).start()
        try:
            self._attend(over, cancel, interrupt, late, timeout_s)
        finally:
            self.loop.forget(reader)
            os.close(reader)
        if failures:
            raise failures[0]

    def wait(self, start: Callable[[Callable[[], None]], None], cancel: Callable[[], None]) -> None:
        """Serve the loop until what ``start`` began has called back; `cancel` it when stopped."""
        over: list[bool] = []
        start(lambda: over.append(True))
        cancelled = self.reason is not None
        while not over:
            self._tick()
            if self.reason is not None and not cancelled:
                cancelled = True
                cancel()

    def _attend(
        self,
        over: list[bool],
        cancel: Callable[[], None],
        interrupt: Callable[[], None],
        late: ScrunError,
        timeout_s: float,
    ) -> None:
        deadline = monotonic() + timeout_s if timeout_s else None
        asked: float | None = None  # when it was asked to end
        again = 0.0
        while not over:
            self._tick()
            now = monotonic()
            if deadline is not None and now >= deadline:
                self.stop(late)
            if self.reason is None or over:
                continue
            asked = asked or now
            if now >= again:
                again = now + CANCEL_AGAIN_S
                cancel()
            interrupt()
            if now - asked > GRACE_S:
                raise Stuck(self.reason.message, code=self.reason.code)

    def _tick(self) -> None:
        timer = self.loop.call_later(TICK_S, lambda: None)
        self.loop.run_once()
        timer.cancel()
