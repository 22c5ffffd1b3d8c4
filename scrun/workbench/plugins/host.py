"""What a plugin's script runs on: nothing but a log, messages and the QOS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from scrun.errors import UsageError
from scrun.lua.convert import to_text
from scrun.lua.stage_host import StageHost
from scrun.workbench.plugins.result import LogLine

if TYPE_CHECKING:
    from scrun.lua.stage_host import Answer


class PluginHost(StageHost):
    """Keeps what is said.

    Args:
        qos: priorities by name; None: as of a slurmctld without accounting, where all have 0.
        listen: hears of every line of the log as it comes.

    Attributes:
        log_lines, messages: so far.
    """

    def __init__(
        self,
        *,
        cluster_name: str,
        qos: Mapping[str, int] | None,
        listen: Callable[[LogLine], None] | None = None,
    ) -> None:
        self.cluster_name = cluster_name
        self.log_lines: list[LogLine] = []
        self.messages: list[str] = []
        self._qos = qos
        self._listen = listen

    def log(self, level: int, message: bytes) -> None:
        """Keep a line."""
        line = LogLine(level, to_text(message))
        self.log_lines.append(line)
        if self._listen is not None:
            self._listen(line)

    def user_msg(self, message: bytes) -> None:
        """Keep a message."""
        self.messages.append(to_text(message))

    def qos_priority(self, name: bytes) -> int | None:
        """Return a priority; None: no such QOS."""
        return 0 if self._qos is None else self._qos.get(to_text(name))

    def interrupt(self) -> None:
        """Nothing of the host's is waited for."""

    def allocator_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
        """No script of a plugin has it."""
        raise UsageError("there is no job to run commands in")

    def remote_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
        """No script of a plugin has it."""
        raise UsageError("there is no job to run commands in")

    def run(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
        """No script of a plugin has it."""
        raise UsageError("there is no job to run commands in")

    def run_remote(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
        """No script of a plugin has it."""
        raise UsageError("there is no job to run commands in")

    def set_bundle_path(self, path: bytes | None) -> bytes | None:
        """No script of a plugin has it."""
        raise UsageError("there is no container")

    def set_root_path(self, path: bytes | None) -> bytes | None:
        """No script of a plugin has it."""
        raise UsageError("there is no container")
