"""Read the values of Slurm's JSON into the members of its C structures."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from scrun.errors import UsageError
from scrun.lua.plugin_record import MEM_PER_CPU, NICE_OFFSET, THREADS

HERE = Path(__file__).parent
SHARED_FORCE = 0x8000
ABSENT = object()
"""A value that says nothing: the member stays as C has it."""


class Place:
    """Where a value stands in which file, for complaints."""

    def __init__(self, path: str, at: str = "") -> None:
        self.path, self.at = path, at

    def below(self, key: str) -> Place:
        """Return the place of a member of this object."""
        return Place(self.path, f"{self.at}.{key}" if self.at else key)

    def error(self, what: str, hint: str | None = None) -> UsageError:
        """Return the complaint ``FILE: PLACE: WHAT``."""
        return UsageError(": ".join(part for part in (self.path, self.at, what) if part), hint=hint)


@cache
def read_names(section: str) -> Mapping[str, tuple[str, str]]:
    """Return member and kind by path of a section of json_names.txt."""
    names: dict[str, tuple[str, str]] = {}
    current = ""
    for line in (HERE / "json_names.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = line.strip("[]")
        elif current == section and line.strip() and not line.startswith("#"):
            path, member, kind = line.split()
            names[path] = (member, kind)
    return names


@cache
def read_flags() -> Mapping[str, Mapping[str, Mapping[str, int]]]:
    """Return json_flags.toml: numbers by list, ``bits`` or ``equal``, and word."""
    with open(HERE / "json_flags.toml", "rb") as file:
        return tomllib.load(file)


def read_value(value: Any, kind: str, bits: int, place: Place) -> Any:
    """Return a member's value, or ABSENT.

    Args:
        kind: as json_names.txt has it.
        bits: size of a number; 0 for other members.

    Raises:
        UsageError: it cannot be one.
    """
    if value is None:
        return ABSENT
    if kind.startswith("flags:"):
        return read_words(value, kind.removeprefix("flags:"), place)
    return _READERS[kind](value, bits, place)


def read_number(value: Any, bits: int, place: Place) -> int:
    """Return a number: itself, true and false, ``{set, infinite, number}``, or a name of one."""
    if isinstance(value, Mapping):
        if value.get("infinite"):
            return (1 << bits) - 1
        if not value.get("set", "number" in value):
            return (1 << bits) - 2
        value = value.get("number", 0)
    if isinstance(value, str):
        word = value.strip().removeprefix("slurm.").upper()
        if re.fullmatch(r"NO_VAL(8|16|64)?", word):
            return (1 << bits) - 2
        if word in ("INFINITE", "INFINITE64", "UNLIMITED"):
            return (1 << bits) - 1
        if not re.fullmatch(r"[+-]?\d+", word):
            raise place.error(f"{value!r} is no number")
        value = int(word)
    if not isinstance(value, (bool, int, float)):
        raise place.error(f"a number is expected, not {type(value).__name__}")
    number = int(value)
    if number >= 1 << bits or number < -(1 << bits - 1):
        raise place.error(f"{number} is more than {bits} bits hold")
    return number & ((1 << bits) - 1)


def read_text(value: Any, place: Place) -> str | None:
    """Return a text; an empty one is none, as in C."""
    if isinstance(value, list):
        value = ",".join(str(item) for item in value)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise place.error(f"a text is expected, not {type(value).__name__}")
    return str(value) or None


def read_words(value: Any, name: str, place: Place) -> Any:
    """Return the number that a list of words stands for."""
    table = read_flags()[name]
    if isinstance(value, (int, float, Mapping)):
        return read_number(value, 64, place)
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list):
        raise place.error("a list of words is expected")
    if not words and "bits" not in table:
        return ABSENT
    number = 0
    for word in words:
        upper = str(word) if name == "shared" else str(word).upper()
        if upper in table.get("equal", {}):
            number |= table["equal"][upper]
        elif upper in table.get("bits", {}):
            number |= 1 << table["bits"][upper]
    return number


def read_list(value: Any, _: int, place: Place) -> list[str]:
    """Return a list of texts."""
    if not isinstance(value, list):
        raise place.error("a list is expected")
    return [str(item) for item in value]


def read_environment(value: Any, _: int, place: Place) -> dict[str, str]:
    """Return variables: an object, or a list of ``NAME=value``."""
    if isinstance(value, Mapping):
        return {str(name): str(text) for name, text in value.items()}
    if isinstance(value, str):  # slurmrestd takes a list of them with commas
        value = value.split(",")
    entries = read_list(value, 0, place)
    return {entry.partition("=")[0]: entry.partition("=")[2] for entry in entries}


def read_range(value: Any, bits: int, place: Place) -> Any:
    """Return the first and the last number of ``4`` or ``1-4``."""
    if isinstance(value, str) and "-" in value.strip().lstrip("-"):
        first, _, last = value.partition("-")
        return read_number(first, bits, place), read_number(last.partition(":")[0], bits, place)
    number = read_number(value, bits, place)
    return number, number


def _read_float(value: Any, _: int, place: Place) -> Any:
    if isinstance(value, Mapping):
        value = value.get("number", 0) if value.get("set") else 0
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise place.error("a number is expected")
    return float(value)


def _read_memory(value: Any, bits: int, place: Place) -> Any:
    number = read_number(value, bits, place)
    return ABSENT if number == (1 << bits) - 2 else number & (MEM_PER_CPU - 1)


def _read_cpu_memory(value: Any, bits: int, place: Place) -> Any:
    number = _read_memory(value, bits, place)
    return number if number is ABSENT else number | MEM_PER_CPU


def _read_cores(value: Any, bits: int, place: Place) -> Any:
    number = read_number(value, bits, place)
    return number if 0 < number < THREADS else ABSENT  # 0 is what a dump has of an unset one


def _read_threads(value: Any, bits: int, place: Place) -> Any:
    number = read_number(value, bits, place)
    return number | THREADS if 0 < number < THREADS - 2 else ABSENT


def _read_exit_code(value: Any, bits: int, place: Place) -> Any:
    if not isinstance(value, Mapping):
        return read_number(value, bits, place)
    code = read_number(value.get("return_code", 0), bits, place)
    signal = value.get("signal", {}).get("id", 0)
    number = read_number(signal, 16, place)
    status = 0 if code == (1 << bits) - 2 else code << 8
    return status | (0 if number == (1 << 16) - 2 else number)


def _read_nice(value: Any, _: int, place: Place) -> Any:
    number = read_number(value, 64, place)
    signed = number - (1 << 64) if number >= 1 << 63 else number
    return (signed + NICE_OFFSET) & 0xFFFFFFFF


def _read_hold(value: Any, _: int, __: Place) -> Any:
    return 0 if value else ABSENT


def _read_oversubscribe(value: Any, bits: int, place: Place) -> Any:
    word, _, count = str(value).partition(":")
    number = read_number(count, bits, place) if count else 1
    return number | SHARED_FORCE if word.upper() == "FORCE" else number


def _read_reason(value: Any, bits: int, place: Place) -> Any:
    return ABSENT if isinstance(value, str) else read_number(value, bits, place)


def _read_user(value: Any, bits: int, place: Place) -> Any:
    import pwd  # rare, as is grp

    return _read_owner(value, bits, place, lambda name: pwd.getpwnam(name).pw_uid)


def _read_group(value: Any, bits: int, place: Place) -> Any:
    import grp

    return _read_owner(value, bits, place, lambda name: grp.getgrnam(name).gr_gid)


def _read_owner(value: Any, bits: int, place: Place, find: Callable[[str], int]) -> Any:
    if isinstance(value, str) and not value.strip().isdecimal():
        try:
            return find(value)
        except KeyError:
            raise place.error(f"{value!r} is unknown on this machine") from None
    return read_number(value, bits, place)


_READERS: Mapping[str, Callable[[Any, int, Place], Any]] = {
    "text": lambda value, _, place: read_text(value, place),
    "number": read_number,
    "float": _read_float,
    "list": read_list,
    "environment": read_environment,
    "range": read_range,
    "node_memory": _read_memory,
    "cpu_memory": _read_cpu_memory,
    "cores": _read_cores,
    "threads": _read_threads,
    "exit_code": _read_exit_code,
    "nice": _read_nice,
    "hold": _read_hold,
    "oversubscribe": _read_oversubscribe,
    "reason": _read_reason,
    "user": _read_user,
    "group": _read_group,
}
