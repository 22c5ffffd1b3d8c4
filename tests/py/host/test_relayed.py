"""A program that sends its terminal's master, and the process between that and another terminal."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from scrun.errors import ScrunError
from scrun.host.process import Process, kill_group
from scrun.host.relayed import spawn_relayed

TIMEOUT_S = 20
# What a runtime does with a console socket: the command has the terminal, we its status.
PROGRAM = """
import os, socket, sys
path, script = sys.argv[1:]
master, slave = os.openpty()
with socket.socket(socket.AF_UNIX) as engine:
    engine.connect("/proc/self/fd/%d/console" % os.open(os.path.dirname(path), os.O_RDONLY))
    socket.send_fds(engine, [b"/dev/ptmx"], [master])
os.close(master)
pid = os.fork()
if pid == 0:
    os.login_tty(slave)
    os.execvp("sh", ["sh", "-c", script])
os.close(slave)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


class Place:
    """A terminal of somebody's, and a console socket at a path of any length."""

    def __init__(self, directory: Path) -> None:
        folder = directory / ("long" * 30)
        folder.mkdir()
        self.path = folder / "console"
        self.pid = 0
        self.master, self.slave = os.openpty()
        attributes = termios.tcgetattr(self.slave)
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(self.slave, termios.TCSANOW, attributes)
        termios.tcsetwinsize(self.slave, (33, 77))

    def spawn(self, *argv: str) -> tuple[Process, int]:
        """Start a program."""
        path = os.ttyname(self.slave)
        process, self.pid = spawn_relayed(argv, dict(os.environ), str(self.path), terminal=path)
        return process, self.pid

    def run(self, script: str) -> tuple[Process, int]:
        """Start a command on a terminal of its own."""
        # login_tty came with Python 3.11.
        return self.spawn(sys.executable, "-I", "-S", "-c", PROGRAM, str(self.path), script)

    def read_until(self, text: bytes) -> bytes:
        """Read what is seen of it, up to a text."""
        seen = b""
        while text not in seen:
            assert select.select([self.master], [], [], TIMEOUT_S)[0], seen
            seen += os.read(self.master, 65536)
        return seen


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """One that is closed at the end, and where no socket is left."""
    made = Place(tmp_path)
    yield made
    for fd in (made.master, made.slave):
        if fd >= 0:
            os.close(fd)
    is_waited_for = made.path.exists()
    if is_waited_for:
        kill_group(made.pid)
    assert not is_waited_for


def wait(process: Process) -> int:
    """Return the status, when it has ended."""
    assert select.select([process.pidfd], [], [], TIMEOUT_S)[0], "it goes on"
    return process.reap()


def test_it_ends_as_the_program_does(place: Place) -> None:
    """With the size of our end, and all that was written just before."""
    process, _ = place.run("sleep 0.2; stty size; exit 3")
    assert place.read_until(b"\n") == b"33 77\r\n"
    assert (wait(process), process.was_killed) == (3, False)


def test_a_program_that_lived_for_a_moment(place: Place) -> None:
    """Its terminal comes all the same."""
    process, _ = place.run("printf last")
    assert wait(process) == 0
    assert place.read_until(b"last") == b"last"


def test_a_program_that_fails_before_it_connects(place: Place) -> None:
    process, _ = place.spawn("sh", "-c", "echo complaint >&2; exit 5")
    assert wait(process) == 5
    assert place.read_until(b"\n") == b"complaint\n"


def test_a_program_that_is_not_there(place: Place) -> None:
    with pytest.raises(ScrunError) as caught:
        place.spawn("no-such-program")
    assert caught.value.code == "ENOENT"


def test_a_program_that_was_killed(place: Place) -> None:
    """Its status is nobody's word: its command may live on."""
    process, pid = place.run("echo up; read line")
    place.read_until(b"up\r\n")
    os.kill(pid, signal.SIGKILL)
    assert wait(process) == 137
    assert process.was_killed


def test_the_terminal_is_hung_up_with_ours(place: Place) -> None:
    process, _ = place.run("trap 'exit 9' HUP; echo up; while :; do sleep 0.05; done")
    place.read_until(b"up\r\n")
    for fd in (place.master, place.slave):
        os.close(fd)
    place.master = place.slave = -1
    assert wait(process) == 9


def test_a_reader_need_not_be_waited_for(place: Place) -> None:
    """SIGTERM says so; else it waits, and loses nothing."""
    process, _ = place.run("echo up; head -c 200000 /dev/zero")
    place.read_until(b"up\r\n")
    assert not select.select([process.pidfd], [], [], 0.5)[0]
    os.kill(process.pid, signal.SIGTERM)
    os.read(place.master, 65536)  # the command itself waits as well, until we have read some
    deadline = time.monotonic() + TIMEOUT_S
    while not select.select([process.pidfd], [], [], 0.01)[0]:
        assert time.monotonic() < deadline
        if select.select([place.master], [], [], 0)[0]:
            os.read(place.master, 65536)
    assert process.reap() == 0


@pytest.mark.skipif(os.getuid() != 0, reason="another user is needed")
def test_no_other_user_is_listened_to(place: Place) -> None:
    """Though the permissions of all directories may let him."""
    process, _ = place.spawn(
        "sh",
        "-c",
        'until [ -e "$0.go" ]; do sleep 0.02; done; exec "$@"',
        str(place.path),
        *(sys.executable, "-I", "-S", "-c", PROGRAM, str(place.path), "echo ours"),
    )
    place.path.chmod(0o777)
    stranger = os.fork()
    if stranger == 0:
        try:
            os.chdir(place.path.parent)
            os.setuid(65534)
            engine = socket.socket(socket.AF_UNIX)
            engine.connect("console")
            engine.settimeout(TIMEOUT_S)
            with suppress(ConnectionError):  # or the end of file: it was hung up on
                socket.send_fds(engine, [b"x"], [place.slave])
                assert not engine.recv(1)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(stranger, 0)[1] == 0
    Path(f"{place.path}.go").write_text("")
    assert place.read_until(b"\n") == b"ours\r\n"
    assert wait(process) == 0
