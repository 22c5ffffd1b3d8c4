"""Between a caller's stdio and a container's terminal: both ways at once, and to the last byte."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest

from tests.py.lifecycle.runtimes import CHECKOUT

TIMEOUT_S = 60
# What `run` does, with a command on the slave in place of a container.
PROGRAM = """
import os, sys
from scrun.host.loop import Loop
from scrun.host.process import spawn
from scrun.host.relay import Relay
from scrun.host.terminal import Terminal

loop, terminal, over = Loop(), Terminal(), []
relay = Relay(loop, terminal.master)
process = spawn(sys.argv[1:], dict(os.environ), terminal=terminal.path)

def ended(status):
    os.close(terminal.slave)
    relay.drain(lambda: over.append(status))

loop.when_ended(process, ended)
relay.begin()
while not over:
    loop.run_once()
relay.restore()
sys.exit(over[0])
"""


class Person:
    """A terminal with a relay on it."""

    def __init__(self, script: str, *, at_a_terminal: bool = True) -> None:
        self.master, self.slave = os.openpty()
        termios.tcsetwinsize(self.slave, (33, 77))
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "sh", "-c", script],
            stdin=self.slave if at_a_terminal else subprocess.PIPE,
            stdout=self.slave,
            env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        )

    def exchange(self, data: bytes) -> bytes:
        """Type all of ``data``, reading what comes meanwhile, to the end; returns that."""
        os.set_blocking(self.master, False)
        seen = b""
        deadline = time.monotonic() + TIMEOUT_S
        has_ended = False
        while not has_ended:
            assert time.monotonic() < deadline, (len(data), len(seen), seen[-100:])
            has_ended = self.process.poll() is not None
            wanted = [self.master] if data else []
            readable, writable, _ = select.select([self.master], wanted, [], 0.05)
            if writable:
                data = data[os.write(self.master, data[:4096]) :]
            while readable and select.select([self.master], [], [], 0)[0]:
                seen += os.read(self.master, 65536)
        return seen


@pytest.fixture
def people() -> Iterator[list[Person]]:
    """Those that are to be sent home."""
    made: list[Person] = []
    yield made
    for person in made:
        person.process.kill()
        person.process.wait()
        os.close(person.master)
        os.close(person.slave)


def test_much_goes_both_ways_at_once(people: list[Person]) -> None:
    """Who only writes while nobody reads waits for ever; nothing is changed on the way."""
    data = bytes(range(256)) * 2000
    people.append(Person(f"printf go; head -c {len(data)} | cat"))
    assert os.read(people[0].master, 2) == b"go"  # before, what is typed is still the shell's
    seen = people[0].exchange(data)
    assert people[0].process.returncode == 0
    assert len(seen) == len(data)
    assert seen == data


def test_the_terminal_is_as_it_was(people: list[Person]) -> None:
    people.append(Person("printf go; read line; exit 3"))
    person = people[0]
    assert os.read(person.master, 2) == b"go"
    assert not termios.tcgetattr(person.slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    person.exchange(b"\n")
    assert person.process.returncode == 3
    assert termios.tcgetattr(person.slave) == person.before


def test_what_outlives_the_process_is_not_waited_for(people: list[Person]) -> None:
    """A descriptor of the terminal in somebody's hands does not keep the caller."""
    people.append(Person("setsid sleep 15 & printf last"))
    started = time.monotonic()
    assert people[0].exchange(b"") == b"last"
    assert time.monotonic() - started < 10


def test_what_goes_on_writing_is_not_waited_for(people: list[Person]) -> None:
    people.append(Person("trap '' HUP; printf first; { while echo y; do :; done; } & exit 3"))
    assert people[0].exchange(b"").startswith(b"first")
    assert people[0].process.returncode == 3


def test_the_end_of_input_stays_the_end(people: list[Person]) -> None:
    """One that is read after another finds it as well, as at the end of a file."""
    script = "stty sane -echo; printf go; cat; cat; echo over"
    people.append(Person(script, at_a_terminal=False))
    stdin = people[0].process.stdin
    assert stdin is not None
    assert os.read(people[0].master, 2) == b"go"
    stdin.write(b"x\n")
    stdin.close()
    assert people[0].exchange(b"").replace(b"\r", b"") == b"x\nover\n"


def test_a_reader_that_is_gone_hangs_the_terminal_up() -> None:
    """As closing a window does."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "sh", "-c", "while echo y; do :; done"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )
    assert process.stdout is not None
    process.stdout.read(100)
    process.stdout.close()
    assert process.wait(TIMEOUT_S) == 129  # 128 + SIGHUP
