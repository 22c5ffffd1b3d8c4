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
from scrun.host.nonblocking import write_line
from scrun.host.process import kill_group, spawn
from scrun.host.stdio import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrun.cluster.backend import Done, Opened
    from scrun.host.loop import Loop
    from scrun.host.process import Process

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
END_GRACE_S = 5.0  # for the container to end as well, when the job has ended


class OutputStep:
    """One container's, on this process's stdout.

    Attributes:
        lost: why not all of the output arrives, once that is known; the container's stderr and our
            log say so at once.
        is_new: it lives, and no container has been started on it.
    """

    def __init__(
        self,
        loop: Loop,
        srun: Sequence[str],
        job_id: int,
        environment: Mapping[str, str],
        container_id: str,
    ) -> None:
        self.lost: ClusterError | None = None
        self.is_new = True
        self._loop = loop
        self._argv = [*srun, "--quiet", "--jobid", str(job_id), *OPTIONS, "--unbuffered", "--"]
        self._environment = environment
        self._container_id = container_id
        self._process: Process | None = None
        self._feed = self._reader = self._stderr = -1
        self._stdout: Reader | None = None
        self._number = ""
        self._opened: list[Opened] = []  # who waits for the path
        self._closed: Done | None = None
        self._is_to_end = False  # it gets no end of file, but is ended
        self._is_over = False  # the container's step is
        self._was_killed = False  # the container

    def open(self, opened: Opened) -> None:
        """Start the step, unless it was; ``opened`` gets the path on the node for ``--output``."""
        self._opened.append(opened)
        if self._process is None:
            self._start()
        elif self._number:
            self._answer(None)
        if opened in self._opened:
            self._loop.call_later(PATIENCE_S, lambda: self._late(opened))

    def watch(self) -> None:
        """Once the container runs: let it hear (SIGPIPE) when the last reader of stdout goes."""

        def gone() -> None:
            if self._feed >= 0:
                self._is_to_end = True
                self._tell(f"stop {self._number}\n".encode())

        self.is_new = False
        self._stdout = Reader(self._loop, 1, gone)

    def close(self, closed: Done) -> None:
        """Hear that the container's step is over; ``closed`` when all its output has gone out."""
        self._closed = closed
        self._is_over = True
        self._close_feed()
        if self._process is None:
            self._let_go()
        elif self._was_killed:
            self._end_when_stuck()

    def note_kill(self) -> None:
        """Hear that the container is killed: nobody is waited for who reads nothing of the rest."""
        if not self._was_killed:
            self._was_killed = True
            if self._is_over:
                self._end_when_stuck()

    def kill(self) -> None:
        """End it at once, whatever it still carries."""
        self.is_new = False
        self._is_to_end = True
        if self._process is not None:
            kill_group(self._process.pid)

    def _end_when_stuck(self) -> None:
        from scrun.cluster.stuck import end_when_stuck  # for the end

        process = self._process
        if process is not None:
            end_when_stuck(self._loop, process.pid, lambda: self._process is not process, self.kill)

    def _start(self) -> None:
        feed_end, self._feed = os.pipe2(os.O_CLOEXEC)
        self._reader, reader_end = os.pipe2(os.O_CLOEXEC)
        self._stderr = os.dup(2)
        argv = [*self._argv, "/bin/sh", "-c", SCRIPT]
        log.debug(f"run {' '.join(self._argv)}")
        try:
            self._process = process = spawn(
                argv, self._environment, stdio=(feed_end, 1, reader_end)
            )
        except ScrunError as err:
            self.is_new = False
            os.close(self._reader)
            self._close_feed()
            self._answer(err)
            return
        finally:
            os.close(feed_end)
            os.close(reader_end)
        self._loop.when_ended(process, lambda _: self._ended(process))
        collected = b""

        def readable() -> None:
            nonlocal collected
            part = os.read(self._reader, 4096)
            collected += part
            number = collected.partition(b"\n")[0].strip()
            if not self._number and b"\n" in collected and number.isdigit():
                self._number = number.decode()
                self._answer(None)
            elif not part:
                self._loop.forget(self._reader)
                os.close(self._reader)
                text = collected.decode("utf-8", "replace").strip() or "the step has ended"
                self._answer(ClusterError(f"stdout: {text}", code="NO_OUTPUT"))

        self._loop.watch(self._reader, readable)

    def _answer(self, error: ScrunError | None) -> None:
        waiting, self._opened = self._opened, []
        for opened in waiting:
            # %t is the task's number, 0: with it slurmstepd opens the file, else srun would.
            opened(error, "" if error is not None else f"/proc/{self._number}/fd/%t")

    def _late(self, opened: Opened) -> None:
        if opened in self._opened:
            self._answer(ClusterError("stdout: its step does not begin", code="ETIMEDOUT"))
            self.kill()

    def _ended(self, process: Process) -> None:
        self._process = None
        if self._stdout is not None:
            self._stdout.forget()
        self._close_feed()
        was_used = not self.is_new and not self._is_to_end
        self.is_new = False
        if was_used and process.was_killed:
            self._lose("what carried it was killed")
        elif was_used and not self._is_over:
            # With the job's end the container ends as well, and nobody misses anything.
            self._loop.call_later(END_GRACE_S, self._miss)
        if self._is_over:
            self._let_go()

    def _miss(self) -> None:
        if not self._is_over:
            self._lose("its step has ended")

    def _lose(self, reason: str) -> None:
        text = f"stdout: {reason}: what was on its way is lost, and what follows"
        self.lost = ClusterError(text, code="OUTPUT_LOST")
        log.error(f"{self._container_id}: {text}")
        write_line(self._loop, self._stderr, f"scrun: {text}")

    def _let_go(self) -> None:
        closed, self._closed = self._closed, None
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1
        if closed is not None:
            closed(self.lost)

    def _close_feed(self) -> None:
        if self._feed >= 0:
            os.close(self._feed)
            self._feed = -1

    def _tell(self, text: bytes) -> None:
        try:
            os.write(self._feed, text)
        except BrokenPipeError:
            log.debug("output step: it has ended")
