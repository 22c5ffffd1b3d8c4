"""``exec``: a session that runs one more process in a container, and lives as long as it.

The container's anchor says how (luastd/verbs/exec.lua decides); the session starts that on its own
stdio or terminal, hands signals on, and ends with the process's status. Engines call ``exec
--detach``: then the session goes on in the background, and its number is in the pid file.
"""

from __future__ import annotations

import os
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, socketpair

from scrun import log
from scrun.anchor.exec_request import Request
from scrun.anchor.stdio import let_go_of_stdio
from scrun.cluster.exec_steps import NOT_STARTED
from scrun.cluster.step import spawn_step, worth_telling
from scrun.errors import ScrunError, StateError
from scrun.host.directory import write_pid_file
from scrun.host.fork import fork
from scrun.host.loop import Loop
from scrun.host.process import (
    Process,
    end_identified,
    identify,
    kill_group,
    read_boot,
    spawn,
)
from scrun.host.stdio import Reader
from scrun.hot.wire import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

    from scrun.cluster.resizing import Resizing
    from scrun.host.terminal import Terminal
    from scrun.hot.parse import Command

FAILED = 255  # as crun and runc say that there was no process to have a status
FORWARDED = (1, 2, 3, 10, 12, 15)  # HUP, INT, QUIT, USR1, USR2, TERM
END_S = 1.0  # for a step to end by itself: its process did not run, or the container has ended
OUTCOME_S = 3.0  # for the anchor to tell of a failure, when the process has ended in one
REPLY_BYTES = 262144


def run(command: Command) -> int:
    """Run the process; returns its status, or 0 once it runs with ``--detach``.

    Raises:
        ScrunError: no such container, it is not running, or a request that cannot be.
    """
    request = Request(command)
    connection, launch = request.ask()
    try:
        if request.detach:
            return _run_detached(request, connection, launch)
        session = Session(request, connection, launch)
        return session.run()
    except StateError as err:
        err.exit_status = FAILED
        raise
    finally:
        connection.close()


def _run_detached(request: Request, connection: socket, launch: Mapping[str, Any]) -> int:
    ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)

    def be_session() -> NoReturn:
        status = FAILED
        try:
            ours.close()
            os.setsid()
            session = Session(request, connection, launch, parent=theirs)
            status = session.run()
        except ScrunError as err:
            _send(theirs, {"ok": False, "message": str(err), "code": err.code})
        except BaseException as err:  # the border of a process
            log.bug(err, "exec")
            text = f"internal error: {type(err).__name__}: {err}"
            _send(theirs, {"ok": False, "message": text, "code": "BUG"})
        finally:
            os._exit(status)

    pid = fork(be_session)
    theirs.close()
    answer = ours.recv(REPLY_BYTES)
    if not answer:
        raise StateError("exec: the session died", code="EXEC_FAILED")
    reply = loads(answer)
    if not reply["ok"]:
        raise StateError(reply["message"], code=reply["code"])
    if request.pid_file:
        write_pid_file(request.pid_file, pid)
    _send(ours, {"go": True})
    return 0


