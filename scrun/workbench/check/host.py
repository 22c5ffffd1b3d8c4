"""What a state of a dialect really has: its globals, their members, what its library accepts.

Asked of a live `scrun.lua.Runtime`, so that what compat.lua adds to a dialect counts.
"""

from __future__ import annotations

from functools import cache

from scrun.lua import slurm_api
from scrun.lua.engines import DIALECTS
from scrun.lua.local_host import LocalHost
from scrun.lua.runtime import Runtime

LIST_NAMES = b"""
local all = {}
for name, value in pairs(_G) do
  local members = {}
  if type(value) == 'table' and value ~= _G then
    for member in pairs(value) do
      if type(member) == 'string' then members[#members + 1] = member end
    end
  end
  all[name] = { type(value), members }
end
return all
"""
ACCEPTS = b"""
local spec = ...
for _, value in ipairs { 1, 'x' } do
  local ok, message = pcall(string.format, spec, value)
  if ok or not message:find 'invalid' then return true end
end
return false
"""


class Host:
    """One dialect's live state."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self._runtime = Runtime(dialect)
        slurm_api.install(self._runtime, LocalHost(), lambda: None)
        answer = self._runtime.to_python(self._runtime.execute(LIST_NAMES, "names"))
        self.globals: dict[str, str] = {name: kind for name, (kind, _) in answer.items()}
        self._members = {name: frozenset(members) for name, (_, members) in answer.items()}
        self._accepted: dict[str, bool] = {}

    def members(self, name: str) -> frozenset[str]:
        """Return the names in a global table such as ``string``; of anything else: none."""
        return self._members.get(name, frozenset())

    def accepts(self, conversion: str) -> bool:
        """Tell whether string.format takes a conversion such as ``%5.2f``."""
        if conversion not in self._accepted:
            answer = self._runtime.execute(ACCEPTS, "accepts", conversion)
            self._accepted[conversion] = answer is True
        return self._accepted[conversion]

    @property
    def execute_gives_number(self) -> bool:
        """Whether os.execute returns a status, as in Lua 5.1, and not true or nil."""
        # Without a command it asks whether there is a shell, and starts nothing.
        return self._runtime.execute(b"return type(os.execute()) == 'number'", "execute") is True


@cache
def host(dialect: str) -> Host:
    """Return a dialect's host; made once."""
    return Host(dialect)


def dialects_with(name: str) -> list[str]:
    """Return the dialects that have a global, or a member such as ``string.pack``."""
    table, _, member = name.partition(".")
    return [
        dialect
        for dialect in DIALECTS
        if (member in host(dialect).members(table) if member else table in host(dialect).globals)
    ]
