"""The taking end of a console socket: a terminal's master comes in, as engines have it.

Source: runc, docs/terminals.md, "Detached New Terminal".
"""

from __future__ import annotations

import os
import sys
from _socket import (
    AF_UNIX,
    SO_PEERCRED,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    socket,
)

from scrun import log
from scrun.errors import HostError
from scrun.host.terminal import DIRECTORY, receive_master

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.host.loop import Loop


class ConsoleSocket:
    """Listens at ``path``, of any length, for one master from a process of our own user.

    Raises:
        HostError: it cannot be made.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        folder, _, name = path.rpartition("/")
        self._listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
        try:
            # sun_path has 108 bytes; the way over a descriptor is always short.
            directory = os.open(folder, DIRECTORY)
            try:
                self._listener.bind(f"/proc/self/fd/{directory}/{name}")
                self._listener.listen(1)
            finally:
                os.close(directory)
        except OSError as err:
            self._listener.close()
            raise HostError("make a console socket", err, path=path) from err
        self._connection: socket | None = None
        self._loop: Loop | None = None
        self._received: Callable[[int], None] = os.close

    def fileno(self) -> int:
        """Return the descriptor of what listens."""
        return self._listener.fileno()

    def watch(self, loop: Loop, received: Callable[[int], None]) -> None:
        """Call ``received`` with the master, which is its own from then on, when it comes."""
        self._loop, self._received = loop, received
        loop.watch(self._listener.fileno(), self.look)

    def look(self) -> None:
        """Take what is there already."""
        if self._connection is None:
            self._accept()
        if self._connection is not None:
            self._receive(self._connection)

    def leave(self) -> None:
        """Leave it to another process, which has it as well."""
        self._listener.close()

    def close(self) -> None:
        """Listen no more; the path is free again. Harmless when it is so already."""
        if self._listener.fileno() < 0:
            return
        self._hang_up()
        if self._loop is not None:
            self._loop.forget(self._listener.fileno())
        self._listener.close()
        try:
            os.unlink(self._path)
        except OSError as err:
            log.debug(f"remove {self._path}: {err}")

    def _accept(self) -> None:
        try:  # socket.accept is Python's
            fd, _ = self._listener._accept()  # type: ignore[attr-defined]
        except OSError:
            return  # nobody, or nobody any more
        connection = socket(fileno=fd)
        peer = connection.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)  # struct ucred: pid, uid, gid
        if int.from_bytes(peer[4:8], sys.byteorder) != os.getuid():
            connection.close()
            return
        connection.setblocking(False)
        self._connection = connection
        if self._loop is not None:
            self._loop.forget(self._listener.fileno())  # one at a time
            self._loop.watch(fd, lambda: self._receive(connection))

    def _receive(self, connection: socket) -> None:
        try:
            master = receive_master(connection)
        except BlockingIOError:
            return  # crun connects first, and has a terminal later
        except OSError:
            self._hang_up()
            if self._loop is not None:
                self._loop.watch(self._listener.fileno(), self.look)
            return
        self.close()
        self._received(master)

    def _hang_up(self) -> None:
        if self._connection is not None:
            if self._loop is not None:
                self._loop.forget(self._connection.fileno())
            self._connection.close()
            self._connection = None
