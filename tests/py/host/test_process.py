"""Which processes a recovery may end: those of the dead anchor's session, and nobody else's."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys

import pytest

from scrun.errors import HostError
from scrun.host.process import (
    end_dead_session,
    end_identified,
    identify,
    kill_group,
    read_boot,
    spawn,
)

# A session leader that leaves a member, tells its number, and lives on until its stdin ends.
LEADER = """
import os, subprocess, sys
member = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
print(member.pid, flush=True)
sys.stdin.read()
os._exit(0)
"""


def start_session() -> tuple[subprocess.Popen[bytes], int]:
    """Return a session's leader and the pid of its member."""
    leader = subprocess.Popen(
        [sys.executable, "-c", LEADER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert leader.stdout is not None
    return leader, int(leader.stdout.readline())


@pytest.mark.parametrize(
    ("leader_lives", "same_boot", "ended"),
    [(False, True, True), (True, True, False), (False, False, False)],
    ids=["dead leader", "living leader", "another boot"],
)
def test_only_a_dead_leaders_session_is_ended(
    leader_lives: bool, same_boot: bool, ended: bool
) -> None:
    """A number that is in use again, or from before a reboot, names somebody else's processes."""
    leader, member = start_session()
    watch = os.pidfd_open(member)
    try:
        if not leader_lives:
            leader.communicate(timeout=60)
        end_dead_session(leader.pid, read_boot() if same_boot else "another")
        if ended:
            assert select.select([watch], [], [], 20)[0], "the member has ended"
        else:
            assert not select.select([watch], [], [], 0.5)[0], "it lives on"
    finally:
        if not ended:
            os.kill(member, signal.SIGKILL)
        os.close(watch)
        if leader_lives:
            leader.communicate(timeout=60)


@pytest.mark.parametrize(
    ("same_start", "same_boot", "ended"),
    [(True, True, True), (False, True, False), (True, False, False)],
    ids=["itself", "another of its number", "another boot"],
)
def test_a_noted_process_is_ended_by_number_and_start(
    same_start: bool, same_boot: bool, ended: bool
) -> None:
    """A process's number alone, or a note from before a reboot, names somebody else."""
    process = subprocess.Popen(["sleep", "60"], process_group=0)
    line = identify(process.pid)
    assert line.split()[0] == str(process.pid).encode()
    if not same_start:
        line = b"%d 1\n" % process.pid
    end_identified(line, read_boot() if same_boot else "another")
    try:
        process.wait(20 if ended else 0.5)
    except subprocess.TimeoutExpired:
        assert not ended
    assert (process.poll() == -signal.SIGKILL) == ended
    process.kill()
    process.wait()
    assert identify(process.pid) == b""


def test_no_further_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose end nobody could hear of is not left running."""

    def refuse(_pid: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    started: list[int] = []
    monkeypatch.setattr("scrun.host.process.posix.pidfd_open", refuse)
    monkeypatch.setattr("scrun.host.process.observer", lambda pid, *_: started.append(pid))
    with pytest.raises(HostError, match="too many open files"):
        spawn(["sleep", "60"], os.environ)
    with pytest.raises(ChildProcessError):
        os.waitpid(started[0], os.WNOHANG)


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another user")
def test_a_group_of_another_user_is_let_be() -> None:
    """A script's `sudo rsync` is root's; to end it failing must not end who tries."""
    sleeper = subprocess.Popen(["sleep", "60"], process_group=0)
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            kill_group(sleeper.pid)
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()
