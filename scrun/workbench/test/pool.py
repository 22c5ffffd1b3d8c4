"""The processes of spec files: as many at once as there are cores, each watched to its end."""

from __future__ import annotations

import gc
import json
import os
import select
import shutil
import signal
import sys
import tempfile
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

from scrun.host.process import SESSION, Process, fork, kill_group, kill_relatives
from scrun.workbench.test.child import LOADING, Child
from scrun.workbench.test.results import FileResult, TestResult
from scrun.workbench.test.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrun.workbench.test.plan import Options, Spec

GRACE_S = 3.0  # after a time-out: what a process has to end its test itself, before it is killed
LOOK_MS = 500  # between two looks at who is late
MOST_OUTPUT = 1 << 20


class Running:
    """One spec file's process, as its parent sees it.

    Its events go to a file in memory: the parent has nothing to do until it ends, and what it said
    before a crash is there.
    """

    def __init__(self, spec: Spec, child: Child, options: Options, scratch: str) -> None:
        self.result = FileResult(spec)
        self._started = self._heard = monotonic()
        self._timeout_s = options.timeout_s
        self._size = 0
        self._begun: TestResult | None = None
        self._output = os.memfd_create("output")  # both close-on-exec
        self._events = os.memfd_create("events")

        def body() -> NoReturn:
            _live(spec, child, options.capture, self._events, self._output, scratch)

        self.process = Process(fork(body))

    def is_late(self, now: float) -> bool:
        """Tell whether the process had to end its test by itself, and did not."""
        size = os.fstat(self._events).st_size
        if size != self._size:
            self._size, self._heard = size, now
        return now > self._heard + self._timeout_s + GRACE_S

    def end_late(self) -> None:
        """End it because its time is over."""
        self.kill(f"timed out after {self._timeout_s:g} s, in what cannot be interrupted")

    def kill(self, why: str) -> None:
        """Kill it, and what it has started."""
        os.kill(self.process.pid, signal.SIGKILL)  # it may have no session of its own yet
        kill_relatives(self.process.pid, SESSION)
        self.close(why)

    def close(self, why: str | None = None) -> None:
        """Take the process's end; one that had not finished has failed, because of ``why``."""
        status = self.process.reap()
        kill_group(self.process.pid)
        with open(self._events, "rb") as events:
            events.seek(0)
            for line in events:
                if line.endswith(b"\n"):
                    self._take(*json.loads(line))
        size = os.fstat(self._output).st_size
        self.result.output = os.pread(self._output, MOST_OUTPUT, max(0, size - MOST_OUTPUT))
        os.close(self._output)
        self.result.duration_s = monotonic() - self._started
        if self.result.declared is None:
            kill_relatives(self.process.pid, SESSION)
            self._blame(why or _describe(status, self.process.was_killed))

    def _take(self, kind: str, *rest: Any) -> None:
        if kind == "b":
            name, source = rest
            self._begun = TestResult(name, source, "error")
        elif kind == "f":
            test = self._begun
            assert test is not None
            self._begun = None
            test.duration_s, test.outcome, message, where, trace, test.expected, test.actual = rest
            test.message, test.where, test.trace = message or "", where or "", trace or ""
            self.result.tests.append(test)
        else:
            self.result.declared, hits = int(rest[0] or 0), rest[1]
            self.result.hits = {
                path: {int(line): count for line, count in lines.items()}
                for path, lines in hits.items()
            }

    def _blame(self, why: str) -> None:
        """Let the test that ran, or else the file, have failed."""
        test = self._begun
        if test is None:
            name = "(after the last test)" if self.result.tests else LOADING
            test = TestResult(name, f"{self.result.spec.path}:1", "error")
        test.message = f"{why}; the rest of the file did not run"
        self.result.tests.append(test)


def run(plan: Sequence[Spec], options: Options, jobs: int) -> Iterator[FileResult]:
    """Run spec files and yield their results in the order of the plan.

    Args:
        jobs: how many processes at most at once.

    Raises:
        ConfigError: no such dialect.
    """
    children: dict[tuple[str, str | None], Child] = {}
    waiting = list(reversed(list(enumerate(plan))))
    running: dict[int, tuple[int, Running]] = {}  # by pidfd
    done: dict[int, FileResult] = {}
    next_one = 0
    poll = select.poll()
    scratch = tempfile.mkdtemp(prefix="scrun-test-")
    sys.stdout.flush()  # or each child would have it to write, too
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, spec = waiting.pop()
                child = _child_for(spec, options, children)
                one = Running(spec, child, options, f"{scratch}/{number}")
                running[one.process.pidfd] = number, one
                poll.register(one.process.pidfd, select.POLLIN)
            _attend(poll, running, done)
            while next_one in done:
                shutil.rmtree(f"{scratch}/{next_one}", ignore_errors=True)
                yield done.pop(next_one)
                sys.stdout.flush()
                next_one += 1
    finally:
        for _, one in running.values():
            one.kill("interrupted")
        shutil.rmtree(scratch, ignore_errors=True)


def _attend(
    poll: select.poll, running: dict[int, tuple[int, Running]], done: dict[int, FileResult]
) -> None:
    """Wait until at least one of the processes has ended."""
    before = len(running)
    while len(running) == before:
        ended = {fd for fd, _ in poll.poll(LOOK_MS)}
        now = monotonic()
        for pidfd, (number, one) in list(running.items()):
            if pidfd not in ended and (ended or not one.is_late(now)):
                continue
            del running[pidfd]
            poll.unregister(pidfd)
            if pidfd in ended:
                one.close()
            else:
                one.end_late()
            done[number] = one.result


def _child_for(
    spec: Spec, options: Options, children: dict[tuple[str, str | None], Child]
) -> Child:
    key = spec.dialect, spec.site
    child = children.get(key)
    if child is None:
        child = Child(State(spec.dialect, spec.site, options.timeout_s), options)
        children[key] = child
        gc.freeze()  # what is collected no more is copied no more by a child
    return child


def _live(
    spec: Spec, child: Child, capture: bool, events: int, output: int, scratch: str
) -> NoReturn:
    """Be the process of a spec file."""
    os.setsid()  # so that all it starts can be found
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if capture:
        os.dup2(output, 1)
        os.dup2(output, 2)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()  # Python has little to do here
    status = 1
    try:
        child.run(spec, events, scratch)
        status = 0
    except Exception as failure:
        print(f"{spec.path}: {type(failure).__name__}: {failure}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def _describe(status: int, was_killed: bool) -> str:
    if was_killed:
        number = status - 128
        return f"its process was ended by signal {number} ({signal.strsignal(number)})"
    return f"its process ended with status {status}"
