"""A person's seat: scrun called at a terminal of its own, which is looked at before and after."""

from __future__ import annotations

import os
import select
import signal
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pexpect import fdpexpect

from tests.py.lifecycle.runtimes import Runtime

TIMEOUT_S = 90


class Seat:
    """A pseudoterminal, and a command on it, as login and a shell have it.

    Attributes:
        screen: of pexpect: what the person sees and types.
        pace_s: how long `leave` waits after each look.
    """

    def __init__(self, runtime: Runtime, args: tuple[str, ...], size: tuple[int, int]) -> None:
        self.pace_s = 0.0
        self.master, self._slave = os.openpty()
        termios.tcsetwinsize(self._slave, size)
        os.fchmod(self._slave, 0o666)  # as if it were the user's
        self.before = termios.tcgetattr(self._slave)
        self.process = runtime.popen(
            ["setsid", "--ctty", *runtime.argv(*args)],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
        )
        self.screen: Any = fdpexpect.fdspawn(self.master, timeout=TIMEOUT_S)

    def resize(self, rows: int, columns: int) -> None:
        """Change the terminal's size."""
        termios.tcsetwinsize(self.master, (rows, columns))

    @property
    def is_raw(self) -> bool:
        """Whether the terminal hands every byte on."""
        flags: int = termios.tcgetattr(self._slave)[3]
        return not flags & (termios.ICANON | termios.ECHO | termios.ISIG)

    def leave(self) -> tuple[int, bytes]:
        """Wait for the command's end; its status, and what was not yet looked at of the screen.

        The terminal has to be as it was.
        """
        seen: bytes = self.screen.buffer
        deadline = time.monotonic() + TIMEOUT_S
        has_ended = False
        while not has_ended:
            assert time.monotonic() < deadline, f"it goes on; screen: {seen[-200:]!r}"
            has_ended = self.process.poll() is not None  # looked at first: then comes no more
            while select.select([self.master], [], [], 0.2 if has_ended else 0.05)[0]:
                seen += os.read(self.master, 65536)
                time.sleep(self.pace_s)
        assert termios.tcgetattr(self._slave) == self.before
        return self.process.returncode, seen

    def hang_up(self) -> None:
        """Let the terminal be gone."""
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        """End all."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._slave)
        if self.master >= 0:
            os.close(self.master)


@contextmanager
def at_a_terminal(runtime: Runtime, *args: str, size: tuple[int, int] = (33, 77)) -> Iterator[Seat]:
    """Call scrun at a terminal."""
    seat = Seat(runtime, args, size)
    try:
        yield seat
    finally:
        seat.close()


def wait_until(condition: Any, what: str) -> None:
    """Wait for a condition of the terminal."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
