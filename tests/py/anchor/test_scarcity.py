"""What the machine, or another user, refuses for a while: whoever waits hears of it."""

from __future__ import annotations

import errno
import os
import stat
import time
from _thread import start_new_thread
from collections.abc import Callable
from pathlib import Path

import pytest

from scrun.anchor import staging
from scrun.cluster import local_removal
from scrun.cluster.holder import Holder
from scrun.cluster.output_step import OutputStep
from scrun.errors import HostError, ScrunError
from scrun.host.loop import Loop
from scrun.host.process import spawn_quietly
from tests.py.waiting import run_until

# Plays srun: what stands before the command is nothing to it.
SRUN = ["/bin/sh", "-c", 'until [ "$1" = -- ]; do shift; done; shift; exec "$@"', "srun"]


class Refusal:
    """Refuses some calls, then lets them through."""

    def __init__(self, times: int, error: Exception, through: Callable[..., object]) -> None:
        self.left = times
        self._error = error
        self._through = through

    def __call__(self, *args: object, **options: object) -> object:
        if self.left:
            self.left -= 1
            raise self._error
        return self._through(*args, **options)


class Idle(staging.Staging):
    """Staging whose script does nothing."""

    def __init__(self, loop: Loop) -> None:
        self._loop, self._busy, self._stopped = loop, False, None
        self.has_worked = False

    def work(self, done: staging.Done) -> None:
        """Run it on a thread."""

        def body() -> None:
            self.has_worked = True

        self._on_thread(body, done)


@pytest.mark.parametrize("times", [2, 100], ids=["for a while", "for ever"])
def test_no_further_thread(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """stage_out waits for its thread, and is not waited for without end."""
    refusal = Refusal(times, RuntimeError("can't start new thread"), start_new_thread)
    monkeypatch.setattr(staging, "start_new_thread", refusal)
    monkeypatch.setattr(staging, "BEGIN_AGAIN_S", 0.01)
    loop, heard = Loop(), list[ScrunError | None]()
    idle = Idle(loop)
    idle.work(heard.append)
    run_until(loop, lambda: heard)
    assert idle.has_worked == (times == 2)
    assert (heard[0] is None) == (times == 2)
    assert heard[0] is None or "can't start new thread" in str(heard[0])


@pytest.mark.parametrize("times", [2, 100], ids=["for a while", "for ever"])
def test_no_further_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, times: int) -> None:
    """The runtime's removal is tried again; who waits for it hears in either case."""
    error = HostError("run", OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)))
    refusal = Refusal(times, error, spawn_quietly)
    monkeypatch.setattr(local_removal, "spawn_quietly", refusal)
    monkeypatch.setattr(local_removal, "AGAIN_S", 0.01)
    loop, heard = Loop(), list[bool]()
    local_removal.remove(loop, ["touch", f"{tmp_path}/removed"], os.environ, heard.append)
    run_until(loop, lambda: heard)
    assert heard == [times == 2]
    assert (tmp_path / "removed").exists() == (times == 2)


def test_two_who_want_the_output(tmp_path: Path) -> None:
    """Of two starts at the same time each hears of the path."""
    loop, heard = Loop(), list[tuple[ScrunError | None, str]]()
    step = OutputStep(loop, SRUN, 7, os.environ, "web")

    step.open(lambda error, path: heard.append((error, path)))
    step.open(lambda error, path: heard.append((error, path)))
    run_until(loop, lambda: len(heard) == 2)
    assert heard[0] == heard[1] and heard[0][0] is None
    assert heard[0][1].startswith("/proc/")
    step.kill()
    over: list[bool] = []
    step.close(lambda _: over.append(True))
    run_until(loop, lambda: over)


def test_a_creation_that_fails_while_its_job_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """salloc is told to take its request back, and its end is the end of it."""
    salloc = tmp_path / "salloc"
    salloc.write_text("#!/bin/sh\nexec sleep 60\n")  # what a full cluster makes of it
    salloc.chmod(stat.S_IRWXU)
    loop, granted, lost, over = Loop(), list[object](), list[bool](), list[bool]()
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    holder = Holder(loop, str(tmp_path), environment, "web")
    holder.start([], granted.append, lambda: lost.append(True))
    began = time.monotonic()
    holder.finish(1, lambda: over.append(True))
    run_until(loop, lambda: over)
    assert time.monotonic() - began < 20
    assert (granted, lost) == ([], [])


LOGGED = """#!/bin/sh
echo "${0##*/} in $SLURM_CLUSTERS" >>"${0%/*}/asked"
echo "error: Invalid job id specified" >&2
exit 1
"""


def test_a_salloc_that_does_not_end_is_asked_about_where_it_asked(tmp_path: Path) -> None:
    """A job of that number may be anybody's on this cluster."""
    texts = {
        "salloc": "#!/bin/sh\necho 'salloc: Pending job allocation 7' >&2\nexec sleep 60\n",
        **dict.fromkeys(("squeue", "scancel"), LOGGED),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(stat.S_IRWXU)
    loop, ended = Loop(), list[object]()
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    holder = Holder(loop, str(tmp_path), environment, "web")
    holder.start(["--clusters=there"], ended.append, lambda: None)
    while "Pending" not in holder.messages():
        loop.call_later(0.05, lambda: None)
        loop.run_once()
    holder.end_stuck()
    run_until(loop, lambda: ended)
    assert (tmp_path / "asked").read_text().splitlines() == ["squeue in there"]
