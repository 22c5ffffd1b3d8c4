"""The catalog in the order of a manual, and the words that its readers see about each thing."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from scrun.workbench.catalog.model import (
    SCRIPT_TYPES,
    VERSIONS,
    Catalog,
    Constant,
    Entry,
    Field,
    Item,
    Parameter,
    Return,
)

MADE_BY = "scrun lua doc --format"


@dataclass(frozen=True)
class Section:
    """Things that belong together, under a heading."""

    title: str
    items: tuple[Item, ...]


def sections(
    catalog: Catalog, script_type: str | None = None, version: str | None = None
) -> list[Section]:
    """Return the catalog by section; None: of all script types, of all versions."""

    def known(items: list[Item]) -> tuple[Item, ...]:
        return tuple(item for item in items if item.is_known(script_type, version))

    by_scripts: dict[tuple[str, ...], list[Item]] = {}
    for function in catalog.functions.values():
        by_scripts.setdefault(script_types_of(function), []).append(function)
    result = [
        Section(f"Functions of {name_scripts(scripts)}", known(by_scripts[scripts]))
        for scripts in sorted(by_scripts, key=lambda one: (-len(one), SCRIPT_TYPES.index(one[0])))
    ]
    result.append(Section("Values", known([*catalog.values.values()])))
    for one in SCRIPT_TYPES:
        result.append(Section(f"What {one}.lua defines", known([*catalog.entries_of(one)])))
    result.append(Section("Records", known([*catalog.records.values()])))
    for group, title in (("number", "Numbers"), ("error", "Errors")):
        of_group: list[Item] = [one for one in catalog.constants.values() if one.group == group]
        result.append(Section(title, known(of_group)))
    return [section for section in result if section.items]


def script_types_of(item: Item) -> tuple[str, ...]:
    """Return the script types that meet something, here or in Slurm, in our order."""
    if isinstance(item, Entry):
        return (item.script_type,)
    if isinstance(item, Constant):
        return SCRIPT_TYPES
    return tuple(one for one in SCRIPT_TYPES if one in item.script_types | item.ours)


def name_scripts(script_types: tuple[str, ...]) -> str:
    """Return ``scrun.lua and job_submit.lua``, or ``every script``."""
    if len(script_types) == len(SCRIPT_TYPES):
        return "every script"
    names = [f"{one}.lua" for one in script_types]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def describe_versions(item: Item | Field) -> str:
    """Return in which versions of Slurm something is: ``all``, ``from 24.11 on``."""
    if isinstance(item, Constant):
        have = [version for version in VERSIONS if version in item.versions]
        if not have:
            return f"after {VERSIONS[-1]}"
        since = None if have[0] == VERSIONS[0] else have[0]
        removed = None if have[-1] == VERSIONS[-1] else VERSIONS[VERSIONS.index(have[-1]) + 1]
    else:
        since, removed = item.since, item.removed
    last = VERSIONS[VERSIONS.index(removed) - 1] if removed else None
    if since and last:
        return f"{since} only" if since == last else f"{since} to {last}"
    if since:
        return f"from {since} on"
    return f"up to {last}" if last else "all"


def describe_home(item: Item) -> str:
    """Return where something is: ``every script; Slurm from 26.05 on, here always``."""
    scripts = name_scripts(script_types_of(item))
    versions = describe_versions(item)
    versions = "all versions of Slurm" if versions == "all" else f"Slurm {versions}"
    if isinstance(item, (Constant, Entry)) or not item.ours:
        return f"{scripts}; {versions}"
    if not item.script_types:
        return f"{scripts}; not in Slurm, only here"
    in_slurm = tuple(one for one in SCRIPT_TYPES if one in item.script_types)
    if in_slurm == script_types_of(item):
        return f"{scripts}; {versions}, here always"
    return f"{scripts}; {versions} in {name_scripts(in_slurm)}, here in all of these"


def describe_parameter(one: Parameter) -> str:
    """Return the meaning of a parameter; an optional one says so."""
    return join("optional" if one.optional else "", one.meaning)


def describe_return(one: Return) -> str:
    """Return the meaning of a result, its name before it."""
    return (
        f"{one.name}: {one.meaning}" if one.name and one.meaning else one.meaning or one.name or ""
    )


def describe_field(one: Field) -> str:
    """Return the meaning of a field with what is special about it."""
    return join(
        one.meaning,
        f"{_unset(one)} when nothing was said" if one.unset else "",
        f"the same as {one.alias}" if one.alias and one.alias not in one.meaning else "",
        f"of {', '.join(one.commands)}" if one.commands else "",
        f"Slurm {describe_versions(one)}" if describe_versions(one) != "all" else "",
    )


def _unset(one: Field) -> str:
    return f"slurm.{one.unset}" if one.unset.startswith("NO_VAL") else f"`{one.unset}`"


def join(*parts: str) -> str:
    """Return the parts that are not empty, semicolons between them."""
    return "; ".join(part for part in parts if part)


def flow(text: str) -> str:
    """Return a text of several lines as one line."""
    return " ".join(text.split())


def wrap(text: str, indent: str = "", width: int = 100) -> list[str]:
    """Return the lines of a text that flows."""
    return textwrap.wrap(
        flow(text),
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
