"""A control step: one shell beside a container on its node, for what the node must do itself.

Signals go through it to the node's OCI runtime (``scancel --signal`` would reach the runtime, not
the container). It is started when first needed, 50 ms; whatever follows takes as long as the
command itself. Source: srun(1), ``--overlap``; oci.conf(5), RunTimeKill.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.errors import ClusterError, ScrunError
from scrun.host.process import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scrun.host.loop import Loop

    Answer = Callable[[int], None]  # the exit status of the command; -1: the step has ended

# A line is a command; the answer is a line with its exit status.
SCRIPT = 'while read -r line; do eval "$line" </dev/null >/dev/null 2>&1; echo $?; done'


class ControlStep:
    """The shell; commands are run one after the other.

    Args:
        argv: srun and its options, up to the command.
    """

    def __init__(self, loop: Loop, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._loop = loop
        self._argv = argv
        self._environment = environment
        self._waiting: list[Answer] = []
        self._feed = -1
        self._reader = -1
        self._collected = b""

    def run(self, command: str, answer: Answer) -> None:
        """Run one line of shell on the node; its output is dropped.

        Raises:
            ClusterError: srun cannot be started, or the command has more than one line.
        """
        if "\n" in command:
            raise ClusterError("a path with a line break cannot be sent to the node")
        if self._feed < 0:
            self._start()
        self._waiting.append(answer)
        log.debug(f"control step: {command}")
        try:
            os.write(self._feed, os.fsencode(command) + b"\n")
        except BrokenPipeError:
            log.debug("control step: it has ended")  # the reader says so to everyone who waits

    def close(self) -> None:
        """Let the shell end."""
        if self._feed >= 0:
            os.close(self._feed)
            self._feed = -1

    def _start(self) -> None:
        feed_end, feed = os.pipe2(os.O_CLOEXEC)
        reader, reader_end = os.pipe2(os.O_CLOEXEC)
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        argv = [*self._argv, "/bin/sh", "-c", SCRIPT]
        try:
            process = spawn(argv, self._environment, stdio=(feed_end, reader_end, null))
        except ScrunError:
            os.close(feed)
            os.close(reader)
            raise
        finally:
            for fd in (feed_end, reader_end, null):
                os.close(fd)
        self._feed, self._reader = feed, reader
        self._collected = b""
        self._loop.watch(reader, self._readable)
        self._loop.when_ended(process, lambda _: None)  # the end of its output tells

    def _readable(self) -> None:
        part = os.read(self._reader, 4096)
        if not part:
            self._lose()
            return
        *lines, self._collected = (self._collected + part).split(b"\n")
        for line in lines:
            if self._waiting:
                self._waiting.pop(0)(int(line) if line.isdigit() else 1)

    def _lose(self) -> None:
        self._loop.forget(self._reader)
        os.close(self._reader)
        self.close()
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer(-1)
