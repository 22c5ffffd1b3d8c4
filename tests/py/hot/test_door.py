"""The anchor's door: `start` and `kill` by the launcher itself, without Python."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scrun.anchor.door import Door
from scrun.host.loop import Loop
from scrun.hot.wire import dumps
from tests.py.hot.test_launcher import LAUNCHER, NO_PYTHON

if TYPE_CHECKING:
    from scrun.anchor.door import Reply

TIMEOUT_S = 20
REFUSAL = dumps({"ok": False, "message": "no such thing", "code": "BAD_STATE"})
# Stands in for Python: what it was called with, and what it could read of the refusal.
PYTHON = """\
#!/bin/sh
echo python "$_SCRUN_REFUSAL"
[ "$_SCRUN_REFUSAL" ] && exec cat <&9
exit 0
"""


class Anchor:
    """A process that answers at a door; SIGUSR1 lets it look for claims that nobody uses.

    Args:
        reply: what each request gets; None: the anchor dies of it.
    """

    def __init__(self, directory: Path, reply: bytes | None = b"") -> None:
        self.directory = directory
        self._log = directory.parents[1] / "asked"
        self._log.touch()
        reader, writer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                self._live(reply, writer)
            finally:
                os._exit(1)
        os.close(writer)
        assert os.read(reader, 1), "it did not come up"
        os.close(reader)

    def _live(self, reply: bytes | None, ready: int) -> None:
        loop = Loop()

        def answer(verb: str, options: dict[str, object], operands: list[str], tell: Reply) -> None:
            with self._log.open("a") as log:
                log.write(json.dumps([verb, options, operands]) + "\n")
            if reply is None:
                os._exit(1)
            tell(reply)

        door = Door(loop, str(self.directory), answer)
        loop.watch_signals((signal.SIGUSR1,), lambda _: door.renew())
        os.write(ready, b"1")
        while True:
            loop.run_once()

    @property
    def asked(self) -> list[Any]:
        """Verb, options and operands of each request."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def renew(self) -> None:
        """Let it look for claims, as it does when somebody comes by the socket."""
        os.kill(self._pid, signal.SIGUSR1)

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        self._pid = 0


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a container's directory."""
    path = tmp_path / "root" / "web"
    path.mkdir(parents=True, mode=0o700)
    return path


@pytest.fixture
def anchor(directory: Path) -> Iterator[Anchor]:
    """Yield a living anchor of the container ``web``."""
    anchor = Anchor(directory)
    yield anchor
    anchor.kill()


@pytest.fixture
def launcher(tmp_path: Path) -> Path:
    """Return a launcher without a Python beside it."""
    path = tmp_path / "bin" / "scrun"
    path.parent.mkdir()
    shutil.copy(LAUNCHER, path)
    return path


def call(launcher: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run the launcher for the container's root."""
    root = launcher.parents[1] / "root"
    command = ["/bin/sh", str(launcher), "--root", str(root), *words]
    return subprocess.run(command, env={}, capture_output=True, timeout=TIMEOUT_S)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["start", "web"], ["start", {}, []]),
        (["kill", "web"], ["kill", {}, []]),
        (["kill", "web", "KILL"], ["kill", {}, ["KILL"]]),
        (["kill", "web", "SIGRTMIN+3"], ["kill", {}, ["SIGRTMIN+3"]]),
        (["kill", "web", "15"], ["kill", {}, ["15"]]),
        (["kill", "--all", "web", "9"], ["kill", {"all": True}, ["9"]]),
        (["kill", "-a", "web"], ["kill", {"all": True}, []]),
    ],
    ids=str,
)
def test_the_anchor_is_asked(
    launcher: Path, anchor: Anchor, words: list[str], asked: list[object]
) -> None:
    """With what the socket would have brought, one after the other; no claim is left."""
    for count in (1, 2):
        done = call(launcher, *words)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert anchor.asked == [asked] * count
    assert sorted(os.listdir(anchor.directory)) == ["answer.3", "door"]


@pytest.mark.parametrize(
    "words",
    [
        ["start", "web", "more"],
        ["start", "--force", "web"],
        ["kill", "web", "-9"],
        ["kill", "web", "--all"],
        ["kill", "web", "9", "10"],
        ["kill", "web", "US R1"],
        ["kill", "web", "9;true"],
        ["kill", "--regex", "web"],
        ["kill", "../root/web", "9"],
        ["kill", "other", "9"],
        ["pause", "web"],
        ["exec", "web", "start"],
        ["exec", "web", "kill"],
        ["--debug", "kill", "web"],
    ],
    ids=" ".join,
)
def test_all_else_is_pythons(launcher: Path, anchor: Anchor, words: list[str]) -> None:
    """Other spellings and mistakes: one parser explains them."""
    done = call(launcher, *words)
    assert done.returncode == 1 and NO_PYTHON in done.stderr.decode()
    assert not anchor.asked
    assert sorted(os.listdir(anchor.directory)) == ["answer.1", "door"]


