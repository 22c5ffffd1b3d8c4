"""What is an engine to the verbs that are run for real: it calls them, and hears of what they do.

`create` is called by a process that stays, as an engine's monitor does: its end is the container's,
and it ends the container when we are gone. Each other verb is a process of its own, from its argv
on.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, SOCK_STREAM, socketpair
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, NoReturn

from scrun import log
from scrun.anchor.create import Interrupted, create, let_signals_in
from scrun.anchor.exec import run as execute
from scrun.anchor.recover import run as recover
from scrun.errors import ScrunError, StateError
from scrun.host.fork import fork
from scrun.host.loop import Loop
from scrun.host.process import SIGKILL, Process
from scrun.hot import client
from scrun.hot.parse import Command
from scrun.hot.wire import dumps, loads
from scrun.workbench.run.events import Event, Output
from scrun.workbench.run.traced import make_serve
from scrun.workbench.run.traced_policy import LENGTH_BYTES, Watch

if TYPE_CHECKING:
    from _socket import socket

REPLY_BYTES = 65536
STOPS = 3  # gracefully; without waiting for stage_out; by SIGKILL
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Events:
    """The events of the anchor, as they come."""

    def __init__(self, loop: Loop, path: str, listen: Callable[[Event], None]) -> None:
        os.mkfifo(path, 0o600)
        # Open for writing as well: it does not end with the first one that writes.
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._loop = loop
        self._listen = listen
        self._data = b""
        loop.watch(self.fd, self.drain)

    def drain(self) -> None:
        """Take all that is there."""
        while True:
            try:
                data = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                break
            self._data += data
        while len(self._data) >= LENGTH_BYTES:
            end = LENGTH_BYTES + int.from_bytes(self._data[:LENGTH_BYTES], "big")
            if len(self._data) < end:
                return
            event, self._data = pickle.loads(self._data[LENGTH_BYTES:end]), self._data[end:]
            self._listen(event)

    def close(self) -> None:
        """Hear no more."""
        self.drain()
        self._loop.forget(self.fd)
        os.close(self.fd)


class Lines:
    """Hands on what comes through a pipe, or from a terminal, as `Output`, line by line."""

    def __init__(
        self, loop: Loop, fd: int, source: str, stream: str, listen: Callable[[Event], None]
    ) -> None:
        self._loop, self._fd = loop, fd
        self._source, self._stream, self._listen = source, stream, listen
        self._rest = b""
        self._is_open = True
        os.set_blocking(fd, False)
        loop.watch(fd, self.drain)

    def drain(self) -> None:
        """Take all that is there."""
        while self._is_open:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return
            except OSError:  # EIO: a terminal's end
                data = b""
            if not data:
                self.close()
                return
            whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
            if newline:
                self._tell(whole)

    def close(self) -> None:
        """Hear no more."""
        if self._is_open:
            self._is_open = False
            self._loop.forget(self._fd)
            os.close(self._fd)
            if self._rest:
                self._tell(self._rest)

    def _tell(self, data: bytes) -> None:
        text = data.decode(errors="replace").replace("\r", "")
        self._listen(Output(self._source, self._stream, text))


class Monitor:
    """The caller of ``create``, until the container has ended.

    Attributes:
        created: None while it is being created; an error when it was not.
        status: of the container; None while it lives.
    """

    def __init__(
        self,
        loop: Loop,
        command: Command,
        watch: Watch,
        events: Events,
        environment: dict[str, str],
        listen: Callable[[Event], None],
        *,
        terminal: bool,
    ) -> None:
        self._loop = loop
        self.created: bool | ScrunError | None = None
        self.status: int | None = None
        self.on_answer: Callable[[], None] = lambda: None
        self._channel, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)
        pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(2)]
        self._console, console = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)

        def body() -> NoReturn:
            for fd in (events.fd, self._channel.fileno(), self._console.fileno()):
                os.close(fd)
            _take_stdio(pipes[0][1], pipes[1][1])
            os.environ.update(environment)
            if not terminal:
                console.close()
            _monitor(command, make_serve(watch), theirs, console if terminal else None)

        # The anchor closes what it inherits, by number. Lua states that nobody needs any more would
        # close their files there later, and by then the numbers are its own files'.
        gc.collect()
        self.process = Process(fork(body))
        theirs.close()
        console.close()
        for _, writer in pipes:
            os.close(writer)
        self._streams = [
            Lines(loop, reader, "container", stream, listen)
            for (reader, _), stream in zip(pipes, ("stdout", "stderr"), strict=True)
        ]
        self._listen = listen
        loop.watch(self._channel.fileno(), self._answered)
        loop.when_ended(self.process, self._ended)
        if terminal:
            loop.watch(self._console.fileno(), self._take_terminal)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal: the creation is taken back, the container ends."""
        if self.status is None:
            os.kill(self.process.pid, number)

    def drain(self) -> None:
        """Take what the container has written."""
        for stream in self._streams:
            stream.drain()

    def close(self) -> None:
        """Let go of its streams."""
        for stream in self._streams:
            stream.drain()
            stream.close()
        self._channel.close()
        self._console.close()

    def forget(self) -> None:
        """In a process that is forked beside it: keep nothing by which it knows that we live."""
        os.close(self._channel.fileno())

    def _answered(self) -> None:
        self._loop.forget(self._channel.fileno())
        data = self._channel.recv(REPLY_BYTES)
        reply = loads(data) if data else {"ok": False, "message": "ended", "code": "CANCELLED"}
        if reply["ok"]:
            self.created = True
        else:
            self.created = StateError(str(reply["message"]), code=str(reply["code"]))
        self.on_answer()

    def _ended(self, status: int) -> None:
        self.status = status
        self.on_answer()

    def _take_terminal(self) -> None:
        from scrun.host.terminal import receive_master  # most containers have none

        self._loop.forget(self._console.fileno())
        try:
            master = receive_master(self._console)
        except OSError:
            return
        self._streams.append(Lines(self._loop, master, "container", "stdout", self._listen))


