"""luastd/meta/slurm.lua: the catalog as types for the Lua language server."""

from __future__ import annotations

import re

from scrun.workbench.catalog.model import (
    Catalog,
    Constant,
    Entry,
    Function,
    Parameter,
    Record,
    Return,
)
from scrun.workbench.catalog.outline import (
    MADE_BY,
    describe_field,
    describe_home,
    describe_parameter,
    describe_versions,
    flow,
    join,
    wrap,
)

WORD = re.compile(r"[A-Za-z_]\w*")
HEAD = f"""\
---@meta
--- The global `slurm` of Slurm's Lua scripts, the functions that they define, and what these get.
--- Made by `{MADE_BY} luals` from scrun/workbench/catalog: change it there.
"""


def write_luals(catalog: Catalog) -> str:
    """Return the file."""
    parts = [HEAD, _slurm(catalog)]
    parts += [_record(catalog, record) for record in catalog.records.values()]
    parts += [_function(catalog, function) for function in catalog.functions.values()]
    parts += [_function(catalog, entry) for entry in catalog.entries.values()]
    return "\n".join(parts)


def _slurm(catalog: Catalog) -> str:
    lines = ["---@class slurm"]
    for value in catalog.values.values():
        note = join(flow(value.meaning).removesuffix("."), describe_home(value))
        lines.append(f"---@field {_short(value.name)} {_type(catalog, value.type)} {note}")
    lines += [_constant(constant) for constant in catalog.constants.values()]
    return "\n".join([*lines, "slurm = {}", ""])


def _constant(constant: Constant) -> str:
    versions = describe_versions(constant)
    note = join(constant.meaning, "" if versions == "all" else f"Slurm {versions}")
    return f"---@field {_short(constant.name)} integer {constant.value}{note and ': ' + note}"


def _record(catalog: Catalog, record: Record) -> str:
    lines = _comment(record.meaning) + _comment(record.note)
    if record.base:
        return "\n".join(
            [*lines, f"---@alias slurm.{record.name} {_type(catalog, record.base)}", ""]
        )
    lines.append(f"---@class slurm.{record.name}")
    is_settable = any("w" in field.access for field in record.fields)
    for field in record.fields:
        name = field.name if WORD.fullmatch(field.name) else f"['{field.name}']"
        note = flow(describe_field(field))
        if is_settable and field.access == "r":
            note = join(note, "cannot be set")
        lines.append(f"---@field {name} {_type(catalog, field.type)} {note}".rstrip())
    return "\n".join([*lines, ""])


def _function(catalog: Catalog, function: Function | Entry) -> str:
    lines = _comment(function.meaning) + _comment(function.note)
    lines += _comment(f"In {describe_home(function)}.")
    for parameter in function.parameters:
        note = "" if parameter.optional else parameter.meaning
        note = note or describe_parameter(parameter).removeprefix("optional").strip("; ")
        lines.append(
            f"---@param {_parameter(parameter)} {_type(catalog, parameter.type)} {note}".rstrip()
        )
    if function.variadic:
        lines.append("---@param ... any")
    lines += [_return(catalog, one) for one in function.returns]
    if isinstance(function, Function):
        for overload in function.overloads:
            given = ", ".join(f"{_parameter(one)}: {one.type}" for one in overload)
            lines.append(f"---@overload fun({given})")
    names = [parameter.name for parameter in function.parameters]
    return "\n".join([*lines, *_head(function.name, names + ["..."] * function.variadic), ""])


def _return(catalog: Catalog, one: Return) -> str:
    name = f" {one.name}" if one.name else ""
    return f"---@return {_type(catalog, one.type)}{name} {one.meaning}".rstrip()


def _head(name: str, names: list[str]) -> list[str]:
    line = f"function {name}({', '.join(names)}) end"
    if len(line) <= 100:
        return [line]
    return [f"function {name}(", *wrap(", ".join(names), "  "), ") end"]


def _parameter(parameter: Parameter) -> str:
    return f"{parameter.name}?" if parameter.optional else parameter.name


def _comment(text: str) -> list[str]:
    return wrap(text, "--- ")


def _short(name: str) -> str:
    return name.removeprefix("slurm.")


def _type(catalog: Catalog, type_: str) -> str:
    """Return a type with our records by their full names."""
    return WORD.sub(
        lambda word: f"slurm.{word[0]}" if word[0] in catalog.records else word[0], type_
    )
