"""``create`` cut short while its anchor is only coming up: nothing is left, and it says why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.py.lifecycle.runtimes import LocalRuntime, Runtime

pytestmark = pytest.mark.parametrize("runtime", ["local"], indirect=True)

# Runs scrun, in which something happens at a moment that a test could not meet from outside.
PREFACE = """
import os, posix, sys
from scrun import entry
from scrun.anchor import main
from scrun.errors import ConfigError
from scrun.host import directory
from scrun.lua import engines
make = directory.make_directory
def after_making(what):
    def make_and_more(*arguments):
        path = make(*arguments)
        what()
        return path
    directory.make_directory = make_and_more
def no_lua(dialect):
    raise ConfigError("there is no Lua")
"""
CALL = "\nentry.main(sys.argv[1:])\n"


def create(runtime: Runtime, what: str) -> tuple[int, str]:
    """Run ``create`` of ``web``, changed by some Python; returns its status and stderr."""
    argv = ["--root", runtime.root, "create", "-b", runtime.make_bundle("true").path, "web"]
    process = runtime.popen(
        [sys.executable, "-c", PREFACE + what + CALL, *argv], stderr=subprocess.PIPE
    )
    _, err = process.communicate(timeout=30)
    return process.returncode, err.decode()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_once_the_directory_is_there(runtime: Runtime, number: signal.Signals) -> None:
    """It goes with the creation, and the signal ends us."""
    what = f"after_making(lambda: os.kill(os.getpid(), {number}))"
    assert create(runtime, what) == (-number, "")
    runtime.check_nothing_left()
    assert not os.listdir(runtime.root)


@pytest.mark.parametrize("files", [(), ("recovery",)], ids=["empty", "locked"])
def test_killed_once_the_directory_is_there(runtime: Runtime, files: tuple[str, ...]) -> None:
    """What is left is no container, and ``delete --force`` removes it, as `create` advises."""
    assert create(runtime, "after_making(lambda: os.kill(os.getpid(), 9))") == (-9, "")
    for name in files:
        runtime.outside(f"{runtime.root}/web/{name}").touch()
    assert "does not exist" in runtime("state", "web").stderr
    again = runtime("create", "-b", runtime.make_bundle("true").path, "web")
    assert "its anchor died: scrun delete --force web" in again.stderr
    assert runtime("delete", "--force", "web").returncode == 0
    assert not os.listdir(runtime.root)


def test_a_directory_of_others_stays(runtime: Runtime) -> None:
    """One with anything else in it may be some other program's."""
    directory = runtime.outside(f"{runtime.root}/web")
    directory.mkdir(parents=True)
    (directory / "theirs").touch()
    assert runtime("delete", "--force", "web").returncode == 0
    assert os.listdir(directory) == ["theirs"]
    (directory / "theirs").unlink()
    directory.rmdir()


@pytest.mark.parametrize("when", ["early", "late"])
def test_an_anchor_that_dies(runtime: Runtime, when: str) -> None:
    """Whatever it was at, we say so in one way."""
    name = "prepare" if when == "early" else "serve"
    status, err = create(runtime, f"main.{name} = lambda *_: os.kill(os.getpid(), 9)")
    assert (status, err) == (1, "scrun: create web: the anchor died\n")
    assert not os.listdir(runtime.root)


