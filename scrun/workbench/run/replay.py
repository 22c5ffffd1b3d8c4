"""Answer a script's commands from a cassette; the first that differs ends the run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from scrun.anchor.container import Container
from scrun.errors import ScrunError
from scrun.lua.runtime import Interrupted
from scrun.workbench.run.cassette import Cassette, Places
from scrun.workbench.run.config_diff import diff_lines
from scrun.workbench.run.events import Command, decode
from scrun.workbench.run.hosts import AnsweringHost

if TYPE_CHECKING:
    from scrun.cluster.backend import Backend
    from scrun.lua.stage_host import Answer

LONG = 100  # characters that one line may show


@dataclasses.dataclass
class Difference:
    """Where a run leaves its cassette; one of ``expected`` and ``got`` may be missing.

    Attributes:
        number: of the command in its function, from 1.
    """

    function: str
    number: int
    expected: Command | None
    got: Command | None

    def summary(self) -> str:
        """Return one line with both."""
        if self.got is None:
            assert self.expected is not None
            return f"the cassette has a command more in {self.function}: {_brief(self.expected)}"
        if self.expected is None:
            return f"the cassette has no more commands in {self.function}: {_brief(self.got)}"
        return (
            f"command {self.number} of {self.function} is not the cassette's: "
            f"expected {_brief(self.expected)}, got {_brief(self.got)}"
        )

    def diff(self) -> list[str]:
        """Return the unified diff of both commands with their options."""
        expected, got = (_whole(command) for command in (self.expected, self.got))
        return diff_lines(expected, got, "cassette", "script")


class ReplayHost(AnsweringHost):
    """Answers what a cassette has, in its order.

    Attributes:
        difference: set once the script has asked for something else.
    """

    def __init__(
        self, container: Container, backend: Backend, cassette: Cassette, places: Places
    ) -> None:
        super().__init__(container, cassette.job["cluster_name"], backend)
        self.difference: Difference | None = None
        self._places = places
        self._cassette = cassette
        self._function = ""
        self._next = 0
        self._commands: list[Command] = []

    def job_entries(self) -> list[bytes]:
        """Return ``job_env`` as it was."""
        return [self._places.show(entry) for entry in self._cassette.job["job_env"]]

    def begin(self, function: str) -> None:
        """Answer the commands of this function of the script from now on."""
        recorded = self._cassette.commands
        self._commands = [command for name, command in recorded if name == function]
        self._function, self._next = function, 0

    def check_end(self) -> None:
        """Refuse a function that ended before its commands did.

        Raises:
            ScrunError: with what is left, or what differed though the script caught the error.
        """
        if self.difference is None and self._next < len(self._commands):
            expected = self._places.show_command(self._commands[self._next])
            self.difference = Difference(self._function, self._next + 1, expected, None)
        if self.difference is not None:
            raise ScrunError(self.difference.summary(), code="REPLAY")

    def qos_priority(self, name: bytes) -> int | None:
        """Answer."""
        status, output, _ = self._answer(Command("get_qos_priority", [name], {}))
        return None if status else int(output)

    def _answer(self, got: Command) -> Answer:
        if self.difference is None:
            left = self._commands[self._next : self._next + 1]
            if left and _key(self._places.hide_command(got)) == _key(left[0]):
                self._next += 1
                return self._take(self._places.show_command(left[0]))
            expected = self._places.show_command(left[0]) if left else None
            self.difference = Difference(self._function, self._next + 1, expected, got)
        # Again at every later command: the script may have caught the first error.
        raise Interrupted(self.difference.summary(), code="REPLAY")

    def _take(self, recorded: Command) -> Answer:
        if recorded.failure is not None:
            raise ScrunError(recorded.failure[0], code=recorded.failure[1])
        return recorded.status, recorded.output, recorded.stderr


def _key(command: Command) -> tuple[object, ...]:
    return command.kind, command.words, command.options


def _brief(command: Command) -> str:
    text = " ".join(command.text.split())
    short = text if len(text) <= LONG else f"{text[: LONG - 3]}..."
    return f"{command.kind} {short}"


def _whole(command: Command | None) -> str:
    if command is None:
        return ""
    lines = [command.kind, command.text]
    for name, value in sorted(command.options.items()):
        shown = decode(value) if isinstance(value, bytes) else value
        lines.append(f"{name}: {shown}")
    return "\n".join(lines)
