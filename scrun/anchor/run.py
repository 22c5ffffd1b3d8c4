"""``run``: create and start a container, stay with it until it has ended, and delete it.

The anchor is our child here, as it is an engine's otherwise: its end has the container's status.
With process.terminal and no console socket, the caller's own terminal is the container's: we take
the master of the container's pseudoterminal as an engine does, and are between the two.
"""

from __future__ import annotations

import gc
import os
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM, socketpair

from scrun import log
from scrun.anchor.create import Interrupted, check_descriptors, create, die, let_signals_in
from scrun.anchor.recover import run as recover
from scrun.errors import ScrunError
from scrun.host.loop import Loop
from scrun.host.process import Process
from scrun.hot import client
from scrun.hot.parse import Command
from scrun.hot.root import choose_root
from scrun.hot.wire import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

    from scrun.host.relay import Relay

FORWARDED = (1, 2, 3, 10, 12, 14, 15)  # HUP, INT, QUIT, USR1, USR2, ALRM, TERM
SIGCONT, SIGWINCH = 18, 28


def run(command: Command) -> int:
    """Run a container; returns its exit status, or 0 once it runs with ``--detach``.

    Raises:
        ScrunError, Refused: it could not be created or started; nothing of it is left.
    """
    check_descriptors(command)
    options = command.options
    ours = theirs = None
    if not options.get("detach") and not options.get("console_socket"):
        ours, theirs = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
    pid = create(command, theirs)
    process = Process(pid)
    try:
        let_signals_in()
        if theirs is not None:
            theirs.close()
        for fd in range(3, 3 + int(str(options.get("preserve_fds") or 0))):
            os.close(fd)
        if options.get("detach"):
            _carry_out(command, "start")
            return 0
        return Attendance(command, process, ours).run()
    except BaseException as failure:
        _abandon(command)
        process.reap()
        if isinstance(failure, Interrupted):
            die(failure.number)
        raise


class Attendance:
    """We beside a created container, from its start to its deletion.

    Args:
        console: brings the master of its terminal, if it has one.

    Raises:
        OSError: the container's directory cannot be opened.
    """

    def __init__(self, command: Command, process: Process, console: socket | None) -> None:
        self._command = command
        self._process = process
        self._loop = Loop()
        root = choose_root(command.globals.get("root"))
        self._directory = client.open_container(root, command.operands[0])
        self._relay: Relay | None = None if console is None else _make_relay(self._loop, console)
        self._status = 1
        self._has_ended = False
        self._is_over = False

    def run(self) -> int:
        """Start the container, and return its status once it is deleted.

        Raises:
            ScrunError, Refused: it did not start.
        """
        relay = self._relay
        signals = FORWARDED if relay is None else (*FORWARDED, SIGCONT, SIGWINCH)
        self._loop.watch_signals(signals, self._take_signal)
        if relay is not None:
            relay.resize()
        _carry_out(self._command, "start")
        gc.enable()
        try:
            if relay is not None:
                relay.begin()
            self._loop.when_ended(self._process, self._ended)
            while not self._is_over:
                self._loop.run_once()
        finally:
            if relay is not None:
                relay.restore()
        if not self._command.options.get("keep"):
            self._delete()
        return self._status

    def _ended(self, status: int) -> None:
        self._status, self._has_ended = status, True
        if self._relay is None:
            self._finish()
        else:
            self._relay.drain(self._finish)

    def _finish(self) -> None:
        self._is_over = True

    def _delete(self) -> None:
        try:
            _carry_out(self._command, "delete", force=True)
        except (ScrunError, client.Refused, OSError) as err:
            log.report(str(err))
            self._status = self._status or 1

    # Signals.

    def _take_signal(self, number: int) -> None:
        if number == SIGWINCH and self._relay is not None:
            self._relay.resize()
        elif number == SIGCONT and self._relay is not None:
            self._relay.resume()
        elif not self._has_ended:
            self._forward(number)

    def _forward(self, number: int) -> None:
        """Ask the anchor to deliver a signal; the answer is waited for in the loop."""
        try:
            connection = client.connect(self._directory)
            if connection is None:
                return
            name = self._command.operands[0]
            request = {"verb": "kill", "id": name, "options": {}, "operands": [str(number)]}
            connection.send(dumps(request))
        except (client.Refused, OSError) as err:
            log.error(f"signal {number}: {err}")
            return
        self._loop.watch(connection.fileno(), lambda: self._answered(connection))

    def _answered(self, connection: socket) -> None:
        self._loop.forget(connection.fileno())
        try:
            answer = connection.recv(client.REPLY_BYTES)
        except OSError:
            answer = b""  # it ended over it
        connection.close()
        reply = loads(answer) if answer else {"ok": True}
        if not reply["ok"] and not self._has_ended:
            log.error(str(reply["message"]))


def _make_relay(loop: Loop, console: socket) -> Relay | None:
    """Return what is between the caller's terminal and the container's; None: it has none."""
    from scrun.host.relay import Relay  # most containers have no terminal
    from scrun.host.terminal import receive_master

    try:
        master = receive_master(console)
    except OSError:
        return None
    finally:
        console.close()
    return Relay(loop, master)


def _carry_out(command: Command, verb: str, **options: bool) -> None:
    """Carry a further verb out for the container of ``command``, as if it had been called.

    Raises:
        ScrunError, Refused: it failed.
    """
    further = Command(verb, command.globals, dict(options), command.operands[:1])
    if not client.run(further):
        recover(further)


def _abandon(command: Command) -> None:
    """Delete a container that is not to be; the reason is told by others."""
    try:
        _carry_out(command, "delete", force=True)
    except (ScrunError, client.Refused, OSError) as err:
        log.error(str(err))
