"""Processes: started by an argv, watched by a pidfd."""

from __future__ import annotations

import posix
from errno import EINVAL
from fcntl import F_DUPFD_CLOEXEC, fcntl

from scrun.errors import HostError, ScrunError
from scrun.host.paths import DEV_NULL, is_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

SIGKILL, SIGPIPE, SIGTERM, SIGXFSZ = 9, 13, 15, 25
STATE, GROUP, SESSION, START = 3, 5, 6, 22  # fields of proc_pid_stat(5)
OUT_OF_THE_WAY = 64
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"

# Who watches our processes: called with the argv of one that was spawned, and with None and its
# status once it is reaped.
observer: Callable[[int, Sequence[str] | None, int], None] | None = None


class Process:
    """A child process. ``pidfd`` is readable once it has ended; `reap` then gives its status.

    Attributes:
        was_killed: after `reap`: a signal ended it, its status is nobody's word.
    """

    __slots__ = ("pid", "pidfd", "was_killed")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.pidfd = posix.pidfd_open(pid)
        self.was_killed = False

    def reap(self) -> int:
        """Wait for the end and return the exit status; death by signal n is 128+n."""
        status = posix.waitpid(self.pid, 0)[1]
        posix.close(self.pidfd)
        code = posix.waitstatus_to_exitcode(status)
        self.was_killed = code < 0
        if observer is not None:
            observer(self.pid, None, code if code >= 0 else 128 - code)
        return code if code >= 0 else 128 - code


def spawn(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdio: tuple[int, int, int] = (0, 1, 2),
    extra: Sequence[int] = (),
    terminal: str | None = None,
    controlling: bool = True,
    group: bool = True,
    session: bool = False,
) -> Process:
    """Start ``argv`` in a process group of its own, with ``stdio`` and ``extra`` as descriptors.

    The program is looked up in the PATH of ``environment``. Descriptors of this process are
    close-on-exec, as Python opens them. SIGPIPE and SIGXFSZ, which Python ignores, are back at
    their default.

    Args:
        extra: descriptors that the program gets as 3, 4 and so on.
        terminal: path of a terminal that takes the place of this process's stdio (of what
            ``stdio`` has no other for), and is that of a session of its own: so the program hears
            of its size (SIGWINCH).
        controlling: False leaves that terminal's session alone (`scrun.host.window`).
        group: False leaves it in our own process group, for one that reads our terminal.
        session: it gets a session of its own: it is to outlive ours (`end_dead_session`).

    Raises:
        ScrunError: the program is not there or cannot be run.
    """
    program = argv[0]
    if "/" not in program:
        path = environment.get("PATH") or DEFAULT_PATH
        program = find_program(program, path) or ""
        if not program:  # in other words than those by which engines know a missing command
            raise ScrunError(f"{argv[0]} is not installed: it is nowhere in {path}", code="ENOENT")
    moved: list[int] = []
    actions: list[Any] = []
    place: dict[str, Any] = {"setpgroup": 0} if group else {}
    if session:
        place = {"setsid": True}
    if terminal is not None:  # opened by the leader of a session, it becomes that session's
        flags = posix.O_RDWR if controlling else posix.O_RDWR | posix.O_NOCTTY
        actions.append((posix.POSIX_SPAWN_OPEN, 0, terminal, flags, 0))
        stdio = (0, 0, stdio[2] if stdio[2] > 2 else 0)
        place = {"setsid": True}
    try:
        for fd in extra:  # out of the way first: a target may be the source of another
            moved.append(fcntl(fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY))
        sources = enumerate((*stdio, *moved))
        actions += [(posix.POSIX_SPAWN_DUP2, fd, number) for number, fd in sources]
        pid = posix.posix_spawn(
            program,
            list(argv),
            dict(environment),
            file_actions=actions,
            **place,
            setsigdef=[SIGPIPE, SIGXFSZ],
            setsigmask=[],
        )
    except OSError as err:
        raise HostError("run", err, path=argv[0]) from err
    except ValueError as err:  # a NUL in an argument, a "=" in a variable's name
        raise HostError("run", OSError(EINVAL, str(err)), path=argv[0]) from err
    finally:
        for fd in moved:
            posix.close(fd)
    if observer is not None:
        observer(pid, argv, 0)
    try:
        return Process(pid)
    except OSError as err:  # EMFILE: nobody would hear of its end
        posix.kill(pid, SIGKILL)
        posix.waitpid(pid, 0)
        raise HostError("run", err, path=argv[0]) from err


def spawn_quietly(argv: Sequence[str], environment: Mapping[str, str]) -> Process:
    """Start ``argv`` with all of its stdio on /dev/null; HostError as `spawn`."""
    null = posix.open(DEV_NULL, posix.O_RDWR | posix.O_CLOEXEC)
    try:
        return spawn(argv, environment, stdio=(null, null, null))
    finally:
        posix.close(null)


def kill_group(pid: int) -> None:
    """SIGKILL a process group, if it is there and any of it is ours: one of sudo's is not."""
    try:
        posix.killpg(pid, SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def kill_relatives(pid: int, field: int) -> None:
    """SIGKILL all processes whose group or session is ``pid``, but for ourselves.

    Args:
        field: of proc_pid_stat(5): `GROUP` or `SESSION`.
    """
    for name in posix.listdir("/proc"):
        if not name.isdecimal() or int(name) == posix.getpid():
            continue
        try:
            if int(_stat(int(name))[field - STATE]) == pid:
                posix.kill(int(name), SIGKILL)
        except OSError:
            continue  # it ended meanwhile


def end_dead_session(leader: int, boot: str) -> None:
    """SIGKILL what is left of a session whose leader has died.

    While it has members its number is given to nobody; so one that lives is another process, and
    after a reboot all numbers mean something else: then nothing is done.

    Args:
        boot: `read_boot` when the leader lived.
    """
    try:
        is_dead = _stat(leader)[0] in (b"Z", b"X")
    except OSError:
        is_dead = True
    if is_dead and boot == read_boot():
        kill_relatives(leader, SESSION)


def identify(pid: int) -> bytes:
    """Return a line that no other process of this boot has: number, and start in clock ticks.

    Empty when there is no such process.
    """
    try:
        return b"%d %s\n" % (pid, _stat(pid)[START - STATE])
    except OSError:
        return b""


def end_identified(line: bytes, boot: str) -> None:
    """SIGKILL a process group whose leader is known by a line of `identify`, if it is still there.

    Args:
        boot: `read_boot` when the line was made.
    """
    number = line.split(b" ")[0]
    if number.isdigit() and boot == read_boot() and identify(int(number)) == line:
        kill_group(int(number))


def _stat(pid: int) -> list[bytes]:
    """Return what proc_pid_stat(5) tells, from field 3 (`STATE`) on; OSError: no such process."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()


def read_boot() -> str:
    """Return what is another with every boot of the machine (random(4))."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def find_program(name: str, path: str | None) -> str | None:
    """Return the first executable file called ``name`` in ``path`` (colon separated)."""
    for directory in (path or DEFAULT_PATH).split(":"):
        candidate = f"{directory or '.'}/{name}"
        if is_file(candidate) and posix.access(candidate, posix.X_OK):
            return candidate
    return None
