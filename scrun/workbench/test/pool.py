"""The processes of spec files: as many at once as there are cores, each watched to its end."""

from __future__ import annotations

import fcntl
import gc
import itertools
import json
import os
import select
import shutil
import signal
import sys
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

from scrun.host.fork import fork
from scrun.host.process import SESSION, Process, kill_group, kill_relatives
from scrun.workbench import scratch as directories
from scrun.workbench.test.child import LOADING, Child
from scrun.workbench.test.results import FileResult, TestResult
from scrun.workbench.test.state import State
from scrun.workbench.test.worker import Numbered, live

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrun.workbench.test.plan import Options, Spec

GRACE_S = 3.0  # after a time-out: what a process has to end its test itself, before it is killed
LOOK_MS = 500  # between two looks at who is late
MOST_OUTPUT = 1 << 20  # of one file
MOST_FILES = 250  # for one process
SHARES = 2  # of what is left, that each of the processes would get
LEAST_S = 0.03  # of work for a process, whose start costs a tenth of it


class Leash:
    """A pipe that ends with the process that makes it, and its children with the pipe.

    They may be in what they cannot be interrupted in, so it is for the kernel to kill them.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC)

    def take(self) -> None:
        """In a child: be killed with what is in its process group once the parent is gone."""
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.close(self._writer)
        # Opened anew: whom to tell is kept for each opening.
        reader = os.open(f"/proc/self/fd/{self._reader}", os.O_RDONLY | os.O_CLOEXEC)
        os.close(self._reader)
        fcntl.fcntl(reader, fcntl.F_SETOWN, -os.getpid())
        fcntl.fcntl(reader, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
        if select.select([reader], [], [], 0)[0]:  # it was gone before
            os._exit(1)

    def close(self) -> None:
        """Let go of it, once the children have ended."""
        os.close(self._reader)
        os.close(self._writer)


class Running:
    """The process of some spec files, as its parent sees it.

    Its events go to a file in memory: the parent has nothing to do until it ends, and what it said
    before a crash is there.

    Attributes:
        results: by number in the plan, once it has ended. ``rest``: what it has not begun.
        duration_s: its life, once it has ended.
    """

    def __init__(
        self, batch: Sequence[Numbered], child: Child, options: Options, scratch: str, leash: Leash
    ) -> None:
        self.results: dict[int, FileResult] = {}
        self.rest = list(batch)
        self._sizes: list[int] = []  # of the output, when each file began
        self._result: FileResult | None = None
        self.duration_s = 0.0
        self._started = self._heard = monotonic()
        self._timeout_s = options.timeout_s
        self._size = 0
        self._begun: TestResult | None = None
        self._output = os.memfd_create("output")  # both close-on-exec
        self._events = os.memfd_create("events")

        def body() -> NoReturn:
            os.setsid()  # so that all it starts can be found
            leash.take()
            live(batch, child, options, self._events, self._output, scratch)

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
        """Take the process's end; a file that had not finished has failed, because of ``why``."""
        status = self.process.reap()
        self.duration_s = monotonic() - self._started
        kill_group(self.process.pid)
        with open(self._events, "rb") as events:
            events.seek(0)
            lines = events.read().split(b"\n")[:-1]  # what is behind the last break is no line
        for event in itertools.chain.from_iterable(json.loads(b"[%b]" % b",".join(lines))):
            self._take(*event)
        if not self.results:  # it has not come to its first one
            self._take("s", 0)
        self._split_output()
        assert self._result is not None
        if self._result.declared is None:
            self._result.duration_s = self.duration_s
            kill_relatives(self.process.pid, SESSION)
            self._blame(self._result, why or _describe(status, self.process.was_killed))

    def _split_output(self) -> None:
        ends = [*self._sizes[1:], os.fstat(self._output).st_size]
        for result, begin, end in zip(self.results.values(), self._sizes, ends, strict=True):
            if end > begin:
                first = max(begin, end - MOST_OUTPUT)
                result.output = os.pread(self._output, end - first, first)
        os.close(self._output)

    def _take(self, kind: str, *rest: Any) -> None:
        if kind == "s":
            number, spec = self.rest.pop(0)
            self._result = self.results[number] = FileResult(spec)
            self._sizes.append(rest[0])
            return
        result = self._result
        assert result is not None
        if kind == "b":
            name, source = rest
            self._begun = TestResult(name, source, "error")
        elif kind == "f":
            test = self._begun
            assert test is not None
            self._begun = None
            test.duration_s, test.outcome, message, where, trace, test.expected, test.actual = rest
            test.message, test.where, test.trace = message or "", where or "", trace or ""
            result.tests.append(test)
        else:
            result.declared, hits, result.duration_s = int(rest[0] or 0), rest[1], rest[2]
            result.hits = {
                path: {int(line): count for line, count in lines.items()}
                for path, lines in hits.items()
            }

    def _blame(self, result: FileResult, why: str) -> None:
        """Let the test that ran, or else the file, have failed."""
        test = self._begun
        if test is None:
            name = "(after the last test)" if result.tests else LOADING
            test = TestResult(name, f"{result.spec.path}:1", "error")
        test.message = f"{why}; the rest of the file did not run"
        result.tests.append(test)


