"""The verbs for a container that exists: answered by its directory, or by its live anchor.

``<root>/<id>/`` is the truth: ``state.json`` is ready to print, ``lock`` is held (lockf) while the
anchor lives, ``anchor.sock`` takes one request per connection, ``released`` is there once the
container has ended and nothing but the directory is left of it.
"""

import posix
import sys

from scrun.hot.root import choose_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable

    from scrun.hot.parse import Command

REPLY_BYTES = 262144  # more than a SOCK_SEQPACKET message can have by default (wmem_default)
AT_THE_DOOR = ("start", "kill")  # verbs that the launcher itself asks for
POLL_S = 0.02
POLLS = 500  # an anchor has 10 s to open its socket, or to let go of its lock
_OPEN_DIRECTORY = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC


class Refused(Exception):
    """The verb failed, with the reason for the user and a code for programs."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def run(command: "Command") -> bool:
    """Carry out a verb; False: the anchor is dead, the caller must recover the container.

    Raises:
        Refused: the container does not exist, or the anchor said no.
        OSError: the directory cannot be read.
    """
    refusal = posix.environ.pop(b"_SCRUN_REFUSAL", None)  # no child's business
    if refusal and command.verb in AT_THE_DOOR:
        _raise_refusal(refusal)
    name = command.operands[0]
    root = choose_root(command.globals.get("root"))
    try:
        directory = open_container(root, name)
    except FileNotFoundError:
        if command.verb == "delete" and command.options.get("force"):
            return True
        raise Refused(f'container "{name}" does not exist', "NOT_FOUND") from None
    if command.verb == "state":
        return _print_state(directory)
    if has_ended(directory):
        _answer_for_ended(command, root, directory)
        return True
    if command.verb == "events":
        from scrun.hot.events import report  # rare

        return report(command, directory)
    if command.verb == "update":
        from scrun.hot.resources import read_resources  # rare

        read_resources(command)
    return ask(command, directory)


def _raise_refusal(descriptor: bytes) -> None:
    """Raise the reply to the launcher, which asked in our place and cannot read it.

    Returns when there is none: the anchor died over it, or whoever called us made this up.
    """
    from scrun.hot.wire import loads

    parts = []
    try:
        fd = int(descriptor)
        while part := posix.read(fd, 65536):
            parts.append(part)
        reply = loads(b"".join(parts))
        refused = Refused(reply["message"], reply["code"])
    except (ValueError, OSError, LookupError, TypeError):
        return
    raise refused


def open_container(root: str, name: str) -> int:
    """Return a descriptor of the container's directory; FileNotFoundError when there is none."""
    if not name or "/" in name or "\0" in name or name in (".", "..") or len(name) > 255:
        raise FileNotFoundError  # create refuses such a name
    try:
        directory = posix.open(f"{root}/{name}", _OPEN_DIRECTORY)
    except NotADirectoryError:
        raise FileNotFoundError from None
    owner = posix.fstat(directory).st_uid
    if owner != posix.getuid():
        raise Refused(f'container "{name}" belongs to user {owner}: permission denied', "EACCES")
    return directory


