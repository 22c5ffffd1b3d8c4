"""``create``: check the bundle, make the container's directory, fork the anchor, wait for it."""

from __future__ import annotations

import os
import sys
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, socketpair

from scrun.errors import HostError, StateError
from scrun.host.directory import make_directory, remove_tree
from scrun.hot.root import choose_root
from scrun.hot.wire import loads
from scrun.oci.config import join_path, read_config
from scrun.oci.ids import check_container_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scrun.hot.parse import Command

REPLY_BYTES = 65536


def run(command: Command) -> int:
    """Create a container; returns 0 once it is created.

    Raises:
        ScrunError: bad id, bundle or config.json, an id in use, or whatever the policy refused;
            nothing of the container is left.
    """
    container_id = command.operands[0]
    check_container_id(container_id)
    root = choose_root(command.globals.get("root"))
    config = read_config(str(command.options.get("bundle") or "."))
    directory = make_directory(root, container_id)
    ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        ours.close()
        from scrun.anchor.main import serve  # only the anchor needs Lua

        serve(command, config, directory, theirs)
    theirs.close()
    try:
        _wait(ours, container_id, directory)
        pid_file = command.options.get("pid_file")
        if pid_file:
            _write_pid_file(join_path(os.getcwd(), str(pid_file)), pid)
    except BaseException:
        ours.close()  # a living anchor takes this as the end of the creation
        os.waitpid(pid, 0)
        raise
    ours.send(b"go")
    return 0


def _wait(channel: object, container_id: str, directory: str) -> None:
    answer = channel.recv(REPLY_BYTES)  # type: ignore[attr-defined]
    if not answer:
        _remove(directory)
        raise StateError(f"create {container_id}: the anchor died")
    reply = loads(answer)
    if not reply["ok"]:
        _remove(directory)  # an anchor that could not begin has left it
        raise StateError(f"create {container_id}: {reply['message']}", code=reply["code"])


def _remove(directory: str) -> None:
    if os.path.lexists(directory):
        remove_tree(directory)


def _write_pid_file(path: str, pid: int) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(fd, str(pid).encode())
        os.close(fd)
    except OSError as err:
        raise HostError("write pid file", err, path=path) from err
