"""How the fields of Slurm's plugin records are kept: plugin_fields.txt, read."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RECORDS", "SIZES", "Field", "is_in", "read_fields"]

RECORDS = ("job_desc", "job_rec", "part_rec", "resv", "job_info")
SIZES = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64, "time": 64}
"""Bits of the numbers that members hold."""

_MEMBER_BITS = {**SIZES, "cores": 16, "threads": 16, "factor": 32}
_MEMBER_BITS.update(node_memory=64, cpu_memory=64, cron_job=64, default=32)
_TYPES = {
    **{"string": "string", "gres": "string", "user_name": "string", "bool": "boolean"},
    **{"list0": "table", "list1": "table", "environment": "table", "cron_job": "boolean"},
}
_NICE_OFFSET = 0x80000000


class Field:
    """A field of a record.

    Attributes:
        name: as scripts say it.
        kind: how it is read and set; see plugin_fields.txt.
        access: ``r`` or ``rw``.
        member: the member of the C structure that it shows; several fields may show one.
        bits: size of that member when it is a number, else 0.
        unset: the member's value when nobody set it.
        since, removed: the first versions with it and without it; None: always, never.
    """

    __slots__ = ("access", "bits", "kind", "member", "name", "removed", "since", "unset")

    def __init__(self, line: str) -> None:
        self.name, self.kind, self.access, member, unset, versions = line.split()
        self.member = self.name if member == "-" else member
        self.bits = _MEMBER_BITS.get(self.kind, 0)
        self.unset = _unset(unset, self.bits)
        self.since = None if versions[0] in "-<" else versions
        self.removed = versions[1:] if versions[0] == "<" else None

    @property
    def lua_type(self) -> str:
        """The Lua type: ``string``, ``number``, ``boolean`` or ``table``."""
        return _TYPES.get(self.kind, "number")

    def is_known(self, version: str | None) -> bool:
        """Tell whether a version such as ``24.11`` has it; None: whether any has."""
        return is_in(version, self.since, self.removed)


def is_in(version: str | None, since: str | None, removed: str | None) -> bool:
    """Tell whether a version is in a span; None: some version is."""
    if version is None:
        return True
    number = _order(version)
    return not (since and number < _order(since)) and not (removed and number >= _order(removed))


def read_fields() -> Mapping[str, Mapping[str, Field]]:
    """Return the fields by record and name."""
    records: dict[str, dict[str, Field]] = {}
    with open(f"{__file__.rpartition('/')[0]}/plugin_fields.txt", encoding="utf-8") as file:
        for line in file:
            if line.startswith("["):
                records[line.strip("[]\n")] = fields = {}
            elif line.strip() and not line.startswith("#"):
                field = Field(line.rstrip("\n"))
                fields[field.name] = field
    return records


def _unset(word: str, bits: int) -> int | None:
    if word in ("-", "nil"):
        return None
    if word == "NICE":
        return _NICE_OFFSET
    if word == "NO_VAL":
        return (1 << bits) - 2
    if word == "INFINITE":
        return (1 << bits) - 1
    return int(word)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
