"""Time one process from its spawn to its end, and end whatever it left behind.

The clock runs around posix_spawn and the wait, so it sees what an engine sees: the whole process.
We are a child subreaper, as conmon is: every process that a runtime leaves running is a
descendant of ours, and nothing else is.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

VERB_TIMEOUT_S = 15.0
POLL_S = 0.01
LEAVE_TIMEOUT_S = 2.0
END_TIMEOUT_S = 10.0
CANCEL_TIMEOUT_S = 60.0
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


class Dropped(Exception):
    """A call that gives no figure; the text says why."""


@dataclass
class Output:
    """The reading end of a pipe, and when it first had something to read."""

    fd: int
    seen_at: float = 0.0


@dataclass(frozen=True)
class Call:
    """One process that ended with status 0.

    Attributes:
        started_at: of time.perf_counter, just before the spawn.
        output: of stdout; empty where that was the caller's.
        errors: of stderr.
    """

    started_at: float
    ms: float
    output: str
    errors: str


def become_subreaper() -> None:
    """Let the orphans among our descendants become our children."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def call(
    argv: Sequence[str],
    *,
    timeout_s: float = VERB_TIMEOUT_S,
    stdout: int | None = None,
    watch: Output | None = None,
) -> Call:
    """Run a command to its end and time it.

    Args:
        stdout: its stdout; None to capture it.
        watch: a pipe to look at meanwhile.

    Raises:
        Dropped: not done in time (it is killed), or a status other than 0.
    """
    out, err = os.memfd_create("stdout"), os.memfd_create("stderr")
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    stdio = (null, out if stdout is None else stdout, err)
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(stdio)]
    started_at = time.perf_counter()
    pid = os.posix_spawn(argv[0], list(argv), os.environ, file_actions=actions)
    in_time = _wait(pid, started_at + timeout_s, watch)
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    ms = (time.perf_counter() - started_at) * 1000
    output, errors = (os.pread(fd, 1 << 20, 0).decode(errors="replace") for fd in (out, err))
    for fd in (out, err, null):
        os.close(fd)
    if not in_time:
        raise Dropped(f"no end within {timeout_s:g} s")
    if status:
        raise Dropped(f"status {status}: {last_line(errors)}")
    return Call(started_at, ms, output, errors)


def last_line(text: str) -> str:
    """Return the last line that says something."""
    return (text.strip().splitlines() or ["nothing"])[-1]


def _wait(pid: int, deadline: float, watch: Output | None) -> bool:
    """Wait until a child has ended (it stays a zombie); False when the deadline passes first."""
    poll = select.poll()
    pidfd = os.pidfd_open(pid)
    poll.register(pidfd, select.POLLIN)
    watched = watch if watch and not watch.seen_at else None
    if watched:
        poll.register(watched.fd, select.POLLIN)
    try:
        while True:
            events = poll.poll(max(0.0, deadline - time.perf_counter()) * 1000)
            ready = [fd for fd, _ in events]
            if watched and watched.fd in ready:
                watched.seen_at = time.perf_counter()
                poll.unregister(watched.fd)
            if pidfd in ready:
                return True
            if not ready:
                return False
    finally:
        os.close(pidfd)


def await_output(output: Output, timeout_s: float) -> None:
    """Wait until there is something to read from a pipe.

    Raises:
        Dropped: nothing came.
    """
    if output.seen_at:
        return
    if not select.select([output.fd], [], [], timeout_s)[0]:
        raise Dropped("the container's process did not come up")
    output.seen_at = time.perf_counter()


def wait_until(
    condition: Callable[[], bool], what: str, *, timeout_s: float, pause_s: float = POLL_S
) -> None:
    """Poll a condition.

    Raises:
        Dropped: it did not come true.
    """
    deadline = time.perf_counter() + timeout_s
    while not condition():
        if time.perf_counter() > deadline:
            raise Dropped(f"{what}: not within {timeout_s:g} s")
        time.sleep(pause_s)


def wait_for_quiet_cluster() -> None:
    """Wait until Slurm is done with our jobs: a job that completes is work for its daemons.

    Raises:
        Dropped: some are left, cancelled or not.
    """
    try:
        wait_until(_no_job_is_left, "no job is left", timeout_s=END_TIMEOUT_S, pause_s=0.05)
    except Dropped:  # its runtime was killed, or has forgotten it
        call(["/usr/bin/scancel", "--me"])
        wait_until(_no_job_is_left, "no job is left", timeout_s=CANCEL_TIMEOUT_S, pause_s=0.05)


def _no_job_is_left() -> bool:
    return not call(["/usr/bin/squeue", "--noheader", "--me"]).output.strip()


def descendants() -> list[int]:
    """Return the processes below this one, parents first."""
    found = [os.getpid()]
    for pid in found:
        with contextlib.suppress(OSError):  # it has ended
            for thread in os.listdir(f"/proc/{pid}/task"):  # each has the children it made
                with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                    found += [int(child) for child in file.read().split()]
    return found[1:]


def end_leftovers(spared: Sequence[int] = (), *, leave_s: float = LEAVE_TIMEOUT_S) -> int:
    """Give our descendants ``leave_s`` to end, kill the others, and return how many those were.

    Args:
        spared: processes that are to go on.

    Raises:
        RuntimeError: one cannot be ended.
    """
    asked_at = time.perf_counter()
    killed: set[int] = set()
    while left := [pid for pid in descendants() if pid not in spared]:
        waited = time.perf_counter() - asked_at
        if waited > leave_s + END_TIMEOUT_S:
            raise RuntimeError(f"processes {left} cannot be ended")
        if waited > leave_s:
            killed.update(left)
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        reap()
        time.sleep(POLL_S)
    return len(killed)


def reap() -> None:
    """Collect the children that have ended."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def report(what: str, who: str, ms: float) -> None:
    """Hand one figure to the reader of our stdout."""
    print(json.dumps({"what": what, "who": who, "ms": ms}), flush=True)


def report_dropped(what: str, who: str, reason: str) -> None:
    """Tell that a figure is missing, and why."""
    print(json.dumps({"what": what, "who": who, "dropped": reason}), flush=True)
