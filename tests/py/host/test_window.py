"""scrun.host.window: who hears of a terminal's size and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable

from tests.py.lifecycle.runtimes import CHECKOUT

# The child says what it hears, a line each; a line that it reads lets it close the window.
CHILD = """
import os, select, sys
from scrun.host.loop import Loop
from scrun.host.window import Window

os.setsid()
loop = Loop()
say = lambda text: print(text, flush=True)
loop.watch_signals((1,), lambda number: say("own"))
window = Window(
    loop, sys.argv[1], lambda: say("%d %d" % window.size()), lambda: say("hung up")
)
end = select.poll()
end.register(os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY), 0)
def take():
    command = sys.stdin.readline().strip()
    if command.startswith("close"):
        if command == "close late":
            say("waits")
            end.poll()
        window.close()
        say("closed")
    else:  # "end", or nobody is left to say so
        os._exit(0)
loop.watch(0, take)
say("ready")
while True:
    loop.run_once()
"""


class Child:
    """A process that has the window of a new terminal."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, os.ttyname(slave)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
        self.expect("ready")
        os.close(slave)

    def send(self, line: str) -> None:
        """Send a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")

    def expect(self, line: str) -> None:
        """Read what it says next."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{line}\n"

    def end(self) -> None:
        """End it; nothing more may have been heard."""
        self.send("end")
        assert self.process.communicate()[0] == ""
        assert self.process.returncode == 0


def test_it_hears_of_a_size_and_of_the_end() -> None:
    """Each change once; the end of the terminal is not one of the process's own signals."""
    child = Child()
    for rows in (30, 31):
        termios.tcsetwinsize(child.master, (rows, 90))
        child.expect(f"{rows} 90")
    child.process.send_signal(signal.SIGHUP)
    child.expect("own")
    os.close(child.master)
    child.expect("hung up")
    child.process.send_signal(signal.SIGHUP)
    child.expect("own")
    child.end()


def test_it_can_let_go() -> None:
    """Then the process hears only what is meant for it, and does not control the terminal."""
    child = Child()
    child.send("close")
    child.expect("closed")
    termios.tcsetwinsize(child.master, (30, 90))
    os.close(child.master)
    wait_until(lambda: terminal_of(child.process.pid) == 0)
    child.process.send_signal(signal.SIGHUP)
    child.expect("own")
    child.end()


def test_an_end_that_is_heard_too_late() -> None:
    """The terminal hangs up, and the process lets go before it looks at its signals."""
    child = Child()
    child.send("close late")
    child.expect("waits")
    os.close(child.master)
    child.expect("closed")
    child.end()


def terminal_of(pid: int) -> int:
    """Return the device number of a process's terminal (proc_pid_stat(5), field 7)."""
    return int(stat_of(pid)[4])


def stat_of(pid: int) -> list[str]:
    """Return proc_pid_stat(5) from field 3 on."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for it; a minute at most."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
