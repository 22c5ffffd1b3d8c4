"""A program that makes a terminal of its own, and a process of ours between that and another one.

The program sends the master by a console socket; it carries nothing itself: crun up to 1.29.1
loses bytes when it does (its issue 2207). The process between is a fork, 3 ms: the kernel tells of
a terminal's size (SIGWINCH) those alone who have it as their own, and no one has two.
"""

from __future__ import annotations

import gc
import os

from scrun import log
from scrun.errors import ScrunError
from scrun.host.console_socket import ConsoleSocket
from scrun.host.fork import fork
from scrun.host.loop import Loop
from scrun.host.process import Process, spawn
from scrun.hot.wire import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from scrun.host.relay import Relay
else:
    import _signal  # `signal` wraps it in enums: 5 ms

SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGUSR1, SIGUSR2 = 1, 2, 3, 9, 10, 12
SIGALRM, SIGTERM, SIGCONT, SIGWINCH = 14, 15, 18, 28
# Who sends them to us means the program, and tells it by other ways.
IGNORED = (SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM)
MESSAGE_BYTES = 65536


def spawn_relayed(
    argv: Sequence[str],
    environment: Mapping[str, str],
    console_path: str,
    *,
    extra: Sequence[int] = (),
    terminal: str | None = None,
) -> tuple[Process, int]:
    """Start a program that sends the master of its terminal to the socket ``console_path``.

    All that the terminal brings comes out before the process between ends, with the program's
    status; a program that was killed it follows at once. SIGTERM lets it wait for no reader.

    Args:
        console_path: where to make the socket; it goes when the master has come.
        extra: see `spawn`.
        terminal: path of the one at our end; None: our own stdio.

    Returns: the process between, and the program's number: it leads a process group.

    Raises:
        ScrunError: as `spawn`, or there can be no socket.
    """
    console = ConsoleSocket(console_path)
    reader, writer = os.pipe2(os.O_CLOEXEC)

    def be_between() -> NoReturn:
        status = 1
        try:
            _let_go({console.fileno(), writer, *extra})
            between = Between(console)
            if terminal is not None:
                _take_terminal(terminal)
            process = spawn(argv, environment, extra=extra)
            for fd in extra:
                os.close(fd)
            os.write(writer, dumps({"pid": process.pid}))
            os.close(writer)
            status = between.run(process)
        except ScrunError as err:
            os.write(writer, dumps({"message": str(err), "code": err.code}))
        except BaseException as err:  # the border of a process
            log.bug(err, "terminal")
        finally:
            os._exit(status)

    try:
        process = Process(fork(be_between))
    except BaseException:
        os.close(reader)
        console.close()
        raise
    finally:
        os.close(writer)
    answer = os.read(reader, MESSAGE_BYTES)
    os.close(reader)
    told = loads(answer) if answer else {"message": "the process between died", "code": "BUG"}
    if "pid" not in told:
        console.close()
        process.reap()
        raise ScrunError(str(told["message"]), code=str(told["code"]))
    console.leave()
    return process, int(told["pid"])


class Between:
    """The process between."""

    def __init__(self, console: ConsoleSocket) -> None:
        self._loop = Loop()
        signals = (*IGNORED, SIGHUP, SIGTERM, SIGCONT, SIGWINCH)
        self._loop.watch_signals(signals, self._take_signal)
        self._console = console
        self._relay: Relay | None = None
        self._status: int | None = None
        self._hurries = False
        self._is_hung_up = False
        self._is_over = False

    def run(self, process: Process) -> int:
        """Carry until the program has ended and all is out; returns its status."""
        from scrun.host.relay import Relay  # while the program starts; our parent has no use for it

        self._make_relay = Relay
        self._console.watch(self._loop, self._begin)
        self._loop.when_ended(process, lambda status: self._ended(status, process.was_killed))
        while not self._is_over:
            self._loop.run_once()
        if self._relay is not None:
            self._relay.restore()
        if process.was_killed:  # nobody is to take the status for the container's
            os.kill(os.getpid(), SIGKILL)
        assert self._status is not None
        return self._status

    def _begin(self, master: int) -> None:
        if self._is_hung_up:
            os.close(master)
            return
        self._relay = self._make_relay(self._loop, master)
        self._relay.begin()

    def _ended(self, status: int, was_killed: bool) -> None:
        self._status = status
        self._console.look()  # it may have lived for a moment only
        self._console.close()
        if self._relay is None or self._hurries or was_killed:
            self._finish()
        else:
            self._relay.drain(self._finish)

    def _finish(self) -> None:
        self._is_over = True

    def _take_signal(self, number: int) -> None:
        relay = self._relay
        if number == SIGTERM:
            self._hurries = True
            self._is_over = self._status is not None
        elif number == SIGHUP:
            self._is_hung_up = True
            if relay is not None:
                relay.hang_up()
        elif number == SIGWINCH and relay is not None:
            relay.resize()
        elif number == SIGCONT and relay is not None:
            relay.resume()


def _let_go(keep: set[int]) -> None:
    """Leave to our parent what is its own: descriptors, signals, and what it may throw away."""
    gc.disable()  # a socket of its that is collected would close another one's number
    _signal.set_wakeup_fd(-1)
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        if fd > 2 and fd not in keep:
            try:
                os.close(fd)
            except OSError:
                continue  # the listing's own


def _take_terminal(path: str) -> None:
    """Be the leader of a session that has this terminal, our stdio from now on."""
    os.setsid()
    terminal = os.open(path, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(terminal, fd)
    os.close(terminal)
