"""``create``: check the bundle and make the container's directory while the anchor comes up.

The anchor is forked first: on another processor it loads what it needs, 7 ms, while we look at
what we were called with. It begins once it has the submission, and ends unheard without one.
"""

import posix
import sys
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, socketpair

from scrun.host.fork import fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from _socket import socket
    from collections.abc import Callable, Iterable
    from typing import NoReturn

    from scrun.anchor.submission import Submission
    from scrun.errors import StateError
    from scrun.hot.parse import Command

    Serve = Callable[[Command, Submission, str, socket, socket | None], NoReturn]
else:
    import _signal  # `signal` wraps it in enums: 5 ms

REPLY_BYTES = 65536
BUNDLE_POLL_MS = 1000
ENDING = (1, 2, 15)  # SIGHUP, SIGINT, SIGTERM: the creation ends, with all it got so far
SIGKILL = 9
MFD_CLOEXEC, MFD_NOEXEC_SEAL = 1, 8  # a site may allow no others (sysctl vm.memfd_noexec)


class Interrupted(BaseException):
    """A signal came; ``number`` is its."""

    def __init__(self, number: int) -> None:
        self.number = number


def run(command: "Command") -> int:
    """Create a container; returns 0 once it is created. See `create`."""
    check_descriptors(command)
    create(command)
    return 0


def check_descriptors(command: "Command") -> None:
    """Refuse --preserve-fds of what is not there, before a descriptor of ours is in its place."""
    preserved = int(str(command.options.get("preserve_fds") or 0))
    if preserved:
        from scrun.anchor.stdio import check_preserved  # few engines hand any on

        check_preserved(preserved)


def create(
    command: "Command",
    console: "socket | None" = None,
    serve: "Serve | None" = None,
) -> int:
    """Create a container; returns the anchor's process ID, a child of ours, once it is created.

    A signal that ends us ends the creation first: a job that still waits in the queue is taken
    back, and nothing of the container is left. One that comes later waits for `let_signals_in`.

    Args:
        console: gets the master of the container's terminal, as a console socket would.
        serve: is the anchor, in place of `scrun.anchor.main.serve`.

    Raises:
        ScrunError: bad id, bundle or config.json, an id in use, or whatever the policy refused;
            nothing of the container is left.
    """
    for number in ENDING:
        _signal.signal(number, _raise_interrupted)
    try:
        return _create(command, console, serve)
    except Interrupted as signal:
        die(signal.number)


def let_signals_in() -> None:
    """Take signals again, as `Interrupted`, when whoever called `create` can take care of it."""
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, ENDING)


def die(number: int) -> "NoReturn":
    """End as a signal ends a process that does nothing about it."""
    _signal.signal(number, _signal.SIG_DFL)
    let_signals_in()
    posix.kill(posix.getpid(), number)
    posix._exit(128 + number)  # not reached


def _create(
    command: "Command",
    console: "socket | None",
    serve: "Serve | None",
) -> int:
    ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)
    memory = _make_memory()
    sys.stdout.flush()
    sys.stderr.flush()

    def be_anchor() -> "NoReturn":
        for number in ENDING:
            _signal.signal(number, _signal.SIG_DFL)
        ours.close()
        _serve(command, theirs, console, memory, serve)

    pid = fork(be_anchor)
    theirs.close()
    mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
    try:
        from scrun.anchor.submission import submit  # the anchor does without
        from scrun.host.directory import make_directory

        submission, root = submit(command, has_console=console is not None)
        # No signal comes between the directory and who will remove it.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, ENDING)
        directory = make_directory(root, command.operands[0])
    except BaseException:
        posix.kill(pid, SIGKILL)  # it has begun nothing
        posix.waitpid(pid, 0)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        raise
    _hand_over(command, submission, directory, ours, memory, pid, mask)
    return pid


def _make_memory() -> int:
    try:
        return posix.memfd_create("submission", MFD_CLOEXEC | MFD_NOEXEC_SEAL)
    except OSError:  # Linux before 6.3
        return posix.memfd_create("submission", MFD_CLOEXEC)


def _serve(
    command: "Command",
    channel: "socket",
    console: "socket | None",
    memory: int,
    serve: "Serve | None",
) -> "NoReturn":
    """Be the anchor, once there is something to serve."""
    if serve is None:
        from scrun.anchor import main  # only the anchor needs Lua

        main.prepare()
        serve = main.serve
    from scrun.anchor.submission import loads

    size = int.from_bytes(channel.recv(8), sys.byteorder)
    if not size:
        posix._exit(1)
    submission, directory = loads(posix.pread(memory, size, 0))
    posix.close(memory)
    serve(command, submission, directory, channel, console)


def _hand_over(
    command: "Command",
    submission: "Submission",
    directory: str,
    channel: "socket",
    memory: int,
    pid: int,
    mask: "Iterable[int]",
) -> None:
    """Let the anchor create the container, and return once it has.

    Args:
        mask: the signals to be blocked again once the directory is in our care.
    """
    from scrun.host.directory import take_lock, write_pid_file
    from scrun.oci.config import join_path

    recovery = None
    try:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        # Until the anchor has answered, verbs that find nobody alive here are to wait.
        recovery = take_lock(directory, "recovery")
        data = submission.dumps(directory)
        written = 0
        while written < len(data):
            written += posix.write(memory, data[written:])
        posix.close(memory)
        _send(channel, written.to_bytes(8, sys.byteorder))
        _wait(channel, command.operands[0], submission.config.bundle)
        pid_file = command.options.get("pid_file")
        if pid_file:
            write_pid_file(join_path(posix.getcwd(), str(pid_file)), pid)
        # It lives from then on, and no signal is to be taken for the end of its creation.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, ENDING)
        if not _send(channel, b"go"):
            raise _dead(command.operands[0])
    except BaseException:
        channel.close()  # a living anchor takes this as the end of the creation
        posix.waitpid(pid, 0)
        _remove_remains(directory)
        raise
    finally:
        if recovery is not None:
            posix.close(recovery)


def _send(channel: "socket", data: bytes) -> bool:
    """Send to the anchor; False: it is dead."""
    try:
        channel.send(data)
    except OSError:
        return False
    return True


def _dead(container_id: str) -> "StateError":
    from scrun.errors import StateError

    return StateError(f"create {container_id}: the anchor died")


def _wait(channel: "socket", container_id: str, bundle: str) -> None:
    """Wait for the anchor's answer, as long as the engine that asked is not done with it.

    One that was killed leaves its monitor, and so us, waiting; the bundle goes with `rm --force`.
    """
    import select

    from scrun.errors import StateError
    from scrun.host.paths import is_directory
    from scrun.hot.wire import loads

    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    while not poll.poll(BUNDLE_POLL_MS):
        if not is_directory(bundle):
            raise StateError(f"create {container_id}: its bundle {bundle} was removed")
    try:
        answer = channel.recv(REPLY_BYTES)
    except ConnectionResetError:  # it died over what we sent
        answer = b""
    if not answer:
        raise _dead(container_id)
    reply = loads(answer)
    if not reply["ok"]:
        raise StateError(f"create {container_id}: {reply['message']}", code=reply["code"])


def _remove_remains(directory: str) -> None:
    """Remove what an anchor has left that could not begin, or died."""
    from scrun.host.paths import is_directory

    if is_directory(directory):
        from scrun.anchor.recover import recover  # rare

        recover(directory, remove=True)


def _raise_interrupted(number: int, _frame: object) -> None:
    raise Interrupted(number)
