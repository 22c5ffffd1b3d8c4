"""One record of Slurm: members as C keeps them, and the fields that scripts read and set.

Numbers are cut as C cuts them: 70000 in 16 bits is 4464, and what 32 bits cannot hold is 0 there.
Source: Slurm, job_submit_lua.c; compared with slurmctld 24.11 on x86-64.
"""

from __future__ import annotations

from scrun.lua.convert import to_text
from scrun.lua.plugin_option_kinds import prefix_gres

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from scrun.lua.plugin_fields import Field

    Member = int | float | str | bool | list[str] | dict[str, str] | None

NICE_OFFSET = 0x80000000
NO_VAL = 0xFFFFFFFE
MEM_PER_CPU = 0x8000000000000000
THREADS = 0x8000
CRON_JOB = 1 << 22
DEFAULT_PARTITION = 1


class Record:
    """A record of one kind.

    Args:
        fields: those of the kind, by name, that the version of Slurm has.
        members: what is known; others are as C has them when nobody set them.
        complain: takes the line that slurmctld logs as an error of a field that cannot be set.
        user_name: finds a user's name.
    """

    def __init__(
        self,
        fields: Mapping[str, Field],
        members: Mapping[str, Member],
        *,
        complain: Callable[[str], None] = lambda _: None,
        user_name: Callable[[int], str | None] = lambda _: None,
    ) -> None:
        self.fields = fields
        self.members: dict[str, Any] = {f.member: f.unset for f in fields.values()}
        self.members.update(members)
        self._complain = complain
        self._user_name = user_name

    def get(self, name: str) -> Any:
        """Return what a script reads; None is nil."""
        field = self.fields.get(name)
        if field is None:
            return None
        value = self.members.get(field.member)
        reader = _READERS.get(field.kind)
        if reader is not None:
            return reader(value)
        if field.kind == "user_name" and value is None:
            user = self.members.get("user_id")
            return self._user_name(user) if isinstance(user, int) else None
        return value

    def set(self, name: str, value: bytes | float | int) -> None:
        """Set a field; the value is of the type that `settable` names for it."""
        field = self.fields.get(name)
        if field is None or field.access != "rw":
            self._complain(f"_set_job_field: unrecognized field: {name}")
            return
        if isinstance(value, bytes):
            text = to_text(value)
            if text and field.kind == "gres":
                text = prefix_gres(text)
            self.members[field.member] = text or None
            return
        number = cut(value, field.bits, signed=field.kind == "time")
        if field.kind == "cpu_memory":
            number |= MEM_PER_CPU
        elif field.kind == "threads":
            number |= THREADS
        elif field.kind == "factor" and number != NO_VAL:
            number = (number + NICE_OFFSET) & 0xFFFFFFFF
        self.members[field.member] = number

    def settable(self) -> dict[str, str]:
        """Return the Lua type, ``string`` or ``number``, of each field that can be set."""
        return {n: one.lua_type for n, one in self.fields.items() if one.access == "rw"}

    def lists(self) -> dict[str, str]:
        """Return the kind of each field that is a table."""
        return {n: one.kind for n, one in self.fields.items() if one.lua_type == "table"}

    def copy(self) -> Record:
        """Return the record as it is now; nothing reaches both."""
        members = {
            name: value.copy() if isinstance(value, (dict, list)) else value
            for name, value in self.members.items()
        }
        return Record(self.fields, members, user_name=self._user_name)


def cut(value: float | int, bits: int, *, signed: bool = False) -> int:
    """Return a number as C has it in an integer of so many bits (x86-64), seen without a sign."""
    if value != value or value in (float("inf"), float("-inf")):
        whole = 1 << 64 if value == float("inf") else -(1 << 64)
    else:
        whole = int(float(int(value)))  # it crosses as a double
    if bits == 64 and not signed and whole >= 1 << 63:
        return whole if whole < 1 << 64 else 0
    converted = 32 if bits < 32 else 64
    if not -(1 << converted - 1) <= whole < 1 << converted - 1:
        whole = 1 << converted - 1  # the processor's answer to what does not fit
    return whole & ((1 << bits) - 1)


def _read_time(value: Any) -> Any:
    if isinstance(value, int) and value >= 1 << 63:
        return value - (1 << 64)
    return value


def _read_node_memory(value: Any) -> Any:
    return None if value is None or value & MEM_PER_CPU else value


def _read_cpu_memory(value: Any) -> Any:
    if value is None or value == (1 << 64) - 2 or not value & MEM_PER_CPU:
        return None
    return value & ~MEM_PER_CPU


def _read_cores(value: Any) -> Any:
    return None if value is None or value & THREADS else value


def _read_threads(value: Any) -> Any:
    if value is None or value == (1 << 16) - 2 or not value & THREADS:
        return None
    return value & ~THREADS


def _read_factor(value: Any) -> Any:
    return value if value is None or value == NO_VAL else value - NICE_OFFSET


_READERS: dict[str, Callable[[Any], Any]] = {
    "time": _read_time,
    "node_memory": _read_node_memory,
    "cpu_memory": _read_cpu_memory,
    "cores": _read_cores,
    "threads": _read_threads,
    "factor": _read_factor,
    "cron_job": lambda value: bool((value or 0) & CRON_JOB),
    "default": lambda value: (value or 0) & DEFAULT_PARTITION,
    "list0": lambda value: value or None,
    "list1": lambda value: value or [],
    "list1_or_nil": lambda value: value or None,
}
