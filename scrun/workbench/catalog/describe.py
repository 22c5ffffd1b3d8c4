"""What a terminal or a program sees of the catalog. Headings start at a line's edge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from scrun.workbench.catalog.model import Entry, Field, Function, Item, Record
from scrun.workbench.catalog.outline import (
    Section,
    describe_field,
    describe_home,
    describe_parameter,
    describe_return,
    describe_versions,
    flow,
    script_types_of,
    wrap,
)

INDENT = "  "
WIDEST_NAME = 26  # what is longer has its meaning on the next line
WIDEST_TYPE = 14


def describe_item(item: Item, width: int) -> list[str]:
    """Return the lines that tell all about one thing."""
    lines = [item.signature, *wrap(item.meaning, INDENT, width)]
    lines += wrap(f"In {describe_home(item)}.", INDENT, width)
    if isinstance(item, (Function, Entry)):
        lines += _rows(
            "Parameters",
            [(one.name, one.type, describe_parameter(one)) for one in item.parameters],
            width,
        )
        lines += _rows(
            "Returns", [("", one.type, describe_return(one)) for one in item.returns], width
        )
    if isinstance(item, Function) and item.overloads:
        lines.append("Also")
        for overload in item.overloads:
            lines.append(INDENT + Function(item.name, "", overload).signature)
    if isinstance(item, Record):
        lines += [f"{INDENT}Its type is {item.base}."] if item.base else []
        rows = [(one.name, f"{one.type} {one.access}", describe_field(one)) for one in item.fields]
        lines += _rows("Fields", rows, width)
    note, example = getattr(item, "note", ""), getattr(item, "example", "")
    lines += ["Note", *wrap(note, INDENT, width)] if note else []
    lines += ["Example", *(INDENT + line for line in example.splitlines())] if example else []
    return lines


def describe_one_field(record: Record, one: Field, width: int) -> list[str]:
    """Return the lines that tell all about one field."""
    access = {"r": "can be read", "rw": "can be read and set", "w": "is for the script to set"}
    return [
        f"{record.name}.{one.name}: {one.type}",
        *wrap(describe_field(one), INDENT, width),
        *wrap(f"It {access[one.access]}.", INDENT, width),
    ]


def list_sections(all_sections: Iterable[Section], width: int) -> list[str]:
    """Return the lines of a list of names, each with the first sentence of its meaning."""
    lines = []
    for section in all_sections:
        lines.append(section.title)
        if section.title == "Errors":  # hundreds, and most have nothing but a name
            names = ", ".join(item.name.removeprefix("slurm.") for item in section.items)
            lines += wrap(names, INDENT, width)
            continue
        for item in section.items:
            is_number = item.kind == "constant"
            meaning = item.meaning if is_number else flow(item.meaning).partition(". ")[0]
            lines += _row(item.name, meaning.rstrip("."), WIDEST_NAME, width)
    return lines


def to_data(item: Item) -> dict[str, Any]:
    """Return a thing as JSON has it."""
    return {
        "kind": item.kind,
        "signature": item.signature,
        **_plain(item),
        "script_types": list(script_types_of(item)),
        "slurm": describe_versions(item),
    }


def field_to_data(record: Record, one: Field) -> dict[str, Any]:
    """Return a field as JSON has it."""
    data: dict[str, Any] = _plain(one)
    return {"kind": "field", "record": record.name, **data, "slurm": describe_versions(one)}


def _plain(value: object) -> Any:
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value


def _rows(title: str, rows: list[tuple[str, str, str]], width: int) -> list[str]:
    if not rows:
        return []
    names = min(max(len(name) for name, _, _ in rows), WIDEST_NAME)
    types = min(max(len(type_) for _, type_, _ in rows), WIDEST_TYPE)
    lines = [title]
    for name, type_, meaning in rows:
        head = f"{name.ljust(names)}  {type_}" if names else type_
        lines += _row(head, meaning, (names and names + 2) + types, width)
    return lines


def _row(head: str, meaning: str, column: int, width: int) -> list[str]:
    """Return a head and its meaning beside it, or below it when the head is too long."""
    text = wrap(meaning, " " * (column + 4), max(width, column + 34))
    if text and len(head) <= column:
        text[0] = f"{INDENT}{head.ljust(column)}{INDENT}{text[0].lstrip()}"
        return text
    return [INDENT + head, *text]
