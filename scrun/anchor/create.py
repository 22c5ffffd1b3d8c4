"""``create``: check the bundle, make the container's directory, fork the anchor, wait for it."""

from __future__ import annotations

import os
import select
import sys
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, socketpair

from scrun.errors import ConfigError, StateError, UsageError
from scrun.host.directory import make_directory, take_lock, write_pid_file
from scrun.host.process import fork
from scrun.hot.root import choose_root
from scrun.hot.wire import loads
from scrun.oci.config import join_path, read_config
from scrun.oci.ids import check_container_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from _socket import socket
    from collections.abc import Callable
    from typing import NoReturn

    from scrun.hot.parse import Command
    from scrun.oci.config import Config
else:
    import _signal  # `signal` wraps it in enums: 5 ms

REPLY_BYTES = 65536
BUNDLE_POLL_MS = 1000
ENDING = (1, 2, 15)  # SIGHUP, SIGINT, SIGTERM: the creation ends, with all it got so far


class Interrupted(BaseException):
    """A signal came; ``number`` is its."""

    def __init__(self, number: int) -> None:
        self.number = number


def run(command: Command) -> int:
    """Create a container; returns 0 once it is created. See `create`."""
    create(command)
    return 0


def create(
    command: Command,
    console: socket | None = None,
    serve: Callable[[Command, Config, str, socket, socket | None], NoReturn] | None = None,
) -> int:
    """Create a container; returns the anchor's process ID, a child of ours, once it is created.

    A signal that ends us ends the creation first: a job that still waits in the queue is taken
    back, and nothing of the container is left.

    Args:
        console: gets the master of the container's terminal, as a console socket would.
        serve: is the anchor, in place of `scrun.anchor.main.serve`.

    Raises:
        ScrunError: bad id, bundle or config.json, an id in use, or whatever the policy refused;
            nothing of the container is left.
    """
    container_id = command.operands[0]
    check_container_id(container_id)
    root = choose_root(command.globals.get("root"))
    given = command.options.get("config")
    config = read_config(_find_bundle(command), str(given) if given else None)
    _check_options(command, config, has_console=console is not None)
    directory = make_directory(root, container_id)
    # Until the anchor has answered, verbs that find nobody alive here are to wait.
    recovery = take_lock(directory, "recovery")
    try:
        return _create(command, config, directory, console, serve)
    except Interrupted as signal:
        die(signal.number)
    finally:
        if recovery is not None:
            os.close(recovery)


def die(number: int) -> NoReturn:
    """End as a signal ends a process that does nothing about it."""
    _signal.signal(number, _signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # not reached


def _create(
    command: Command,
    config: Config,
    directory: str,
    console: socket | None,
    serve: Callable[[Command, Config, str, socket, socket | None], NoReturn] | None,
) -> int:
    for number in ENDING:
        _signal.signal(number, _raise_interrupted)
    ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)
    sys.stdout.flush()
    sys.stderr.flush()

    def be_anchor() -> NoReturn:
        ours.close()
        for number in ENDING:
            _signal.signal(number, _signal.SIG_DFL)
        if serve is not None:
            serve(command, config, directory, theirs, console)
        from scrun.anchor import main  # only the anchor needs Lua

        main.serve(command, config, directory, theirs, console)

    pid = fork(be_anchor)
    theirs.close()
    try:
        _wait(ours, command.operands[0], config.bundle)
        pid_file = command.options.get("pid_file")
        if pid_file:
            write_pid_file(join_path(os.getcwd(), str(pid_file)), pid)
    except BaseException:
        ours.close()  # a living anchor takes this as the end of the creation
        os.waitpid(pid, 0)
        _remove_remains(directory)
        raise
    ours.send(b"go")
    return pid


def _find_bundle(command: Command) -> str:
    bundle = join_path(os.getcwd(), str(command.options.get("bundle") or "."))
    if "/.ro" in bundle:
        from scrun.host.copied_up import find_original  # of rootless docker

        return find_original(bundle)
    return bundle


def _check_options(command: Command, config: Config, *, has_console: bool) -> None:
    """Refuse what cannot work before anything is made.

    A caller's own terminal is no place for a container that goes on when `create` has returned:
    the shell is back at it. So crun and runc refuse it as well; `scrun run` stays with it.
    """
    has_socket = bool(command.options.get("console_socket"))
    if config.terminal and not has_socket and not has_console:
        raise ConfigError(
            f"{config.path}: process.terminal: nobody takes the terminal",
            hint="pass --console-socket, or use `scrun run` without --detach",
        )
    if has_socket and not config.terminal:
        raise UsageError(f"--console-socket: {config.path} has no process.terminal")
    preserved = int(str(command.options.get("preserve_fds") or 0))
    if preserved:
        from scrun.anchor.stdio import check_preserved  # few engines hand any on

        check_preserved(preserved)


def _wait(channel: socket, container_id: str, bundle: str) -> None:
    """Wait for the anchor's answer, as long as the engine that asked is not done with it.

    One that was killed leaves its monitor, and so us, waiting; the bundle goes with `rm --force`.
    """
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    while not poll.poll(BUNDLE_POLL_MS):
        if not os.path.isdir(bundle):
            raise StateError(f"create {container_id}: its bundle {bundle} was removed")
    answer = channel.recv(REPLY_BYTES)
    if not answer:
        raise StateError(f"create {container_id}: the anchor died")
    reply = loads(answer)
    if not reply["ok"]:
        raise StateError(f"create {container_id}: {reply['message']}", code=reply["code"])


def _remove_remains(directory: str) -> None:
    """Remove what an anchor has left that could not begin, or died."""
    if os.path.isdir(directory):
        from scrun.anchor.recover import recover  # rare

        recover(directory, remove=True)


def _raise_interrupted(number: int, _frame: object) -> None:
    raise Interrupted(number)
