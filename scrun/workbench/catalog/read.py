"""Read the catalog from its TOML files and the runtime's list of constants."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import scrun.lua
from scrun.lua.plugin_fields import Field as KeptField
from scrun.lua.plugin_fields import read_fields
from scrun.lua.plugin_options import COMMANDS, Option, read_options
from scrun.workbench.catalog.model import (
    SCRIPT_TYPES,
    VERSIONS,
    Catalog,
    Constant,
    Entry,
    Field,
    Function,
    Parameter,
    Record,
    Return,
    Value,
    is_in,
)

HERE = Path(__file__).parent
CONSTANTS = Path(scrun.lua.__file__).with_name("constants.txt")  # name=value, of all versions
ERROR_NAME = re.compile(r"E?(SLURM|SPANK)|EINPROGRESS")
NIL_WHEN_UNSET = ("node_memory", "cpu_memory", "cores", "threads")
TYPES = {
    **dict.fromkeys(NIL_WHEN_UNSET, "integer?"),
    **dict.fromkeys(("string", "gres", "user_name"), "string?"),
    **dict.fromkeys(("list0", "list1_or_nil"), "string[]?"),
    "list1": "string[]",
    **{"environment": "environment", "bool": "boolean", "cron_job": "boolean", "float": "number"},
}  # of the kinds of scrun.lua.plugin_fields; of the others: integer


@cache
def load() -> Catalog:
    """Return the catalog; read once."""
    functions = _read("functions")
    return Catalog(
        functions={name: _function(name, given) for name, given in functions.items()},
        values={name: _value(name, given) for name, given in _read("values").items()},
        constants=_constants(_read("constants")),
        entries={name: _entry(name, given) for name, given in _read("entries").items()},
        records=_records(),
    )


def _read(name: str) -> dict[str, Any]:
    with open(HERE / f"{name}.toml", "rb") as file:
        return tomllib.load(file)


def _function(name: str, given: dict[str, Any]) -> Function:
    return Function(
        name=name,
        parameters=_parameters(given.get("parameters", ())),
        variadic=given.get("variadic", False),
        returns=_returns(given),
        script_types=frozenset(given.get("types", SCRIPT_TYPES)),
        ours=frozenset(given.get("ours", ())),
        overloads=tuple(_parameters(one) for one in given.get("overloads", ())),
        **_texts(given, "meaning", "example", "note", "since", "removed"),
    )


def _value(name: str, given: dict[str, Any]) -> Value:
    return Value(
        name=name,
        type=given["type"],
        script_types=frozenset(given.get("types", SCRIPT_TYPES)),
        ours=frozenset(given.get("ours", ())),
        **_texts(given, "meaning", "example", "note", "since", "removed"),
    )


def _entry(name: str, given: dict[str, Any]) -> Entry:
    return Entry(
        name=name,
        script_type=given["type"],
        required=given.get("required", True),
        parameters=_parameters(given.get("parameters", ())),
        variadic=given.get("variadic", False),
        returns=_returns(given),
        **_texts(given, "meaning", "example", "note", "since", "removed"),
    )


def _records() -> dict[str, Record]:
    """Return the records; the fields of those that the plugins have are kept in scrun.lua."""
    kept, options = read_fields(), read_options()
    records = {}
    for path in sorted((HERE / "records").glob("*.toml")):
        given = _read(f"records/{path.stem}")
        fields = kept.get(path.stem, {})
        named = []
        for name, one in given.get("fields", {}).items():
            if name in fields:
                named.append(_kept_field(fields, name, one))
            elif path.stem == "options" and name in options:
                named.append(_option_field(options[name], one))
            else:
                named.append(_field(name, one))
        records[path.stem] = Record(
            name=path.stem,
            fields=tuple(named),
            base=given.get("base", ""),
            script_types=frozenset(given.get("types", SCRIPT_TYPES)),
            ours=frozenset(given.get("ours", ())),
            **_texts(given, "meaning", "example", "note", "since", "removed"),
        )
    return records


def _field(name: str, given: dict[str, Any]) -> Field:
    return Field(
        name=name,
        type=given["type"],
        **_texts(given, "access", "meaning", "since", "removed"),
    )


def _option_field(option: Option, meaning: str) -> Field:
    """Return the field of an option of the commands."""
    commands = tuple(one for one in COMMANDS if option.is_set_by(one))
    return Field(
        name=option.name,
        type="string?" if option.unset is None else "string",
        access="rw" if commands else "r",
        meaning=meaning,
        since=option.since,
        removed=option.removed,
        unset=option.unset or "",
        commands=commands if len(commands) < len(COMMANDS) else (),
    )


def _kept_field(fields: Mapping[str, KeptField], name: str, given: str | dict[str, Any]) -> Field:
    """Return a field of which the TOML file has the meaning and, if need be, a better type."""
    field = fields[name]
    same = fields.get(field.member)
    is_alias = same is not None and same is not field and same.kind == field.kind
    size = "" if field.bits == 32 else field.bits
    is_no_val = field.bits and field.unset == (1 << field.bits) - 2
    if isinstance(given, str):
        given = {"meaning": given}
    return Field(
        name=name,
        type=given.get("type") or TYPES.get(field.kind, "integer"),
        access=field.access,
        meaning=given["meaning"],
        since=field.since,
        removed=field.removed,
        unset=f"NO_VAL{size}" if is_no_val and field.kind not in NIL_WHEN_UNSET else "",
        alias=field.member if is_alias else "",
    )


def _constants(given: dict[str, Any]) -> dict[str, Constant]:
    """Return the constants: values from the runtime, the rest from constants.toml."""
    spans = {name: span for span in given["span"] for name in span["names"]}
    meanings = given["meaning"]
    constants = {}
    for name, value in re.findall(r"(\w+)=(-?\d+)", CONSTANTS.read_text()):
        span = spans.get(name, {})
        versions = (v for v in VERSIONS if is_in(v, span.get("since"), span.get("removed")))
        constants[f"slurm.{name}"] = Constant(
            name=f"slurm.{name}",
            value=int(value),
            versions=frozenset(versions),
            meaning=meanings.get(name, ""),
            group="error" if ERROR_NAME.match(name) else "number",
        )
    return dict(sorted(constants.items()))


def _parameters(given: Iterable[dict[str, Any]]) -> tuple[Parameter, ...]:
    return tuple(Parameter(**one) for one in given)


def _returns(given: dict[str, Any]) -> tuple[Return, ...]:
    return tuple(Return(**one) for one in given.get("returns", ()))


def _texts(given: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return those of these that are there: the others keep their defaults."""
    return {name: _strip(given[name]) for name in names if name in given}


def _strip(text: str) -> str:
    return text.strip("\n")
