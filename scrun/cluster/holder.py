"""Hold a job by salloc: its environment comes out, its exit status goes in.

salloc runs a small shell, whose environment is the job's, and which waits on its stdin for the exit
status; so accounting has the container's own, and the job ends when the anchor dies
(end of file). Source: salloc(1); ``exit 9`` in its command makes the job FAILED, 9:0.
"""

from __future__ import annotations

import posix

from scrun import log
from scrun.errors import ClusterError
from scrun.host.paths import parent
from scrun.host.process import SIGTERM, kill_group, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from scrun.cluster.backend import Done
    from scrun.host.loop import Loop
    from scrun.host.process import Process

# Tells its number; whoever has that reads the job's environment from /proc: a process less. A
# wrapper of the site's around salloc, or its cli_filter.lua, may write lines of its own.
MARK = b"scrun-shell "
SCRIPT = f'echo "{MARK.decode()}$$"; exec >/dev/null; read -r rc; exit "${{rc:-1}}"'
MESSAGES = "salloc.log"
STUCK_S, LAST_S = 5.0, 1.0  # for salloc to end: after a signal, and once its job is over
FAILED = "Job submit/allocate failed: "
# The node's configuration and credentials, which come in by the caller's environment.
NOT_THE_JOBS = frozenset(("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT"))


class Holder:
    """One salloc and the job it holds.

    Attributes:
        variables: the job's SLURM_* variables, once it is granted.
        there: what asks another cluster about the job, where salloc was told to ask it.
        process: salloc; None before `start` and after its end.
    """

    def __init__(
        self, loop: Loop, spool_dir: str, environment: Mapping[str, str], name: str
    ) -> None:
        self.variables: dict[str, str] = {}
        self.process: Process | None = None
        self._loop = loop
        self._messages_path = f"{spool_dir}/{MESSAGES}"
        self._environment = environment
        self._name = name
        self._status_fd = -1
        self._reader = -1
        self._granted = self._is_finishing = False
        self._was_killed = False
        self._lost: Callable[[], None] = lambda: None
        self.there: dict[str, str] = {}  # names the cluster that was asked

    def start(
        self,
        options: Sequence[str],
        granted: Done,
        lost: Callable[[], None],
        *,
        stdin: int | None = None,
    ) -> None:
        """Ask for a job, waiting as long as Slurm does.

        Args:
            granted: hears of the job, or why there is none.
            lost: called when the job ends before `finish`.
            stdin: where the status comes from instead of `finish`, for a salloc that outlives us.
        """
        argv = ["salloc", "--no-bell", "--kill-command=TERM", *options]
        argv += ["--", "/bin/sh", "-c", SCRIPT]
        self.there = cluster_of(options)
        log.debug(f"{self._name}: run {' '.join(argv)}")
        reader, writer = posix.pipe2(posix.O_CLOEXEC)
        if stdin is None:
            status_reader, self._status_fd = posix.pipe2(posix.O_CLOEXEC)
        else:
            status_reader = posix.dup(stdin)
        # A file, not a pipe: salloc must not die of a broken one when we are gone.
        messages = open_messages(self._messages_path, posix.O_TRUNC)
        try:
            stdio = (status_reader, writer, messages)
            self.process = spawn(argv, self._environment, stdio=stdio, session=stdin is not None)
        except BaseException:
            posix.close(reader)
            raise
        finally:
            for fd in (messages, writer, status_reader):
                posix.close(fd)
        self._lost = lost
        self._await_environment(reader, granted)
        self._loop.when_ended(self.process, lambda _: self._process_ended(granted))

    def _await_environment(self, reader: int, granted: Done) -> None:
        collected = b""
        self._reader = reader

        def readable() -> None:  # until salloc has ended: its last words must not break a pipe
            nonlocal collected
            part = posix.read(reader, 4096)
            if not part:
                self._close_reader()
            *lines, collected = (collected + part).split(b"\n")
            for line in lines:
                _, mark, pid = line.partition(MARK)
                if mark and not self._granted:
                    self.variables = _read_variables(pid.decode("ascii", "replace"))
                    self._granted = self.variables.get("SLURM_JOB_ID", "").isdecimal()
                    if self._granted:
                        granted(None)  # else salloc is about to end, with its reason

        self._loop.watch(reader, readable)

    def _process_ended(self, granted: Done) -> None:
        assert self.process is not None
        self._was_killed = self.process.was_killed
        self.process = None
        self._close_reader()
        if self._granted or self._is_finishing:
            self._lost()
        else:
            granted(self.refusal())

    def _close_reader(self) -> None:
        if self._reader >= 0:
            self._loop.forget(self._reader)
            posix.close(self._reader)
            self._reader = -1

    def finish(self, status: int, done: Callable[[], None]) -> None:
        """Let the job end with ``status``; ``done`` when salloc is gone."""
        if self.process is None:
            done()
            return
        self._lost, self._is_finishing = done, True
        self._tell(b"%d\n" % status)
        self.withdraw()  # while it waits for a job

    @property
    def has_job(self) -> bool:
        """Tell whether a job was granted."""
        return self._granted

    def has_relinquished(self) -> bool:
        """Tell whether salloc, which has ended, says that it gave its job back."""
        last_words = self.messages().partition("Relinquishing job allocation")
        return bool(last_words[1]) and "error:" not in last_words[2] and not self._was_killed

    def withdraw(self) -> None:
        """End the wait for a job: salloc takes its request back. Source: salloc(1), SIGNALS."""
        if self.process is not None and not self._granted:
            posix.kill(self.process.pid, SIGTERM)
            self._loop.call_later(STUCK_S, self.end_stuck)

    def end_stuck(self) -> None:
        """End a salloc that should long have ended: its job first, if it has told of one.

        It may hang in its own handler of a signal that comes as it gets the job (24.11: futex).
        """
        process = self.process
        if process is None:
            return

        def kill() -> None:
            if self.process is process:
                log.info(f"{self._name}: salloc does not end: it is killed")
                kill_group(process.pid)

        job_id = pending_job_id(parent(self._messages_path))
        if not job_id:
            kill()
            return
        from scrun.cluster.ending import end_target  # rare

        def over() -> None:
            self._loop.call_later(LAST_S, kill)

        environment = {**self._environment, **self.there, **self.variables}
        end_target(self._loop, str(job_id), environment, over)

    def messages(self) -> str:
        """Return what salloc wrote to stderr."""
        return read_messages(self._messages_path)

    def refusal(self) -> ClusterError:
        """Return why there is no job, in Slurm's own words."""
        lines = [line.strip() for line in self.messages().splitlines() if line.strip()]
        lines = [line for line in lines if not line.startswith("Try ")]
        errors = [line for line in lines if "error:" in line] or lines or ["salloc ended"]
        texts = [line.removeprefix("salloc: ").removeprefix("error: ") for line in errors]
        # "Job submit/allocate failed: ..." is the reason, the others have the details.
        reasons = [text for text in texts if text.startswith(FAILED)] or texts[:1]
        details = [text for text in texts if text not in reasons]
        text = reasons[0].removeprefix(FAILED) + (f" ({'; '.join(details)})" if details else "")
        return ClusterError(f"allocation refused: {text}", code="ALLOCATION_REFUSED")

    def _tell(self, text: bytes) -> None:
        if self._status_fd >= 0:
            try:
                posix.write(self._status_fd, text)
            except BrokenPipeError:
                log.debug(f"{self._name}: the job's shell is gone already")
            posix.close(self._status_fd)
            self._status_fd = -1


