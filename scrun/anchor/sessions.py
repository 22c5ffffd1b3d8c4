"""The exec sessions of a container: who runs a process in it talks to its anchor while it runs.

A session is another `scrun` (see `scrun.anchor.exec`). It asks over its connection what became of
its process (``{"watch": True}``) and has signals sent (``{"signal": N}``), or tells that nobody
reads its stdout any more (``{"deaf": True}``); when it goes without
``{"ended": True}``, its process is killed.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.cluster.exec_steps import PROCESS, end_process, hang_up, send_signal, watch_start
from scrun.errors import ScrunError
from scrun.hot.wire import dumps, loads
from scrun.oci.state import PAUSED, RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Mapping
    from typing import Any

    from scrun.anchor.container import Container
    from scrun.cluster.backend import Backend
    from scrun.cluster.control import TextAnswer
    from scrun.host.loop import Loop

    Resume = Callable[..., None]

MESSAGE_BYTES = 4096


class Sessions:
    """One container's.

    Args:
        pattern: the setting ``runtime_exec``.
    """

    def __init__(
        self, loop: Loop, container: Container, backend: Backend, pattern: str | None
    ) -> None:
        self._loop = loop
        self._container = container
        self._backend = backend
        self._pattern = pattern
        self._count = 0
        self._open: dict[str, socket] = {}

    def prepare(self, resume: Resume, request: Mapping[str, Any]) -> None:
        """Answer ``host.exec``: how the caller is to run a process.

        Engines ask as soon as ``start`` has returned; the node may still be making the container.
        """
        self._backend.ask(":", lambda *_: self._prepare(resume, request))

    def _prepare(self, resume: Resume, request: Mapping[str, Any]) -> None:
        container = self._container
        if container.status not in (RUNNING, PAUSED):
            text = f'cannot exec in container "{container.id}": container not running'
            resume(None, text, "NOT_RUNNING")
            return
        self._count += 1
        # Nobody can have made it before: on the node it lies in /tmp.
        directory = f"{self.place()}{self._count}-{os.urandom(6).hex()}"

        def prepared(error: ScrunError | None, launch: dict[str, Any]) -> None:
            if error is not None:
                resume(None, str(error), error.code)
                return
            launch["environment"] = launch["environment"] | {PROCESS: request["process"]}
            resume(True, launch | {"directory": directory})

        self._backend.prepare_exec(
            directory,
            terminal=bool(request.get("terminal")),
            pattern=self._pattern,
            piped=bool(request.get("bytes")),
            node=str(request.get("node") or ""),
            done=prepared,
        )

    def adopt(self, connection: socket, launch: Mapping[str, Any]) -> None:
        """Take over the connection of a caller that was told how to run its process."""
        directory = str(launch["directory"])
        node = str(launch["node"])
        self._open[directory] = connection
        self._loop.watch(connection.fileno(), lambda: self._read(connection, directory, node))

    def end(self) -> None:
        """End what still runs: the container has ended."""
        for directory, connection in list(self._open.items()):
            self._close(connection, directory)

    def place(self) -> str:
        """Return what the directories of all processes begin with, on the node."""
        container = self._container
        if self._backend.name == "local":
            return f"{container.directory}/exec-"
        return f"/tmp/scrun-exec-{container.user.uid}-{container.job_id}-{os.getpid()}-"

    def _read(self, connection: socket, directory: str, node: str) -> None:
        try:
            data = connection.recv(MESSAGE_BYTES)
            message = loads(data) if data else {}
        except (OSError, ValueError):
            message = {}
        if message.get("watch"):
            ask = self._on(node)
            watch_start(self._loop, ask, directory, lambda error: _tell(connection, error))
        elif isinstance(message.get("signal"), int):
            self._kill(directory, node, message["signal"])
        elif message.get("deaf"):
            hang_up(self._on(node), directory)
        else:
            if not message.get("ended"):
                end_process(self._on(node), directory)
            self._close(connection, directory)

    def _on(self, node: str) -> Callable[[str, TextAnswer], None]:
        return lambda command, answer: self._backend.ask(command, answer, node)

    def _kill(self, directory: str, node: str, number: int) -> None:
        def sent(error: ScrunError | None) -> None:
            if error is not None:
                log.debug(f"{self._container.id}: exec: {error}")

        send_signal(self._on(node), directory, number, sent)

    def _close(self, connection: socket, directory: str) -> None:
        if self._open.pop(directory, None) is not None:
            self._loop.forget(connection.fileno())
            connection.close()


def _tell(connection: socket, error: ScrunError | None) -> None:
    reply: dict[str, object] = {"ok": True}
    if error is not None:
        reply = {"ok": False, "message": str(error), "code": error.code}
    try:
        connection.send(dumps(reply))
    except OSError:
        log.debug("an exec session is gone before its process began")