def is_locked(directory: int) -> bool:
    """Tell whether the anchor lives."""
    try:
        lock = posix.open("lock", posix.O_RDWR | posix.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return False
    try:
        posix.lockf(lock, posix.F_TEST, 0)
    except (BlockingIOError, PermissionError):  # EAGAIN or EACCES (lockf(3))
        return True
    finally:
        posix.close(lock)
    return False


def read_file(name: str, directory: int) -> bytes:
    """Return all of a file in a directory."""
    file = posix.open(name, posix.O_RDONLY | posix.O_CLOEXEC, dir_fd=directory)
    try:
        parts = []
        while part := posix.read(file, 65536):
            parts.append(part)
    finally:
        posix.close(file)
    return b"".join(parts)


def has_ended(directory: int) -> bool:
    """Tell whether nothing but the directory is left of a container."""
    return _exists("released", directory)


def has_stopped(document: bytes) -> bool:
    """Tell whether a state document says so.

    The first ``"status"`` counts: `scrun` writes it before anything of the user's, and inside a
    JSON string the quotes would have backslashes.
    """
    value = document.partition(b'"status"')[2].lstrip(b" \t\r\n:")
    return value.startswith(b'"stopped"')


def _exists(name: str, directory: int) -> bool:
    try:
        posix.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _print_state(directory: int) -> bool:
    for _ in range(POLLS):
        try:
            document = read_file("state.json", directory)
        except FileNotFoundError:  # create is about to write it
            document = b""
        alive = is_locked(directory)
        if document and (alive or has_stopped(document)):
            _write_out(document if document.endswith(b"\n") else document + b"\n")
            return True
        if not alive:
            # It may have ended between the two looks: only a second look tells.
            if document and has_stopped(read_file("state.json", directory)):
                continue
            return False
        _pause()
    return False


def _answer_for_ended(command: "Command", root: str, directory: int) -> None:
    name = command.operands[0]
    if command.verb == "start":
        raise Refused(f'cannot start container "{name}": it is stopped', "BAD_STATE")
    if command.verb == "kill":
        if command.options.get("all"):  # podman sends KILL to all after the end, as runc allows
            return
        raise Refused("container not running", "NOT_RUNNING")
    if command.verb == "ps":
        _write_out(b"[]\n" if command.options.get("format") == "json" else b"PID\n")
        return
    if command.verb != "delete":
        text = f'{command.verb} container "{name}": container not running'
        raise Refused(text, "NOT_RUNNING")
    from scrun.hot.remove import remove_container  # only delete needs it

    remove_container(root, name, directory)


def print_line(text: str) -> None:
    """Write a line to stdout."""
    _write_out(text.encode("utf-8", "surrogateescape") + b"\n")


def ask(command: "Command", directory: int, show: "Callable[[str], None]" = print_line) -> bool:
    """Send the verb to the anchor and wait, as long as it takes; False: the anchor is dead.

    Args:
        show: gets what the verb answers.
    """
    from scrun.hot.wire import dumps, loads  # not for state

    request = {
        "verb": command.verb,
        "id": command.operands[0],
        "options": command.options,
        "operands": command.operands[1:],
    }
    connection = connect(directory)
    if connection is None:
        return False
    try:
        connection.send(dumps(request))
        answer = connection.recv(REPLY_BYTES)
    except (BrokenPipeError, ConnectionResetError):
        answer = b""
    finally:
        connection.close()
    if not answer:  # it died over the request
        return _settle(command, directory)
    reply = loads(answer)
    if not reply["ok"]:
        raise Refused(reply["message"], reply["code"])
    if reply.get("value") is not None:
        show(str(reply["value"]))
    return True


def connect(directory: int) -> "socket | None":
    """Return a connection to the anchor, None when it is dead or is going.

    Raises:
        Refused: it does not answer, or is somebody else's.
    """
    # Not for state, nor for delete after the end.
    from _socket import AF_UNIX, SO_PEERCRED, SOCK_CLOEXEC, SOCK_SEQPACKET, SOL_SOCKET, socket

    for _ in range(POLLS):
        connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
        try:
            connection.connect(f"/proc/self/fd/{directory}/anchor.sock")
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            if not is_locked(directory):
                return None
            _pause()
            continue
        peer = connection.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)  # struct ucred: pid, uid, gid
        if int.from_bytes(peer[4:8], sys.byteorder) != posix.getuid():
            connection.close()
            raise Refused("the anchor's socket belongs to another user", "EACCES")
        return connection
    raise Refused("the anchor does not open its socket", "ETIMEDOUT")


def _settle(command: "Command", directory: int) -> bool:
    """Say what became of a request whose anchor closed the connection without an answer."""
    for _ in range(POLLS):
        if not is_locked(directory):
            return False
        _pause()
    raise Refused(f"{command.verb} {command.operands[0]}: the anchor did not answer", "EPROTO")


def _pause() -> None:
    from select import select  # waiting is rare

    select((), (), (), POLL_S)


def _write_out(data: bytes) -> None:
    while data:
        data = data[posix.write(1, data) :]
