"""A control step: one shell beside a container on its node, for what the node must do itself.

It is started when first needed, 50 ms; whatever follows takes as long as the command itself.
Source: srun(1), ``--overlap``; oci.conf(5), RunTimeKill, RunTimeQuery.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.errors import ScrunError
from scrun.host.process import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scrun.host.loop import Loop

    Answer = Callable[[int], None]  # the exit status of the command; -1: the step has ended
    TextAnswer = Callable[[int, bytes], None]  # and what it wrote to stdout

# A line is a command; the answer is a line with its exit status. With a "+" before it, its output
# comes first, each line with a "+" before it.
#   deliver N  has the runtime send a signal, again while it is still making the container: 5 s
#   learn      keeps the number of the container's process and when it began (proc_pid_stat(5),
#              field 22)
#   send N     needs no program after that, and no other process of that number gets the signal
#   fit        lets the runtime look at the size of its terminal: crun does not when it starts
SCRIPT = r"""
deliver() {
  i=0
  until kill_by_runtime "$1"; do
    i=$((i + 1))
    [ $i -lt 100 ] || return 1
    sleep 0.05
  done
}
began() {
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  set -- ${stat##*) }
  echo "${20}"
}
learn() {
  pid=$(state | sed -n 's/.*"pid" *: *\([0-9][0-9]*\).*/\1/p')
  start=$(began "$pid") || pid=
}
send() {
  [ "$pid" ] && [ "$(began "$pid")" = "$start" ] && kill -"$1" "$pid" || deliver "$1"
}
fit() {
  i=0
  until learn; [ "$pid" ]; do
    i=$((i + 1))
    [ $i -lt 100 ] || return 1
    sleep 0.05
  done
  read -r stat <"/proc/$pid/stat" || return 1
  set -- ${stat##*) }
  kill -WINCH "$2"
}
pid=
while read -r line; do
  case $line in
    +*) { eval "${line#+}" </dev/null 2>/dev/null; echo "$?"; } | sed 's/^/+/' ;;
    *) eval "$line" </dev/null >/dev/null 2>&1 ;;
  esac
  echo $?
done
"""


class ControlStep:
    """The shell; commands are run one after the other.

    Args:
        argv: srun and its options, up to the command.
    """

    def __init__(self, loop: Loop, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._loop = loop
        self._argv = argv
        self._environment = environment
        self._waiting: list[TextAnswer] = []
        self._text: list[bytes] = []
        self._feed = -1
        self._reader = -1
        self._collected = b""
        self._has_learnt = False

    def start(self) -> None:
        """Start the shell unless it runs.

        Raises:
            HostError: srun cannot be started.
        """
        if self._feed >= 0:
            return
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
        self._collected, self._text = b"", []
        self._has_learnt = False
        self._loop.watch(reader, self._readable)
        self._loop.when_ended(process, lambda _: None)  # the end of its output tells

    def deliver(self, definitions: str, number: int, answer: Answer) -> None:
        """Have a signal sent; ``answer`` gets 0 when it is.

        Args:
            definitions: one line that defines ``kill_by_runtime N`` and ``state``.
        """
        if self._has_learnt:
            self._run(f"send {number}", answer)
            return

        def learn(status: int) -> None:
            answer(status)
            if status == 0 and self._feed >= 0:
                self._has_learnt = True
                self._run("learn", lambda _: None)

        self._run(f"{definitions}; deliver {number}", learn)

    def fit(self, definitions: str, answer: Answer) -> None:
        """Have the container's terminal get the size of its step's, once it is there."""
        self._run(f"{definitions}; fit", answer)

    def ask(self, definitions: str, command: str, answer: TextAnswer) -> None:
        """Run a command that changes nothing in the shell; ``answer`` gets its output as well."""

        def answered(status: int, text: bytes) -> None:
            output, _, last = text.removesuffix(b"\n").rpartition(b"\n")
            answer(int(last) if status == 0 and last.isdigit() else status or 1, output)

        # The definitions apart: what they define outlives the command.
        if definitions:
            self._run(definitions, lambda _: None)
        self._send(f"+{command}", answered)

    def close(self) -> None:
        """Let the shell end."""
        if self._feed >= 0:
            os.close(self._feed)
            self._feed = -1

    def _run(self, line: str, answer: Answer) -> None:
        self._send(line, lambda status, _: answer(status))

    def _send(self, line: str, answer: TextAnswer) -> None:
        if "\n" in line:
            log.error("control step: a path with a line break cannot be sent to the node")
            answer(1, b"")
            return
        if self._feed < 0:
            answer(-1, b"")  # it has ended meanwhile
            return
        self._waiting.append(answer)
        log.debug(f"control step: {line}")
        try:
            os.write(self._feed, os.fsencode(line) + b"\n")
        except BrokenPipeError:
            log.debug("control step: it has ended")  # the reader says so to everyone who waits

    def _readable(self) -> None:
        part = os.read(self._reader, 4096)
        if not part:
            self._lose()
            return
        *lines, self._collected = (self._collected + part).split(b"\n")
        for line in lines:
            if line.startswith(b"+"):
                self._text.append(line[1:])
            elif self._waiting:
                text, self._text = b"\n".join(self._text), []
                self._waiting.pop(0)(int(line) if line.isdigit() else 1, text)

    def _lose(self) -> None:
        self._loop.forget(self._reader)
        os.close(self._reader)
        self.close()
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer(-1, b"")
