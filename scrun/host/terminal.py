"""A container's pseudoterminal: the engine gets its master, the step lives on its slave."""

from __future__ import annotations

import os
import sys
import termios
from _socket import (
    AF_UNIX,
    CMSG_SPACE,
    MSG_CMSG_CLOEXEC,
    SCM_RIGHTS,
    SOCK_CLOEXEC,
    SOCK_STREAM,
    SOL_SOCKET,
    socket,
)
from errno import EINTR, EPIPE

from scrun.errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
IFLAG, OFLAG, CFLAG, LFLAG = range(4)  # of what tcgetattr returns
LINE_EDITING = termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN
TRANSLATION = termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON | termios.ISTRIP
# Of a terminal that nobody has measured: slurmstepd follows no later change of one of 0 rows.
USUAL_SIZE = 24, 80


def receive_master(connection: socket) -> int:
    """Return the descriptor that `Terminal.hand_over` has sent; OSError when none comes."""
    _, ancillary, _, _ = connection.recvmsg(64, CMSG_SPACE(4), MSG_CMSG_CLOEXEC)
    if not ancillary:
        raise OSError(EPIPE, "no terminal came")
    return int.from_bytes(ancillary[0][2][:4], sys.byteorder)


class Settings:
    """How a terminal of somebody else's is set; `restore` makes it so again."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._attributes = termios.tcgetattr(fd)

    def make_raw(self) -> None:
        """Let every byte through as it is: what it means is for the terminal at the other end.

        Source: termios(3), cfmakeraw.
        """
        try:
            attributes = termios.tcgetattr(self._fd)
        except termios.error:
            return  # it is gone: the kernel says SIGCONT as well as SIGHUP
        attributes[IFLAG] &= ~(TRANSLATION | termios.IGNBRK | termios.BRKINT | termios.PARMRK)
        attributes[OFLAG] &= ~termios.OPOST
        attributes[LFLAG] &= ~LINE_EDITING
        attributes[CFLAG] = attributes[CFLAG] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        self._set(attributes)

    def restore(self) -> None:
        """Set it as it was, once what was written to it is out."""
        self._set(self._attributes)

    def _set(self, attributes: list[Any]) -> None:
        while True:
            try:
                termios.tcsetattr(self._fd, termios.TCSADRAIN, attributes)
            except termios.error as err:
                if err.args[0] == EINTR:  # a signal; Python does not try again (PEP 475 leaves it)
                    continue
            return  # else it is gone


def settings_of(fd: int) -> Settings | None:
    """Return how a terminal is set; None: it is no terminal, or is gone."""
    try:
        return Settings(fd)
    except termios.error:
        return None


class Terminal:
    """A new pseudoterminal, raw: it only carries, the container has one of its own that cooks.

    Attributes:
        path: of its slave.
        master: -1 once it was sent away.
        slave: keeps the terminal alive while nobody else has it open.
    """

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        """Make one, of so many rows and columns; until somebody sets them, the usual ones.

        Raises:
            HostError: there is none to be had.
        """
        try:
            self.master, self.slave = os.openpty()
            self.path = os.ttyname(self.slave)
        except OSError as err:
            raise HostError("open a pseudoterminal", err) from err
        # What is typed before a container is there must not be echoed here, nor lose its meaning.
        Settings(self.slave).make_raw()
        self._seen = size if size and all(size) else USUAL_SIZE
        termios.tcsetwinsize(self.slave, self._seen)

    def send_master(self, path: str) -> None:
        """Send the master to whoever listens on the AF_UNIX stream socket ``path``; it is gone.

        Source: runc, docs/terminals.md: one message, one descriptor, at least a byte of text.

        Raises:
            HostError: nobody does.
        """
        folder, _, name = path.rpartition("/")
        try:
            # sun_path has 108 bytes; the way over a descriptor is always short.
            directory = os.open(folder or "/", DIRECTORY)
            try:
                connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
                try:
                    connection.connect(f"/proc/self/fd/{directory}/{name}")
                    self.hand_over(connection)
                finally:
                    connection.close()
            finally:
                os.close(directory)
        except OSError as err:
            raise HostError("send the terminal to the console socket", err, path=path) from err

    def hand_over(self, connection: socket) -> None:
        """Send the master over a connection; it is gone. OSError when the other end is."""
        rights = [(SOL_SOCKET, SCM_RIGHTS, self.master.to_bytes(4, sys.byteorder))]
        connection.sendmsg([b"/dev/ptmx"], rights)
        self.close_master()

    def size(self) -> tuple[int, int]:
        """Return rows and columns; 0 and 0: nobody has told, or it is closed.

        Of one that has hung up: the last that was seen.
        """
        if self.slave < 0:
            return 0, 0
        try:
            self._seen = termios.tcgetwinsize(self.slave)
        except termios.error:
            return self._seen  # a signal and stage_out come still
        return self._seen

    def close_master(self) -> None:
        """Let go of the master."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def close(self) -> None:
        """Let go of both ends: what was written stays to be read, then comes the end of file."""
        self.close_master()
        if self.slave >= 0:
            os.close(self.slave)
            self.slave = -1
