"""A container's stdout byte by byte: a pipe on its node, and a step that carries what comes of it.

slurmstepd hands on whole lines of a task's stdout, or (srun(1), ``--unbuffered``) makes it a
pseudoterminal, which programs behave otherwise on. So the container's step writes to a file of its
node, by ``--output``: the input of a `cat` in a step of ours, whose own stdout may well be a
pseudoterminal in raw mode. stderr needs none of this: ``--unbuffered`` leaves it a pipe.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.errors import ClusterError, ScrunError
from scrun.host.process import kill_group, spawn
from scrun.host.stdio import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scrun.host.loop import Loop
    from scrun.host.process import Process

    Opened = Callable[[ScrunError | None, str], None]

# The pipe has the first part as its writer until the container's step is over, so that it has no
# end before. "stop PID": nobody reads any more; then the pipe has no reader either.
SCRIPT = """
{ read -r word pid <&3; [ "$word" = stop ] && kill "$pid"; } 3<&0 |
  /bin/sh -c 'echo "$$" >&2; exec cat'
"""
OPTIONS = (
    *("--overlap", "--no-kill", "--nodes=1", "--ntasks=1"),
    *("--job-name", "scrun-output", "--chdir=/"),
)
PATIENCE_S = 20.0  # for the step to begin


class OutputStep:
    """One container's, on this process's stdout."""

    def __init__(
        self, loop: Loop, srun: Sequence[str], job_id: int, environment: Mapping[str, str]
    ) -> None:
        self._loop = loop
        self._argv = [*srun, "--quiet", "--jobid", str(job_id), *OPTIONS, "--unbuffered", "--"]
        self._environment = environment
        self._process: Process | None = None
        self._feed = self._reader = -1
        self._stdout: Reader | None = None
        self._number = ""
        self._opened: Opened | None = None
        self._closed: Callable[[], None] | None = None

    def open(self, opened: Opened) -> None:
        """Start the step; ``opened`` gets the path (on the node) for ``--output``."""
        feed_end, self._feed = os.pipe2(os.O_CLOEXEC)
        self._reader, reader_end = os.pipe2(os.O_CLOEXEC)
        self._opened = opened
        argv = [*self._argv, "/bin/sh", "-c", SCRIPT]
        log.debug(f"run {' '.join(self._argv)}")
        try:
            self._process = spawn(argv, self._environment, stdio=(feed_end, 1, reader_end))
        except ScrunError as err:
            os.close(self._reader)
            self._answer(err)
            return
        finally:
            os.close(feed_end)
            os.close(reader_end)
        self._loop.when_ended(self._process, lambda _: self._ended())
        self._loop.call_later(PATIENCE_S, self._late)
        collected = b""

        def readable() -> None:
            nonlocal collected
            part = os.read(self._reader, 4096)
            collected += part
            number = collected.partition(b"\n")[0].strip()
            if self._opened is not None and b"\n" in collected and number.isdigit():
                self._number = number.decode()
                self._answer(None)
            elif not part:
                self._loop.forget(self._reader)
                os.close(self._reader)
                if self._opened is not None:
                    text = collected.decode("utf-8", "replace").strip() or "the step has ended"
                    self._answer(ClusterError(f"stdout: {text}", code="NO_OUTPUT"))

        self._loop.watch(self._reader, readable)

    def watch(self) -> None:
        """Once the container runs: let it hear (SIGPIPE) when the last reader of stdout goes."""

        def gone() -> None:
            if self._feed >= 0:
                self._tell(f"stop {self._number}\n".encode())

        self._stdout = Reader(self._loop, 1, gone)

    def close(self, closed: Callable[[], None]) -> None:
        """Hear that the container's step is over; ``closed`` when all its output has gone out."""
        if self._process is None:
            closed()
            return
        self._closed = closed
        if self._feed >= 0:
            os.close(self._feed)
            self._feed = -1

    def kill(self) -> None:
        """End it at once, whatever it still carries."""
        if self._process is not None:
            kill_group(self._process.pid)

    def _answer(self, error: ScrunError | None) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            # %t is the task's number, 0: with it slurmstepd opens the file, else srun would.
            opened(error, "" if error is not None else f"/proc/{self._number}/fd/%t")

    def _late(self) -> None:
        if self._opened is not None:
            self._answer(ClusterError("stdout: its step does not begin", code="ETIMEDOUT"))
            self.kill()

    def _ended(self) -> None:
        self._process = None
        if self._stdout is not None:
            self._stdout.forget()
        if self._feed >= 0:
            os.close(self._feed)
            self._feed = -1
        if self._closed is not None:
            self._closed()

    def _tell(self, text: bytes) -> None:
        try:
            os.write(self._feed, text)
        except BrokenPipeError:
            log.debug("output step: it has ended")
