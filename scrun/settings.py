"""The settings that the host itself reads, out of the Lua module ``scrun.settings``.

luastd/settings.lua has all of them with their meaning and defaults; policy reads them there.
"""

from __future__ import annotations

from scrun.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

BACKENDS = ("auto", "slurm", "local")
PYSLURM = ("auto", "off")
POLICY_CHOICES = {  # what policy alone reads: there a misspelt word would mean another one
    "control_step": ("needed", "start"),
    "output": ("auto", "lines", "bytes"),
    "rootless_user": ("process", "root"),
    "rsync_scratch": ("shared", "nodes"),
}
MOST_BYTES = 2**63 - 1  # lupa counts memory in a size_t, and adds
INFINITY = float("inf")


class Settings:
    """Checked settings.

    Raises:
        ConfigError: a value of the wrong kind, by its name.
    """

    def __init__(self, table: Mapping[str, object]) -> None:
        self.table = dict(table)
        self.backend = self._choice("backend", BACKENDS)
        self.pyslurm = self._choice("pyslurm", PYSLURM)
        for name, choices in POLICY_CHOICES.items():
            self._choice(name, choices)
        self.dialect = self._text("dialect") or "5.4"
        self.stage = self._text("stage") or "shared"
        self.local_runtime = self._text("local_runtime")
        self.runtime_exec = self._text("runtime_exec")
        self.lua_memory_bytes = int(min(self._number("lua_memory_bytes"), MOST_BYTES))
        self.stage_timeout_s = self._number("stage_timeout_s")
        self.command_timeout_s = self._number("command_timeout_s")

    def _choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.table.get(name)
        if value is None:
            return choices[0]
        if value not in choices:
            raise self._wrong(name, f"one of {', '.join(choices)}")
        return str(value)

    def _text(self, name: str) -> str | None:
        value = self.table.get(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def _number(self, name: str) -> float:
        """Return a limit; 0 is none, and so is infinity."""
        value = self.table.get(name)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
            raise self._wrong(name, "a number that is not negative")  # NaN is not >= 0 either
        return 0 if value == INFINITY else value

    def _wrong(self, name: str, expected: str) -> ConfigError:
        return ConfigError(f"settings.lua: {name}: expected {expected}, found {self.table[name]!a}")
