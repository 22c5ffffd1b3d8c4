"""The hot verbs against a directory as an anchor leaves it, and a socket as it serves it."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scrun.hot.client import Refused, run
from scrun.hot.parse import Command, parse
from scrun.hot.remove import remove_container
from scrun.hot.wire import dumps, loads

RUNNING = b'{"ociVersion":"1.0.2","id":"web","status":"running"}'
STOPPED = RUNNING.replace(b"running", b"stopped")
HOLD_LOCK = """
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.lockf(fd, os.F_TLOCK, 0)
print("held", flush=True)
sys.stdin.read()
"""


def command(root: Path, line: str) -> Command:
    """Return ``line`` parsed, with ``--root``."""
    parsed = parse(["--root", str(root), *line.split()])
    assert parsed is not None
    return parsed


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """Return the directory of a container called web, whose anchor is dead."""
    directory = tmp_path / "web"
    directory.mkdir(mode=0o700)
    (directory / "state.json").write_bytes(RUNNING)
    (directory / "lock").touch()
    return directory


@contextmanager
def held_lock(directory: Path) -> Iterator[None]:
    """Hold the lock from another process: a POSIX lock does not bind its owner."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(directory / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield
    finally:
        holder.communicate()


@contextmanager
def serve(directory: Path, reply: bytes) -> Iterator[list[dict[str, object]]]:
    """Answer one request on anchor.sock; yields where the request will be."""
    requests: list[dict[str, object]] = []
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    folder = os.open(directory, os.O_RDONLY)  # tmp_path may be too long for a socket's address
    listener.bind(f"/proc/self/fd/{folder}/anchor.sock")
    os.close(folder)
    listener.listen(1)
    listener.settimeout(60)

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            requests.append(loads(connection.recv(65536)))
            if reply:
                connection.send(reply)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield requests
    finally:
        thread.join()
        listener.close()


@pytest.mark.parametrize("line", ["state", "start", "kill", "delete"])
def test_an_unknown_container_is_an_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(Refused, match='container "web" does not exist') as caught:
        run(command(tmp_path, f"{line} web"))
    assert caught.value.code == "NOT_FOUND"


def test_delete_by_force_of_an_unknown_container_is_silent(tmp_path: Path) -> None:
    assert run(command(tmp_path, "delete --force web"))


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../web"])
def test_a_name_never_leads_out_of_the_root(box: Path, name: str) -> None:
    with pytest.raises(Refused, match="does not exist"):
        run(command(box.parent, f"state {name}"))


def test_state_of_a_running_container(box: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with held_lock(box):
        assert run(command(box.parent, "state web"))
    assert capfd.readouterr().out.encode() == RUNNING + b"\n"


def test_state_of_a_stopped_container_needs_no_anchor(
    box: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (box / "state.json").write_bytes(STOPPED)
    assert run(command(box.parent, "state web"))
    assert capfd.readouterr().out.encode() == STOPPED + b"\n"


@pytest.mark.parametrize("line", ["state web", "start web", "kill web 9", "delete web"])
def test_a_dead_anchor_is_left_to_recovery(box: Path, line: str) -> None:
    assert not run(command(box.parent, line))


def test_a_request_reaches_the_anchor(box: Path) -> None:
    with serve(box, dumps({"ok": True, "value": None})) as requests, held_lock(box):
        assert run(command(box.parent, "kill --all web 9"))
    assert requests == [{"verb": "kill", "id": "web", "options": {"all": True}, "operands": ["9"]}]


def test_a_refusal_of_the_anchor_is_raised(box: Path) -> None:
    reply = dumps({"ok": False, "message": "container not running", "code": "NOT_RUNNING"})
    with (
        serve(box, reply),
        held_lock(box),
        pytest.raises(Refused, match="container not running") as caught,
    ):
        run(command(box.parent, "kill web"))
    assert caught.value.code == "NOT_RUNNING"


def test_an_anchor_that_dies_over_a_request_is_left_to_recovery(box: Path) -> None:
    with serve(box, b""):
        assert not run(command(box.parent, "start web"))


def test_ended_containers_answer_without_an_anchor(box: Path) -> None:
    (box / "released").touch()
    with pytest.raises(Refused, match='cannot start container "web": it is stopped'):
        run(command(box.parent, "start web"))
    with pytest.raises(Refused, match="container not running"):
        run(command(box.parent, "kill web"))


def test_delete_of_an_ended_container_removes_its_directory(box: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (box / "released").touch()
    (box / "deep" / "er").mkdir(parents=True)
    (box / "link").symlink_to(outside)
    assert run(command(tmp_path, "delete web"))
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert (outside / "kept").exists()


def test_a_delete_that_comes_late_leaves_the_next_container_alone(tmp_path: Path) -> None:
    """It looked at one that another delete has removed since; a create has made the name anew."""
    first, second = tmp_path / "first", tmp_path / "web"
    for directory in (first, second):
        directory.mkdir()
        (directory / "state.json").write_text("{}")
    looked_at = os.open(first, os.O_RDONLY)
    remove_container(str(tmp_path), "web", looked_at)
    os.close(looked_at)
    assert sorted(os.listdir(tmp_path)) == ["first", "web"]
    assert os.listdir(second) == ["state.json"]


def test_another_users_container_is_refused(box: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make another user's directory")
    os.chown(box, 12345, -1)
    with pytest.raises(Refused, match="belongs to user 12345"):
        run(command(box.parent, "state web"))


def test_the_lock_is_one_that_fcntl_sees(box: Path) -> None:
    with held_lock(box), open(box / "lock", "r+b") as file, pytest.raises(OSError):
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
