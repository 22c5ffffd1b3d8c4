"""Read the records that a script is to see from JSON: Slurm's own, or objects of Lua names.

Three kinds of object are told apart: what ``scontrol --json`` prints (``{"jobs": [...]}``), what
slurmrestd takes for a submission (``{"job": {...}}``), and objects with the names of the Lua API.
The Lua names may stand in the other two as well, for what Slurm leaves out there.
"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from scrun.errors import UsageError
from scrun.lua.plugin_fields import Field
from scrun.lua.plugin_record import MEM_PER_CPU, NICE_OFFSET, NO_VAL, THREADS
from scrun.workbench.plugins import json_values
from scrun.workbench.plugins.json_values import ABSENT, Place

Members = dict[str, Any]
Fields = Mapping[str, Field]

_PLAIN_LISTS = {"jobs": "job", "partitions": "partition", "reservations": "reservation"}


def read_file(path: str) -> Any:
    """Return the JSON of a file; ``-`` is standard input.

    Raises:
        UsageError: it cannot be read, or is no JSON.
    """
    try:
        if path == "-":
            return json.load(sys.stdin)
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as err:
        raise UsageError(f"{path}: {err.strerror}") from err
    except ValueError as err:
        raise UsageError(f"{path}: no JSON: {err}") from err


def read_object(given: Any, section: str, fields: Fields, place: Place) -> Members:
    """Return the members of one object.

    Args:
        section: of json_names.txt; "" for Lua names only.
        fields: of the record, for the sizes of its members and for Lua names.

    Raises:
        UsageError: a value of the wrong type; an unknown name, unless it is of a dump.
    """
    if not isinstance(given, Mapping):
        raise place.error(f"an object is expected, not {type(given).__name__}")
    members: Members = {}
    sizes = {field.member: field.bits for field in fields.values()}
    names = json_values.read_names(section) if section else {}
    taken: set[str] = set()
    for path, (member, kind) in names.items():
        found, top = _find(given, path)
        if not found:
            continue
        taken.add(top)
        if member not in sizes:
            continue  # no script sees it
        read = json_values.read_value(_at(given, path), kind, sizes[member], place.below(path))
        _keep(members, member, kind, read)
    for name, value in given.items():
        if name not in taken:
            _read_lua_name(members, name, value, fields, section, place.below(name))
    return members


def read_plain(name: str, value: Any, field: Field, place: Place) -> Any:
    """Return the member that a Lua name's value stands for; ABSENT: none."""
    if value is None:
        return ABSENT
    if field.kind in ("string", "gres", "user_name"):
        return json_values.read_text(value, place)
    if field.kind in ("list0", "list1", "list1_or_nil"):
        return json_values.read_list(value, 0, place)
    if field.kind == "environment":
        return json_values.read_environment(value, 0, place)
    if field.kind == "bool":
        return bool(value)
    if field.kind == "float":
        return float(value)
    number = json_values.read_number(value, field.bits, place)
    unset = number == (1 << field.bits) - 2
    if field.kind == "cpu_memory" and not unset:
        number |= MEM_PER_CPU
    elif field.kind == "threads" and not unset:
        number |= THREADS
    elif field.kind == "factor" and not unset:
        number = (number + NICE_OFFSET) & 0xFFFFFFFF
    elif field.kind == "cron_job":
        number = (1 << 22) if number else 0
    return number


def named_objects(document: Any, key: str, place: Place) -> Iterator[tuple[str, Any, str, Place]]:
    """Yield name, object, section and place of each of ``{key: [...]}``, a list or an object.

    Args:
        key: ``jobs``, ``partitions`` or ``reservations``.
    """
    section = ""
    if isinstance(document, Mapping) and isinstance(document.get(key), list):
        document, section = document[key], _PLAIN_LISTS[key]
        place = place.below(key)
    if isinstance(document, Mapping):
        for name, given in document.items():
            yield str(name), given, section, place.below(str(name))
        return
    if not isinstance(document, list):
        raise place.error("an object or a list is expected")
    for number, given in enumerate(document):
        at = place.below(f"[{number}]")
        name = given.get("job_id" if key == "jobs" else "name") if isinstance(given, Mapping) else 0
        if not isinstance(name, (str, int)) or not name:
            raise at.error("has no job_id" if key == "jobs" else "has no name")
        yield str(name), given, section, at


def _find(given: Mapping[str, Any], path: str) -> tuple[bool, str]:
    top = path.partition("/")[0]
    return _at(given, path) is not ABSENT, top


def _at(given: Any, path: str) -> Any:
    for part in path.split("/"):
        if not isinstance(given, Mapping) or part not in given:
            return ABSENT
        given = given[part]
    return given


def _keep(members: Members, member: str, kind: str, read: Any) -> None:
    if read is ABSENT:
        return
    if kind == "range":
        members[member], members["max_nodes"] = read
    elif kind == "number" and member in ("def_mem_per_cpu", "max_mem_per_cpu"):
        members.setdefault(member, read)  # the two with units tell more, if they are there
    elif kind == "hold":
        members[member] = read
    elif member == "priority" and members.get("priority") == 0 and read == NO_VAL:
        return  # held
    else:
        members[member] = read


def _read_lua_name(
    members: Members, name: str, value: Any, fields: Fields, section: str, place: Place
) -> None:
    field = fields.get(name)
    if field is None:
        if section in ("job", "partition", "reservation"):
            return  # a dump: there is more in it than scripts see
        known = [*fields, *(json_values.read_names(section) if section else ())]
        close = difflib.get_close_matches(name, known, 1)
        raise place.error("no such field", hint=f"Did you mean {close[0]}?" if close else None)
    read = read_plain(name, value, field, place)
    if read is ABSENT:
        return
    if field.kind == "default":
        members[field.member] = int(members.get(field.member) or 0) | (1 if read else 0)
    else:
        members[field.member] = read
