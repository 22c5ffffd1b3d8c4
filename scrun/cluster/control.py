"""A control step: a shell beside a container on each of its nodes, for what a node must do itself.

It begins a moment after the container, or when first needed, 50 ms, where that is sooner or the
site has it so; whatever follows takes as long as the command itself.
Source: srun(1), ``--overlap``; oci.conf(5), RunTimeKill, RunTimeQuery.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.errors import ScrunError
from scrun.host.process import SIGKILL, SIGTERM, spawn
from scrun.oci.patterns import quote_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from scrun.host.loop import Loop
    from scrun.host.process import Process

    Answer = Callable[[int], None]  # the exit status of the command; -1: the step has ended
    TextAnswer = Callable[[int, bytes], None]  # and what it wrote to stdout

# A line is a command; the answer is a line "=STATUS". With a "+" before it, its output comes first,
# each line with a "+" before it. "@" begins functions to learn; a line "." ends them. Other lines
# are a site's: its TaskProlog may print some (slurm.conf(5)).
#   deliver N  has the runtime send a signal, again while it is still making the container: 5 s
#   learn      keeps the number of the container's process and when it began (proc_pid_stat(5),
#              field 22)
#   send N     needs no program after that, and no other process of that number gets the signal;
#              3: the process has ended. Of several tasks on a node all get it, by the runtime
#   fit        lets the runtime look at the size of its terminal: crun does not when it starts
SCRIPT = r"""
set +efuC # an exported SHELLOPTS of bash may have them on
kill_tasks() {
  taken=1
  for task in $tasks; do kill_by_runtime "$1" && taken=0; done
  return $taken
}
state() {
  for task in $tasks; do state_of_task && set -- found; done
  [ "$1" ]
}
deliver() {
  i=0
  until kill_tasks "$1"; do
    i=$((i + 1))
    [ $i -lt 100 ] || return 1
    sleep 0.05
  done
}
look_at() {
  since=
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  set -- ${stat##*) }
  since=${20}
}
learn() {
  pid=$(state | sed -n '/"pid" *: *[0-9]/{s/.*"pid" *: *\([0-9][0-9]*\).*/\1/p;q;}')
  look_at "$pid" || pid=
  start=$since
}
is_there() { look_at "$pid" && [ "$since" = "$start" ]; }
send() {
  case $tasks in *' '*) deliver "$1"; return ;; esac
  [ "$pid" ] || { deliver "$1"; return; }
  is_there || return 3
  kill -"$1" "$pid" || deliver "$1"
}
fit() {
  i=0
  until learn; [ "$pid$blind" ]; do
    i=$((i + 1))
    [ $i -lt 100 ] || return 1
    sleep 0.05
  done
  [ "$pid" ] || return 1
  read -r stat <"/proc/$pid/stat" || return 1
  set -- ${stat##*) }
  kill -WINCH "$2"
}
pid= blind= tasks=0
newline='
'
while read -r line; do
  case $line in
    @) text=
      while IFS= read -r more && [ "$more" != . ]; do text="$text$more$newline"; done
      eval "$text" ;;
    +*) { eval "${line#+}" </dev/null 2>/dev/null; echo "$?"; } | sed 's/^/+/' ;;
    *) eval "$line" </dev/null >/dev/null 2>&1 ;;
  esac
  echo "=$?"