@pytest.fixture
def python(launcher: Path) -> None:
    """Put something beside the launcher that tells how Python was called."""
    path = launcher.parent / "python3"
    path.write_text(PYTHON)
    path.chmod(0o755)


@pytest.mark.usefixtures("python")
def test_a_refusal_is_told_by_python(launcher: Path, directory: Path) -> None:
    """It gets the reply whole, and does not ask again."""
    anchor = Anchor(directory, REFUSAL)
    done = call(launcher, "kill", "web", "9")
    anchor.kill()
    assert done.stdout == b"python 9\n" + REFUSAL
    assert len(anchor.asked) == 1


@pytest.mark.usefixtures("python")
def test_a_dead_anchor_holds_nobody_up(launcher: Path, directory: Path) -> None:
    """Its FIFOs are there still: whoever finds nobody goes on, and Python looks into it."""
    Anchor(directory).kill()
    for _ in range(2):
        assert call(launcher, "kill", "web", "9").stdout == b"python \n"


@pytest.mark.usefixtures("python")
def test_an_anchor_that_dies_over_it(launcher: Path, directory: Path) -> None:
    """The answer ends without a word: Python is to find out."""
    anchor = Anchor(directory, None)
    assert call(launcher, "start", "web").stdout == b"python \n"
    assert anchor.asked == [["start", {}, []]]
    anchor.kill()


@pytest.mark.usefixtures("python")
def test_one_at_a_time(launcher: Path, anchor: Anchor) -> None:
    """Who finds the answer claimed goes another way, until its owner has been gone for a while."""
    claim = anchor.directory / "claim.1"
    claim.touch()
    anchor.renew()
    assert call(launcher, "kill", "web").stdout == b"python \n"
    os.utime(claim, (1, 1))
    anchor.renew()
    deadline = time.monotonic() + TIMEOUT_S
    while claim.exists():
        assert time.monotonic() < deadline, "the claim stays"
        time.sleep(0.01)
    assert call(launcher, "kill", "web").stdout == b""
    assert anchor.asked == [["kill", {}, []]]
    assert sorted(os.listdir(anchor.directory)) == ["answer.3", "door"]


def test_a_claim_of_a_number_that_is_over(tmp_path: Path, launcher: Path, anchor: Anchor) -> None:
    """Who looked at an answer that goes meanwhile leaves nothing in its place."""
    text = launcher.read_text()
    slow = "answer=$directory/answer.0\n  claim="
    assert text.count("claim=") == 1
    launcher.write_text(text.replace("claim=", slow))
    assert NO_PYTHON in call(launcher, "kill", "web").stderr.decode()
    assert sorted(os.listdir(anchor.directory)) == ["answer.1", "door"]
    assert not anchor.asked


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize("is_directory", [True, False])
def test_no_next_answer(launcher: Path, anchor: Anchor, is_directory: bool) -> None:
    """Where something is in its way, this caller is served, and the next ones go by the socket."""
    path = anchor.directory / "answer.2"
    path.mkdir() if is_directory else path.touch()
    with (anchor.directory / "answer.1").open("rb") as answer:
        (anchor.directory / "door").write_bytes(b"1 kill\n2 kill\n")
        assert answer.read() == b"ok\n"
    for _ in range(2):
        assert call(launcher, "kill", "web").stdout == b"python \n"
        anchor.renew()
    assert anchor.asked == [["kill", {}, []]]


@pytest.mark.usefixtures("python")
def test_options_of_bash(launcher: Path, anchor: Anchor) -> None:
    """A user may have exported them to every shell that is bash."""
    root = launcher.parents[1] / "root"
    argv = ["bash", "--posix", str(launcher), "--root", str(root), "kill", "web"]
    options = {"SHELLOPTS": "errexit:noclobber:noglob:nounset"}
    done = subprocess.run(argv, env=options, capture_output=True, timeout=TIMEOUT_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(anchor.asked) == 1


def test_who_comes_too_late_is_not_heard(launcher: Path, anchor: Anchor) -> None:
    """The number that he has is over; what is no request ends the answer."""
    (anchor.directory / "door").write_bytes(b"7 kill 9\n\nkill 9\n")
    assert call(launcher, "kill", "web", "12").returncode == 0
    assert anchor.asked == [["kill", {}, ["12"]]]