def cluster_of(options: Iterable[str]) -> dict[str, str]:
    """Return the variable by which a job is asked about where these options of salloc ask."""
    names = [option.partition("=")[2] for option in options if option.startswith("--clusters=")]
    return {"SLURM_CLUSTERS": names[-1]} if names else {}


def open_messages(path: str, how: int) -> int:
    """Open a file for what a command of Slurm's says; ``how``: O_TRUNC or O_APPEND."""
    return posix.open(path, posix.O_WRONLY | posix.O_CREAT | how, 0o600)


def read_messages(path: str) -> str:
    """Return what a command wrote to a file; nothing when the spool directory is gone."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def pending_job_id(spool_dir: str) -> int:
    """Return the job that a salloc asked for or got, by its messages; 0 when they name none.

    ``Pending job allocation 7``, ``Granted job allocation 7`` (salloc(1)).
    """
    text = read_messages(f"{spool_dir}/{MESSAGES}")
    number = text.partition(" job allocation ")[2].partition("\n")[0].strip()
    return int(number) if number.isdecimal() else 0


def _read_variables(pid: str) -> dict[str, str]:
    """Return the SLURM_* variables of a process; none when it is not there (any more)."""
    if not pid.isdecimal():
        return {}
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            entries = file.read().decode("utf-8", "surrogateescape").split("\0")
    except OSError:
        return {}
    pairs = (entry.partition("=") for entry in entries)
    return {
        name: value
        for name, equals, value in pairs
        if equals and name.startswith("SLURM_") and name not in NOT_THE_JOBS
    }
