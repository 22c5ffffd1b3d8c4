"""docs/slurm-lua.md: the catalog as a page."""

from __future__ import annotations

from collections.abc import Iterable

from scrun.workbench.catalog.model import (
    VERSIONS,
    Catalog,
    Constant,
    Entry,
    Function,
    Record,
    Value,
)
from scrun.workbench.catalog.outline import (
    MADE_BY,
    Section,
    describe_field,
    describe_home,
    describe_parameter,
    describe_return,
    describe_versions,
    flow,
    sections,
)

HEAD = f"""\
<!-- Made by `{MADE_BY} markdown` from scrun/workbench/catalog: change it there. -->
# Slurm's Lua: what scripts can use

What scrun.lua, job_submit.lua, cli_filter.lua and burst_buffer.lua find in the global `slurm`, the
functions that they define, and the records that these get; of Slurm {VERSIONS[0]} to
{VERSIONS[-1]}. `scrun lua doc NAME` shows any of it in a terminal, `man scrun-lua` all of it.

"""


def write_markdown(catalog: Catalog) -> str:
    """Return the page."""
    all_sections = sections(catalog)
    parts = [HEAD, *(f"- [{one.title}](#{_anchor(one.title)})\n" for one in all_sections)]
    return "".join([*parts, *(_section(one) for one in all_sections)])


def _section(section: Section) -> str:
    head = f"\n## {section.title}\n\n"
    constants = [one for one in section.items if isinstance(one, Constant)]
    values = [one for one in section.items if isinstance(one, Value)]
    if constants:
        return head + _table(("Name", "Value", "Slurm", "Meaning"), map(_constant_row, constants))
    if values:
        return head + _table(("Name", "Type", "Meaning", "Where"), map(_value_row, values))
    return head + "\n".join(
        _item(one) for one in section.items if isinstance(one, (Function, Entry, Record))
    )


def _constant_row(one: Constant) -> tuple[str, ...]:
    return f"`{one.name}`", str(one.value), describe_versions(one), one.meaning


def _value_row(one: Value) -> tuple[str, ...]:
    return f"`{one.name}`", f"`{one.type}`", flow(one.meaning), describe_home(one)


def _item(item: Function | Entry | Record) -> str:
    parts = [f"### {item.name}\n\n"]
    if item.signature != item.name:
        parts.append(f"    {item.signature}\n\n")
    parts.append(f"{_paragraph(item.meaning)}In {describe_home(item)}.\n\n")
    if isinstance(item, (Function, Entry)):
        parts += [
            f"- `{one.name}` `{one.type}` {describe_parameter(one)}".rstrip() + "\n"
            for one in item.parameters
        ]
        parts += [
            f"- returns `{one.type}` {describe_return(one)}".rstrip() + "\n" for one in item.returns
        ]
        if item.parameters or item.returns:
            parts.append("\n")
    if item.note:
        parts.append(_paragraph(item.note))
    if item.example:
        parts.append(f"```lua\n{item.example}\n```\n\n")
    if isinstance(item, Record) and item.fields:
        parts.append(
            _table(
                ("Field", "Type", "Access", "Meaning"),
                [
                    (f"`{one.name}`", f"`{one.type}`", one.access, describe_field(one))
                    for one in item.fields
                ],
            )
        )
    elif isinstance(item, Record):
        parts.append(f"Its type is `{item.base}`.\n")
    return "".join(parts).rstrip("\n") + "\n"


def _paragraph(text: str) -> str:
    return f"{text}\n\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _anchor(title: str) -> str:
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")
