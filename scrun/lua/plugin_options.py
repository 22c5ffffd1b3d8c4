"""The options of a Slurm command, as cli_filter scripts see them: ``options``."""

from __future__ import annotations

from scrun.lua.plugin_fields import is_in
from scrun.lua.plugin_option_kinds import OptionError, read_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["COMMANDS", "Option", "OptionError", "Options", "read_options"]

COMMANDS = {"salloc": "a", "sbatch": "b", "scrontab": "c", "srun": "r"}
"""The commands, and their letters in plugin_options.txt."""

_SPOILT = ("mbytes", "distribution")  # C has lost the old value when it sees that the new is none


class Option:
    """How an option is kept.

    Attributes:
        name: the long name, ``mem-per-cpu``.
        kind: see plugin_option_kinds.
        member: options of one member share their value.
        unset: what it reads when nobody set it.
        since, removed: the first versions with it and without it; None: always, never.
    """

    __slots__ = (
        *("_early", "_getters", "_setters", "_strict"),
        *("kind", "member", "name", "removed", "since", "unset"),
    )

    def __init__(self, line: str) -> None:
        words = line.split(None, 7)
        self.name, self.kind, member, self._setters, getters, self._early, versions, unset = words
        self.member = self.name if member == "-" else member
        self._strict = getters.endswith("!")
        self._getters = getters.rstrip("!")
        self.since = None if versions[0] in "-<" else versions
        self.removed = versions[1:] if versions[0] == "<" else None
        self.unset = None if unset == "nil" else unset

    def is_set_by(self, command: str) -> bool:
        """Tell whether a script can set it for a command."""
        return self._setters == "*" or COMMANDS[command] in self._setters

    def is_known(self, version: str | None) -> bool:
        """Tell whether a version such as ``24.11`` has it; None: whether any has."""
        return is_in(version, self.since, self.removed)

    def is_early(self, command: str) -> bool:
        """Tell whether setting it later does nothing: the command has read it already."""
        return COMMANDS[command] in self._early

    def elsewhere(self, command: str) -> str | None:
        """Return what it reads for a command that does not have it; "" when it has it."""
        if self._getters == "*" or COMMANDS[command] in self._getters:
            return ""
        return "invalid-context" if self._strict else None


class Options:
    """The options of one run of a command.

    Args:
        command: one of COMMANDS.
        minutes_of: ``slurm.time_str2mins``.
        log: takes the complaints of the command, as ``sbatch: error: ...`` shows them.
        argv: the command's own arguments: the script and what follows.
    """

    def __init__(
        self,
        command: str,
        *,
        minutes_of: Callable[[str], int],
        log: Callable[[str], None],
        argv: Sequence[str] = (),
        version: str | None = None,
    ) -> None:
        self.command = command
        self.argv = list(argv)
        self.fatal: str | None = None
        """Why the command ended: a value that it does not survive."""
        self._minutes_of = minutes_of
        self._log = log
        self._table = read_options(version)
        self._values: dict[str, str | None] = {}
        self._set: set[str] = set()

    def get(self, name: str) -> str | None:
        """Return what an option reads; None when it has no value or there is no such option."""
        option = self._table.get(name)
        if option is None:
            return None
        elsewhere = option.elsewhere(self.command)
        if elsewhere != "":
            return elsewhere
        return self._values.get(option.member, option.unset)

    def set(self, name: str, text: str, *, early: bool = False) -> bool:
        """Set an option as the command would; return whether it did.

        Raises:
            OptionError: the command ends of it.
        """
        option = self._table.get(name)
        if option is None or not option.is_set_by(self.command):
            return False
        if option.is_early(self.command) and not early:
            return True  # so C says, and sets nothing
        try:
            old = self.get(name)
            value = read_value(option.kind, name, text, old, self._minutes_of)
        except OptionError as err:
            self._log(err.message)
            if option.kind in _SPOILT:
                self._values[option.member] = None
            if err.fatal:
                self.fatal = err.message
                raise
            return False
        self._values[option.member] = value
        self._set.add(name)
        return True

    def names(self) -> list[str]:
        """Return all names."""
        return list(self._table)

    def given(self) -> Mapping[str, str | None]:
        """Return the options that were set, as ``slurm.json_cli_options`` lists them."""
        return {name: self.get(name) for name in self._table if name in self._set}

    def is_known(self, name: str) -> bool:
        """Tell whether there is such an option."""
        return name in self._table


def read_options(version: str | None = None) -> Mapping[str, Option]:
    """Return the options that a version has, by name; None: all, as the newest has them."""
    options: dict[str, Option] = {}
    with open(f"{__file__.rpartition('/')[0]}/plugin_options.txt", encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                option = Option(line.rstrip("\n"))
                if not option.is_known(version):
                    continue
                if option.name in options:  # of no version: the newest that has changed it
                    option.since = options[option.name].since
                options[option.name] = option
    return options