def run(plan: Sequence[Spec], options: Options, jobs: int) -> Iterator[FileResult]:
    """Run spec files and yield their results in the order of the plan.

    Args:
        jobs: how many processes at most at once.

    Raises:
        ConfigError: no such dialect.
    """
    children: dict[tuple[str, str | None], Child] = {}
    waiting = list(reversed(list(enumerate(plan))))
    running: dict[int, Running] = {}  # by pidfd
    done: dict[int, FileResult] = {}
    taken_s, taken_files = 0.0, 0
    has_directory: set[str] = set()  # numbers of files that have made one
    next_one = 0
    poll = select.poll()
    leash = Leash()
    sys.stdout.flush()  # or each child would have it to write, too
    with directories.directory("scrun-test-") as scratch:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    least = int(LEAST_S / taken_s * taken_files) if taken_files else 1
                    batch = _take_batch(waiting, jobs, least)
                    child = _child_for(batch[0][1], options, children)
                    one = Running(batch, child, options, scratch, leash)
                    running[one.process.pidfd] = one
                    poll.register(one.process.pidfd, select.POLLIN)
                for one in _attend(poll, running):
                    done |= one.results
                    waiting += reversed(one.rest)
                    taken_s += one.duration_s
                    taken_files += len(one.results)
                has_directory.update(os.listdir(scratch))
                while next_one in done:
                    if str(next_one) in has_directory:
                        shutil.rmtree(f"{scratch}/{next_one}", ignore_errors=True)
                    yield done.pop(next_one)
                    sys.stdout.flush()
                    next_one += 1
        finally:
            for one in running.values():
                one.kill("interrupted")
            leash.close()


def _take_batch(waiting: list[Numbered], jobs: int, least: int) -> list[Numbered]:
    """Take the next files of one dialect and one site, as many as leave some for the others.

    Args:
        least: how many are worth a process.
    """
    most = min(MOST_FILES, max(1, least, len(waiting) // (jobs * SHARES)))
    batch = [waiting.pop()]
    spec = batch[0][1]
    while waiting and len(batch) < most:
        other = waiting[-1][1]
        if (other.dialect, other.site) != (spec.dialect, spec.site):
            break
        batch.append(waiting.pop())
    return batch


def _attend(poll: select.poll, running: dict[int, Running]) -> list[Running]:
    """Wait until at least one of the processes has ended; return those."""
    over: list[Running] = []
    while not over:
        ended = {fd for fd, _ in poll.poll(LOOK_MS)}
        now = monotonic()
        for pidfd, one in list(running.items()):
            if pidfd not in ended and (ended or not one.is_late(now)):
                continue
            del running[pidfd]
            poll.unregister(pidfd)
            if pidfd in ended:
                one.close()
            else:
                one.end_late()
            over.append(one)
    return over


def _child_for(
    spec: Spec, options: Options, children: dict[tuple[str, str | None], Child]
) -> Child:
    key = spec.dialect, spec.site
    child = children.get(key)
    if child is None:
        child = Child(State(spec.dialect, spec.site, options.timeout_s), options)
        child.collect()
        children[key] = child
        gc.freeze()  # what is collected no more is copied no more by a child
    return child


def _describe(status: int, was_killed: bool) -> str:
    if was_killed:
        number = status - 128
        return f"its process was ended by signal {number} ({signal.strsignal(number)})"
    return f"its process ended with status {status}"