done
"""


LEARN = "learn"
GONE = 3  # status of `send` where the process has ended
# For the shell to end by itself: one at work sees no end of its input, and works for nothing.
GRACE_S, AT_WORK_S = 1.0, 0.1
LAST_S = 3.0  # for srun


class Question:
    """A command that every node answers.

    Args:
        combine: makes one status of theirs.
    """

    __slots__ = ("_answer", "_combine", "_statuses", "_texts")

    def __init__(
        self, nodes: int, combine: Callable[[Iterable[int]], int], answer: TextAnswer
    ) -> None:
        self._answer = answer
        self._combine = combine
        self._statuses: dict[int, int] = {}
        self._texts: list[bytes | None] = [None] * nodes

    def take(self, node: int, status: int, text: bytes) -> None:
        """Take a node's answer; the last one brings them all to who asked, in the nodes' order."""
        self._statuses[node] = status
        self._texts[node] = text
        if len(self._statuses) == len(self._texts):
            texts = b"\n".join(text for text in self._texts if text)
            self._answer(self._combine(self._statuses.values()), texts)

    def give_up(self) -> None:
        """Answer that the step has ended; again is harmless."""
        if len(self._statuses) < len(self._texts):
            self._statuses = dict.fromkeys(range(len(self._texts)), -1)
            self._answer(-1, b"")


class ControlStep:
    """The shell on each node; commands are run one after the other.

    Args:
        argv: srun and its options, up to the command.
        nodes: how many it runs on; more than one: srun labels their lines.
    """

    def __init__(
        self, loop: Loop, argv: Sequence[str], environment: Mapping[str, str], nodes: int = 1
    ) -> None:
        self._loop = loop
        self._argv = argv
        self._environment = environment
        self._waiting: list[list[Question]] = [[] for _ in range(nodes)]
        self._text: list[list[bytes]] = [[] for _ in range(nodes)]
        self._feed = -1
        self._reader = -1
        self._alive: list[Process] = []
        self._when_gone: Callable[[], None] | None = None
        self._collected = b""
        self._has_learnt = False
        self._has_functions = False

    def start(self) -> None:
        """Start the shell unless it runs.

        Raises:
            HostError: srun cannot be started.
        """
        if self._feed >= 0:
            return
        self._lose()  # what is left of one that was let go
        feed_end, feed = os.pipe2(os.O_CLOEXEC)
        reader, reader_end = os.pipe2(os.O_CLOEXEC)
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        argv = [*self._argv, "/bin/sh", "-c", SCRIPT]
        log.debug(f"control step: run {' '.join(self._argv)}")
        try:
            process = spawn(argv, self._environment, stdio=(feed_end, reader_end, null))
        except ScrunError:
            os.close(feed)
            os.close(reader)
            raise
        finally:
            for fd in (feed_end, reader_end, null):
                os.close(fd)
        os.set_blocking(feed, False)  # while slurmctld is down srun reads nothing
        self._feed, self._reader = feed, reader
        self._alive.append(process)
        self._collected, self._text = b"", [[] for _ in self._waiting]
        self._has_learnt = self._has_functions = False
        self._loop.watch(reader, self._readable)
        self._loop.when_ended(process, lambda _: self._process_ended(process))

    def deliver(self, definitions: str, number: int, answer: Answer) -> None:
        """Have a signal sent; ``answer`` gets 0 when a node has done it, `GONE`: nobody is left.

        Args:
            definitions: one line that defines ``kill_by_runtime N``, ``state_of_task`` and which
                ``tasks`` a node may have.
        """
        if self._has_learnt:
            self._run(f"send {number}", answer)
            return

        def learn(status: int) -> None:
            answer(status)
            if status == 0 and self._feed >= 0 and not self._has_learnt:
                self._run("learn", lambda _: None)
                self._has_learnt = True

        self._run(f"{definitions}; deliver {number}", learn)

    def fit(self, definitions: str, answer: Answer) -> None:
        """Have the container's terminal get the size of its step's, once it is there."""
        self._run(f"{definitions}; fit", answer)

    def ask(
        self, definitions: str, command: str, answer: TextAnswer, node: str | None = None
    ) -> None:
        """Run a command that changes nothing in the shell; ``answer`` gets its output as well.

        It finds the functions of `node_script`. Of several nodes the outputs come in the nodes'
        order, with the highest status. `LEARN` alone waits for nothing: what is next may be a
        signal.

        Args:
            node: the only one to run it.
        """
        # The definitions apart: what they define outlives the command.
        if definitions:
            self._run(definitions, lambda _: None)
        if command == LEARN:

            def learnt(status: int) -> None:
                self._note_learning(status)
                answer(status, b"")

            self._run(f'{LEARN}; [ "$pid$blind" ]', learnt)
            return
        if not self._has_functions:
            self._teach()
        self._run("await", self._note_learning)
        if node is not None:
            command = f"case $SLURMD_NODENAME in {quote_word(node)}) {command};; esac"
        self._send(f"+{command}", answer)

    def _note_learning(self, status: int) -> None:
        if status == 0:
            self._has_learnt = True  # so the first signal costs no more than others

    def _teach(self) -> None:
        from scrun.cluster.node_script import NODE_FUNCTIONS  # signals need none of them

        self._has_functions = True
        self._write(f"@\n{NODE_FUNCTIONS}\n.", lambda *_: None)

    def close(self) -> None:
        """Let the shell end; one that does not is made to."""
        if self._feed < 0:
            return
        os.close(self._feed)
        self._feed = -1
        leaving = list(self._alive)
        wait_s = AT_WORK_S if any(self._waiting) else GRACE_S
        self._loop.call_later(wait_s, lambda: self._end(leaving, SIGTERM))

    def when_gone(self, done: Callable[[], None]) -> None:
        """Call ``done`` once srun has ended, after `close`."""
        if not self._alive:
            done()
            return
        self._when_gone = done
        self._loop.call_later(LAST_S, lambda: self._end(list(self._alive), SIGKILL))

    def _end(self, processes: list[Process], number: int) -> None:
        for process in processes:
            if process in self._alive:
                log.debug(f"control step: srun {process.pid} gets signal {number}")
                os.kill(process.pid, number)

    def _process_ended(self, process: Process) -> None:
        self._alive.remove(process)
        if not self._alive and self._when_gone is not None:
            self._when_gone()

    def _run(self, line: str, answer: Answer) -> None:
        self._send(line, lambda status, _: answer(status), _any_done)

    def _send(
        self, line: str, answer: TextAnswer, combine: Callable[[Iterable[int]], int] = max
    ) -> None:
        if "\n" in line:
            log.error("control step: a path with a line break cannot be sent to the node")
            answer(1, b"")
            return
        log.debug(f"control step: {line}")
        self._write(line, answer, combine)

    def _write(
        self, lines: str, answer: TextAnswer, combine: Callable[[Iterable[int]], int] = max
    ) -> None:
        if self._feed < 0:
            answer(-1, b"")  # it has ended meanwhile
            return
        question = Question(len(self._waiting), combine, answer)
        for queue in self._waiting:
            queue.append(question)
        data = os.fsencode(lines) + b"\n"
        try:
            written = os.write(self._feed, data)
        except BrokenPipeError:
            log.debug("control step: it has ended")  # the reader says so to everyone who waits
            return
        except BlockingIOError:
            written = 0
        if written < len(data):
            log.debug("control step: it does not read")  # and after half a line nothing helps
            self._lose()

    def _readable(self) -> None:
        part = os.read(self._reader, 4096)
        if not part:
            self._lose()
            return
        *lines, self._collected = (self._collected + part).split(b"\n")
        for line in lines:
            if len(self._waiting) == 1:
                self._hear(0, line)
            else:  # " 7: TEXT" (srun(1), --label)
                label, _, text = line.partition(b": ")
                if label.strip().isdigit() and int(label) < len(self._waiting):
                    self._hear(int(label), text)

    def _hear(self, node: int, line: bytes) -> None:
        if line.startswith(b"+"):
            self._text[node].append(line[1:])
        elif line.startswith(b"=") and line[1:].isdigit() and self._waiting[node]:
            status = int(line[1:])
            lines, self._text[node] = self._text[node], []
            if lines:  # the last is the command's own status
                last = lines.pop()
                status = int(last) if status == 0 and last.isdigit() else status or 1
            self._waiting[node].pop(0).take(node, status, b"\n".join(lines))

    def _lose(self) -> None:
        if self._reader >= 0:
            self._loop.forget(self._reader)
            os.close(self._reader)
            self._reader = -1
        self.close()
        lost = [question for queue in self._waiting for question in queue]
        self._waiting = [[] for _ in self._waiting]
        for question in lost:
            question.give_up()


def _any_done(statuses: Iterable[int]) -> int:
    """Return 0 if it was done anywhere, else a failure, else `GONE`."""
    found = set(statuses)
    return 0 if 0 in found else max(found - {GONE}, default=GONE)
