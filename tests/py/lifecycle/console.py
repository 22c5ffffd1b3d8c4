"""The engine's end of a container's terminal: a console socket, and the master that comes in."""

from __future__ import annotations

import array
import os
import re
import socket
import termios
from pathlib import Path
from types import TracebackType
from typing import Any

import pexpect
from pexpect import fdpexpect

from tests.py.lifecycle.runtimes import Bundle, Runtime

DEVPTS = {
    "destination": "/dev/pts",
    "type": "devpts",
    "source": "devpts",
    "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
}
TIMEOUT_S = 90
CRUN_ERROR = re.compile(rb"\x1b\[1;31m[-\dT:.]+Z: (.*?)\x1b\[0m\n", re.DOTALL)


class Console:
    """A listening console socket below a directory of the container's user.

    Attributes:
        path: for ``--console-socket``.
        payload: what came with the master.
    """

    def __init__(self, runtime: Runtime, name: str = "console.sock") -> None:
        self.path = f"{runtime.home}/{name}"
        self.payload = b""
        self.master = -1
        self._outside = runtime.outside(self.path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._outside))
        self._outside.chmod(0o777)  # the container's user is not ours
        self._listener.listen(1)
        self._listener.settimeout(TIMEOUT_S)

    def accept(self) -> Any:
        """Take the master as an engine does; returns it for pexpect."""
        connection, _ = self._listener.accept()
        with connection:
            descriptors = array.array("i")
            self.payload, ancillary, _, _ = connection.recvmsg(
                4096, socket.CMSG_SPACE(4 * descriptors.itemsize)
            )
            for level, kind, data in ancillary:
                assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
                descriptors.frombytes(data)
        (self.master,) = descriptors
        return fdpexpect.fdspawn(self.master, timeout=TIMEOUT_S)

    def set_size(self, rows: int, columns: int) -> None:
        """Change the terminal's size as an engine does."""
        termios.tcsetwinsize(self.master, (rows, columns))

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._listener.close()
        Path(self._outside).unlink(missing_ok=True)


def with_terminal(bundle: Bundle, size: tuple[int, int] | None = None) -> Bundle:
    """Give a bundle's process a terminal, and the mounts that it takes."""

    def change(config: dict[str, Any]) -> None:
        config["process"]["terminal"] = True
        if size is not None:
            config["process"]["consoleSize"] = {"height": size[0], "width": size[1]}
        mounts = config["mounts"]
        if not any(mount["destination"] == "/dev" for mount in mounts):
            mounts.append({"destination": "/dev", "type": "tmpfs", "source": "tmpfs"})
        mounts.append(DEVPTS)

    bundle.edit(change)
    return bundle


def read_to_end(terminal: Any) -> bytes:
    """Return what is still to come of a terminal, up to its end."""
    terminal.expect([pexpect.EOF])
    before: bytes = terminal.before
    return before


def without_frames(seen: bytes) -> bytes:
    """Return what a process on a node has written, of what is seen of it.

    When crun learns of its end before it has relayed all, the rest comes as errors of crun's, 255
    bytes each (crun, container.c, flush_fd_to_err).
    """
    return CRUN_ERROR.sub(rb"\1", seen)


def open_descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))