def test_an_anchor_without_lua(runtime: Runtime) -> None:
    """What it misses is told, though it misses it before it has anything to serve."""
    status, err = create(runtime, "engines._load_first = no_lua")
    assert (status, err) == (1, "scrun: create web: there is no Lua\n")
    assert not os.listdir(runtime.root)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_stdio(runtime: Runtime, closed: str) -> None:
    """What the caller has closed is /dev/null, and no file of ours comes in its place."""
    assert isinstance(runtime, LocalRuntime)
    bundle = runtime.make_bundle("exec sleep 100")
    argv = runtime.argv("create", "-b", bundle.path, "web")
    shell = runtime.popen(["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *argv])
    assert shell.wait(30) == 0
    anchor = runtime.state("web")["pid"]
    for stream in closed.split():
        fd = {"<": 0, ">": 1, "2": 2}[stream[0]]
        assert os.readlink(f"/proc/{anchor}/fd/{fd}") == "/dev/null"
    argv = runtime.argv("delete", "--force", "web")
    shell = runtime.popen(["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *argv])
    assert shell.wait(30) == 0


@pytest.mark.parametrize("name", ["recovery", "lock"])
def test_a_lock_that_cannot_be_made(runtime: Runtime, name: str) -> None:
    """A full disk is told as such."""
    what = (
        "make_file = posix.open\n"
        "def refuse(path, *more, **options):\n"
        f"    if path.endswith('/{name}'): raise OSError(28, 'No space left on device')\n"
        "    return make_file(path, *more, **options)\n"
        "posix.open = refuse\n"
    )
    status, err = create(runtime, what)
    assert status == 1 and "no space left on device" in err and f"/web/{name}" in err
    assert "internal" not in err and not os.listdir(runtime.root)


def test_a_record_that_cannot_be_written(runtime: Runtime) -> None:
    """Where the disk fills up at the last moment, the creation fails and nobody waits for ever."""
    what = (
        "from scrun.anchor.container import Container\n"
        "def become(*_): raise ConfigError('no space left')\n"
        "Container.become = become\n"
    )
    assert create(runtime, what) == (1, "scrun: create web: no space left\n")
    runtime.check_nothing_left()
    assert not os.listdir(runtime.root)


@pytest.mark.parametrize("verb", ["create", "run"])
def test_a_signal_once_it_is_created(runtime: Runtime, verb: str) -> None:
    """It comes too late for the creation: `create` succeeds, `run` ends what it has created."""
    what = (
        "from scrun.anchor import create\n"
        "send = create._send\n"
        "def send_and_more(channel, data):\n"
        "    sent = send(channel, data)\n"
        "    if data == b'go': os.kill(os.getpid(), 15)\n"
        "    return sent\n"
        "create._send = send_and_more\n"
    )
    bundle = runtime.make_bundle("exec sleep 100")
    argv = ["--root", runtime.root, verb, "-b", bundle.path, "web"]
    process = runtime.popen([sys.executable, "-c", PREFACE + what + CALL, *argv])
    assert process.wait(30) == (0 if verb == "create" else -signal.SIGTERM)
    if verb == "create":
        assert runtime.state("web")["status"] == "created"
        assert runtime("delete", "--force", "web").returncode == 0
    assert not os.listdir(runtime.root)


def test_a_signal_when_the_answer_is_there(runtime: Runtime) -> None:
    """The anchor has created the container, and nobody has read that: it goes again."""
    what = (
        "import select\n"
        "poll = select.poll\n"
        "class Poll:\n"
        "    def __init__(self): self.poll_ = poll()\n"
        "    def register(self, *a): self.poll_.register(*a)\n"
        "    def poll(self, *a):\n"
        "        self.poll_.poll()\n"
        "        os.kill(os.getpid(), 15)\n"
        "from scrun.anchor import create\n"
        "wait = create._wait\n"
        "def wait_by_ours(*a):\n"
        "    select.poll = Poll\n"
        "    wait(*a)\n"
        "create._wait = wait_by_ours\n"
    )
    assert create(runtime, what) == (-signal.SIGTERM, "")
    assert not os.listdir(runtime.root)


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts")
def test_a_directory_that_will_not_go(runtime: Runtime) -> None:
    """The reason of the failure is told all the same; what could not be removed can be later."""
    stage_in = "function slurm_scrun_stage_in(_, _, dir) {} return slurm.SUCCESS end\n"
    stage_out = "function slurm_scrun_stage_out() return slurm.SUCCESS end\n"
    mount = "os.execute('mkdir '..dir..'/mnt && mount -t tmpfs none '..dir..'/mnt')"
    runtime.write_site("scrun.lua", stage_in.format(f"{mount} error('no such image')") + stage_out)
    bundle = runtime.make_bundle("true")
    try:
        answer = runtime("create", "--bundle", bundle.path, "web")
        assert answer.returncode == 1
        assert "no such image" in answer.stderr and answer.stderr.count("\n") == 1
    finally:
        (mounted,) = runtime.outside(runtime.root).glob("*/mnt")
        subprocess.run(["umount", mounted], check=True)
        mounted.rmdir()
    runtime.write_site("scrun.lua", stage_in.format("") + stage_out)
    assert runtime("run", "--bundle", bundle.path, "web").returncode == 0  # whose end sweeps
