"""Waits longer than poll(2) can take: its milliseconds are an int, which 25 days exceed."""

from __future__ import annotations

import math
import os
import time

import pytest

from scrun.host import loop as loop_module
from scrun.host.capture import TIMED_OUT, capture
from scrun.host.loop import Loop

MONTH_S = 3e6


@pytest.mark.parametrize("seconds", [MONTH_S, 1e300, math.inf])
def test_the_loop_waits_for_what_is_far_away(seconds: float) -> None:
    """It serves the rest meanwhile; the call never comes."""
    loop, seen = Loop(), list[str]()
    loop.call_later(seconds, lambda: seen.append("late"))
    reader, writer = os.pipe()
    loop.read_all(reader, lambda data: seen.append(data.decode()))
    os.write(writer, b"x")
    os.close(writer)
    while not seen:
        loop.run_once()
    assert seen == ["x"]


def test_the_loop_waits_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a wait that was cut short is the end of nothing else."""
    monkeypatch.setattr(loop_module, "MAX_WAIT_MS", 20.0)
    loop, due = Loop(), list[float]()
    began = time.monotonic()
    loop.call_later(1.0, lambda: due.append(time.monotonic()))
    rounds = 0
    while not due:
        loop.run_once()
        rounds += 1
    assert due[0] - began >= 1.0
    assert rounds >= 4


@pytest.mark.parametrize("timeout_s", [MONTH_S, 1e300, math.inf])
def test_a_command_may_have_any_time(timeout_s: float) -> None:
    assert capture(["echo", "hi"], os.environ, timeout_s=timeout_s) == (0, b"hi\n", None)


def test_a_command_is_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait that was cut short is no time-out."""
    monkeypatch.setattr(loop_module, "MAX_WAIT_MS", 20.0)
    assert capture(["sleep", "0.2"], os.environ, timeout_s=60) == (0, b"", None)


def test_a_command_that_writes_without_end_runs_out_of_time() -> None:
    """Output that is always ready must not hide the deadline."""
    status, output, _ = capture(["yes"], os.environ, timeout_s=0.2)
    assert status == TIMED_OUT
    assert output.startswith(b"y\ny\n")


def test_what_ends_the_wait_leaves_no_process() -> None:
    """An exception, such as KeyboardInterrupt, kills and reaps the command."""
    pids = list[int]()

    def interrupt(process: object) -> None:
        pids.append(process.pid)  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(KeyboardInterrupt):
        capture(["sleep", "60"], os.environ, started=interrupt)
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(pids[0], os.WNOHANG)
