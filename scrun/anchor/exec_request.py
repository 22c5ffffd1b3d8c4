"""What a call of ``exec`` asks for, and the container's anchor that is asked."""

from __future__ import annotations

import os

from scrun.anchor.stdio import check_preserved
from scrun.errors import ConfigError, HostError, StateError, UsageError
from scrun.host.stdio import has_input
from scrun.hot import client
from scrun.hot.root import choose_root
from scrun.hot.wire import dumps, loads
from scrun.oci import jsontext
from scrun.oci.config import join_path
from scrun.oci.schema import find_process_fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from typing import Any

    from scrun.host.terminal import Settings, Terminal
    from scrun.hot.parse import Command

# Options that verbs/exec.lua reads.
POLICYS = ("cwd", "user", "env", "cap", "no_new_privs", "ignore_paused", "node")


class Request:
    """A checked call.

    Attributes:
        terminal: the process gets one.
        console_socket, pid_file: absolute paths, or empty.
        preserved: how many descriptors from 3 on the process is to get, where no srun is between.

    Raises:
        UsageError, ConfigError: what is asked for cannot be.
    """

    def __init__(self, command: Command) -> None:
        options = command.options
        self._command = command
        self.container_id = command.operands[0]
        self.args = command.operands[1:]
        self._settings: Settings | None = None
        self.detach = bool(options.get("detach"))
        self.console_socket = _absolute(options.get("console_socket"))
        self.pid_file = _absolute(options.get("pid_file"))
        self.preserved = int(str(options.get("preserve_fds") or 0))
        check_preserved(self.preserved)
        given = options.get("process")
        self.process = _read_process(str(given)) if given else None
        if self.process is None and not self.args:
            raise UsageError("exec: no process", hint="give --process FILE, or a command")
        wanted = self.process.get("terminal") if self.process else options.get("tty")
        self.terminal = bool(wanted)
        if self.terminal and not self.console_socket:
            if self.detach:
                raise UsageError("exec: a terminal in the background needs --console-socket")
            if not os.isatty(0):
                raise UsageError("exec --tty: stdin is no terminal")
        if self.console_socket and not self.terminal:
            raise UsageError("exec --console-socket: the process has no terminal")

    def ask(self) -> tuple[socket, dict[str, Any]]:
        """Ask the container's anchor how to run it.

        Returns: the connection, which stays open, and what there is to start.

        Raises:
            StateError: the container is not there or not running, or its policy refused.
        """
        name = self.container_id
        root = choose_root(self._command.globals.get("root"))
        try:
            directory = client.open_container(root, name)
        except FileNotFoundError:
            raise StateError(f'container "{name}" does not exist', code="NOT_FOUND") from None
        try:
            connection = None
            if not client.has_ended(directory):
                connection = client.connect(directory)
        finally:
            os.close(directory)
        if connection is None:
            raise StateError("container not running", code="NOT_RUNNING")
        options = self._command.options
        request: dict[str, object] = {
            "verb": "exec",
            "id": name,
            "options": {key: options[key] for key in POLICYS if key in options}
            | {"terminal": self.terminal, "interactive": has_input()},
            "operands": self.args,
            "process": self.process,
        }
        try:
            connection.send(dumps(request))
            answer = connection.recv(client.REPLY_BYTES)
        except OSError as err:
            connection.close()
            raise HostError("ask the container's anchor", err) from err
        if not answer:
            connection.close()
            raise StateError("container not running", code="NOT_RUNNING")
        reply = loads(answer)
        if not reply["ok"]:
            connection.close()
            raise StateError(reply["message"], code=reply["code"])
        return connection, reply["value"]

    def open_terminal(self) -> Terminal | None:
        """Make a terminal whose master the engine gets; None when the caller's own serves."""
        if not self.terminal:
            return None
        from scrun.host.terminal import Settings, Terminal  # few processes have one

        if not self.console_socket:
            self._settings = Settings(0)
            return None
        size = (self.process or {}).get("consoleSize")
        terminal = Terminal((size["height"], size["width"]) if size else None)
        terminal.send_master(self.console_socket)
        return terminal

    def restore_terminal(self) -> None:
        """Put the caller's own terminal back in order, whatever srun made of it."""
        if self._settings is not None:
            self._settings.restore()


def _absolute(path: object) -> str:
    return join_path(os.getcwd(), str(path)) if path else ""


def _read_process(path: str) -> dict[str, Any]:
    """Return the process of ``--process``; the file may vanish when we return (engine-calls 4).

    Raises:
        ConfigError: it cannot be read, or is none.
    """
    try:
        with open(path, "rb") as file:
            process: Any = jsontext.loads(file.read())
    except OSError as err:
        raise ConfigError(f"--process {path}: {err.strerror}") from err
    except jsontext.JSONSyntaxError as err:
        raise ConfigError(f"--process {path}: {err}") from None
    fault = find_process_fault(process)
    if fault:
        raise ConfigError(f"--process {path}: {fault}")
    assert isinstance(process, dict)
    return process