class Session:
    """One process's.

    Args:
        parent: who waits until the process runs.
    """

    def __init__(
        self,
        request: Request,
        connection: socket,
        launch: Mapping[str, Any],
        parent: socket | None = None,
    ) -> None:
        self._request = request
        self._connection = connection
        self._launch = launch
        self._parent = parent
        self._loop = Loop()
        self._status: int | None = None
        self._outcome: bool | None = None  # whether the process has run; None: not known yet
        self._over = False
        self._failure: StateError | None = None
        self._refusal = ("", "")  # why it has not run, and the code
        self._messages = os.memfd_create("srun", os.MFD_CLOEXEC)
        self._group = False
        self._runtime = b""  # see `identify`: whom the process between stands for
        self._resizing: Resizing | None = None
        self._follow_size: Callable[[], None] | None = None  # to be called once the process runs

    def run(self) -> int:
        """Live; returns the status.

        Raises:
            StateError: the process never ran.
        """
        terminal = self._request.open_terminal()
        self._loop.watch_signals(FORWARDED, self._forward)
        try:
            self._process = self._start(terminal)
            reader = None
            if self._launch.get("piped"):
                reader = Reader(self._loop, 1, lambda: _send(self._connection, {"deaf": True}))
            if self._parent is not None:
                let_go_of_stdio()
                for fd in range(3, 3 + self._request.preserved):
                    os.close(fd)
            self._loop.watch(self._connection.fileno(), self._anchor_spoke)
            self._loop.when_ended(self._process, self._ended)
            _send(self._connection, {"watch": True})
            while not self._over:
                self._loop.run_once()
            if reader is not None:
                reader.forget()
        finally:
            self._request.restore_terminal()
            if self._resizing is not None:
                self._resizing.close()
            if terminal is not None:
                terminal.close()
        _send(self._connection, {"ended": True})
        if self._failure is not None:
            raise self._failure
        assert self._status is not None
        return self._status

    def _start(self, own: Terminal | None) -> Process:
        launch, request = self._launch, self._request
        environment = dict(launch["environment"])
        terminal = None if own is None else own.path
        inherits = request.terminal and own is None
        self._group = not inherits  # a group in the background may not read the terminal
        if not launch.get("srun"):
            preserved = range(3, 3 + request.preserved)
            argv = [*launch["argv"], *([str(request.preserved)] if preserved else [])]
            group, console = self._group, launch.get("console")
            if console:
                from scrun.host.relayed import spawn_relayed  # few processes have a terminal

                process, pid = spawn_relayed(
                    argv, environment, console, extra=preserved, terminal=terminal
                )
                self._runtime = identify(pid)
                return process
            return spawn(argv, environment, terminal=terminal, group=group, extra=preserved)
        resizing = None
        if own is not None and self._parent is not None:  # we lead a session that has no terminal
            from scrun.cluster.resizing import Resizing  # few processes have one

            self._resizing = resizing = Resizing(self._loop, own.path, self._when_started)
        process = spawn_step(
            launch["srun"],
            launch["argv"],
            environment,
            messages=self._messages,
            terminal=terminal,
            controlling=resizing is None or not resizing.is_in_control,
            inherits=inherits,
        )
        if resizing is not None and own is not None:
            resizing.begin(process, own.size())
        return process

    def _when_started(self, follow: Callable[[], None]) -> None:
        if self._outcome:
            follow()
        else:
            self._follow_size = follow

    def _anchor_spoke(self) -> None:
        try:
            data = self._connection.recv(REPLY_BYTES)
        except ConnectionResetError:  # it went without having read what we told
            data = b""
        if not data:  # the anchor is gone, or the container has ended
            self._loop.forget(self._connection.fileno())
            # A step whose srun is killed goes on for seconds, and so does its job.
            self._loop.call_later(END_S if self._launch.get("srun") else 0, self._kill)
            return
        reply = loads(data)
        if reply["ok"]:
            self._has_started()
            return
        self._outcome = False
        self._refusal = (reply["message"], reply["code"])
        if self._status is not None:
            self._fail(*self._refusal)
        else:
            self._loop.call_later(END_S, lambda: self._fail(*self._refusal))

    def _has_started(self) -> None:
        if self._outcome is not None:
            return
        self._outcome = True
        if self._follow_size is not None:
            self._follow_size()
        if self._parent is None:
            if self._request.pid_file:
                try:
                    write_pid_file(self._request.pid_file, os.getpid())
                except ScrunError as err:
                    self._fail(err.message, err.code)
                    return
        else:
            _send(self._parent, {"ok": True})
            self._await_parent()
        self._over = self._status is not None

    def _await_parent(self) -> None:
        """Wait until the pid file is written: then our end may be looked at."""
        assert self._parent is not None
        try:
            self._parent.recv(16)
        except ConnectionResetError:
            log.debug("exec: its caller was killed")

    def _ended(self, status: int) -> None:
        self._status = status
        if self._outcome is False:
            self._fail(*self._refusal)
        elif self._outcome is None and status == NOT_STARTED:
            self._loop.call_later(OUTCOME_S, self._give_up)
        else:
            self._has_started()
            self._over = True

    def _give_up(self) -> None:
        if self._outcome is None:
            self._fail("the process did not start", "EXEC_FAILED")

    def _fail(self, message: str, code: str) -> None:
        self._kill()
        os.lseek(self._messages, 0, os.SEEK_SET)
        told = worth_telling(os.read(self._messages, REPLY_BYTES).decode("utf-8", "replace"))
        text = message if code == "EXEC_FAILED" else "; ".join([message, *told])
        text = text.removeprefix("exec failed: ")  # runc's own beginning
        self._failure = StateError(f"exec failed: {text}", code=code)
        self._over = True

    def _forward(self, number: int) -> None:
        _send(self._connection, {"signal": number})

    def _kill(self) -> None:
        if self._status is None:
            if self._runtime:
                end_identified(self._runtime, read_boot())
            elif self._group:
                kill_group(self._process.pid)
            else:
                os.kill(self._process.pid, 9)


def _send(channel: socket, message: Mapping[str, object]) -> None:
    try:
        channel.send(dumps(dict(message)))
    except OSError:
        log.debug("exec: nobody listens any more")