class Call:
    """A verb in a process of its own.

    Args:
        monitor: of the container; None: the verb needs none.
        carry_out: what the process does; returns its status.

    Attributes:
        status: None while it runs. ``began``: of the monotonic clock.
        output, errors: what it wrote to stdout and stderr.
    """

    def __init__(
        self,
        loop: Loop,
        command: Command,
        done: Callable[[], None],
        monitor: Monitor | None,
        carry_out: Callable[[Command], int] | None = None,
    ) -> None:
        self.status: int | None = None
        self.began = monotonic()
        self.output = self.errors = b""
        pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(2)]
        open_ones = [2]

        def body() -> NoReturn:
            for number in ENDING:
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            if monitor is not None:
                monitor.forget()
            _take_stdio(pipes[0][1], pipes[1][1])
            status = 1
            try:
                log.configure(environ={})
                status = (carry_out or _call)(command)
            except Exception as err:  # the border of a process
                log.report(f"{command.verb}: internal error: {type(err).__name__}: {err}")
            finally:
                log.flush()
                os._exit(status)

        self.process = Process(fork(body))

        def ended(status: int) -> None:
            self.status = status
            done()

        def read(name: str, data: bytes) -> None:
            setattr(self, name, data)
            open_ones[0] -= 1
            if not open_ones[0]:
                loop.when_ended(self.process, ended)

        for (reader, writer), name in zip(pipes, ("output", "errors"), strict=True):
            os.close(writer)
            loop.read_all(reader, lambda data, name=name: read(name, data))  # type: ignore[misc]

    def stop(self) -> None:
        """End it."""
        if self.status is None:
            os.killpg(self.process.pid, SIGKILL)


def _call(command: Command) -> int:
    """Carry out a verb as `scrun.entry` does; a failure is a line on stderr."""
    try:
        if command.verb == "exec":
            return execute(command)
        return 0 if client.run(command) else recover(command)
    except (ScrunError, client.Refused, OSError) as err:
        log.report(str(err))
        return err.exit_status if isinstance(err, ScrunError) else 1


def _monitor(
    command: Command,
    serve: Callable[..., NoReturn],
    channel: socket,
    console: socket | None,
) -> NoReturn:
    """Be the caller of ``create``; exits with the container's status."""
    status = 1
    try:
        os.setsid()  # what a terminal sends is for us to hand on
        log.configure(environ={})
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        try:
            process = Process(create(command, console, serve))
        except ScrunError as err:
            channel.send(dumps({"ok": False, "message": str(err), "code": err.code}))
            os._exit(status)
        with suppress(OSError):  # whoever is gone by now is missed when we stay
            channel.send(dumps({"ok": True}))
        status = _stay(process, channel)
    except Exception as err:  # the border of a process
        log.bug(err, "create")
    finally:
        os._exit(status)


def _stay(process: Process, channel: socket) -> int:
    """Wait for the container's end; a caller that is gone, or a signal, brings it about."""
    poll = select.poll()
    poll.register(process.pidfd, select.POLLIN)
    poll.register(channel.fileno(), select.POLLIN)
    asked = 0  # whoever asks twice does not want to wait for stage_out either
    while True:
        try:
            let_signals_in()
            ready = [fd for fd, _ in poll.poll()]
            if process.pidfd in ready:
                return process.reap()
            poll.unregister(channel.fileno())
            os.kill(process.pid, signal.SIGTERM)
        except Interrupted:
            asked += 1
            os.kill(process.pid, signal.SIGTERM if asked < STOPS else SIGKILL)


def _take_stdio(out: int, err: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    for fd, target in ((null, 0), (out, 1), (err, 2)):
        os.dup2(fd, target, inheritable=True)
    os.close(null)
