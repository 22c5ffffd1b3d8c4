"""What is to be run: spec files, the dialect and the site of each."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scrun.errors import ConfigError, UsageError
from scrun.lua.search import SearchPath

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIX = "_spec.lua"
DEFAULT_DIALECT = "5.4"
DEFAULT_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Options:
    """How specs are run, all of them alike.

    Attributes:
        filter, filter_out: Lua patterns of full names, one or none of which must be found.
        seed: shuffles files and tests; None: the order in which they are written.
        timeout_s: for one test with its fixtures, and for loading a file.
        directories: searched by ``require`` before those of the spec.
        capture: keep what specs print; else it goes to where ours goes.
        update: write golden files in place of comparing.
        coverage: count the lines that run.
    """

    filter: tuple[str, ...] = ()
    filter_out: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    seed: int | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    directories: tuple[str, ...] = ()
    capture: bool = True
    update: bool = False
    coverage: bool = False


@dataclass(frozen=True)
class Spec:
    """One spec file in one dialect.

    Attributes:
        path: as it is shown: relative when it is below the working directory.
        site: where the site's modules are; None: the shipped ones only.
        directories: of the file and above it, where its modules are.
        round: from 1, of ``--repeat``.
    """

    path: str
    dialect: str
    site: str | None = None
    directories: tuple[str, ...] = field(default=(), compare=False)
    round: int = 1


def find_files(operands: Sequence[str]) -> list[str]:
    """Return the spec files that are named, or are somewhere below a named directory.

    Raises:
        UsageError: a path that is not there.
    """
    found: dict[str, None] = {}
    for operand in operands:
        if os.path.isdir(operand):
            found.update(dict.fromkeys(_below(operand)))
        elif os.path.isfile(operand):
            found[_shown(operand)] = None
        else:
            raise UsageError(f'"{operand}" is no file or directory')
    return list(found)


def make_plan(
    files: Sequence[str],
    *,
    dialects: Sequence[str] = (),
    site: str | None = None,
    rounds: int = 1,
) -> list[Spec]:
    """Return what is to be run, dialect after dialect for each file.

    Args:
        dialects: none: the one of the site's settings.
        site: the site directory of all files; None: for each the nearest directory, from its own
            up to the working directory, that holds a scrun.lua or a scrun.d.
    """
    plan = []
    chosen: dict[str | None, str] = {}
    beside: dict[str, tuple[tuple[str, ...], str | None]] = {}  # by directory: what a file gets
    for file in files:
        directory = os.path.dirname(file)
        if directory not in beside:
            above = tuple(_upward(file))
            beside[directory] = above, site or next(filter(_is_site, above), None)
        directories, home = beside[directory]
        if not dialects and home not in chosen:
            chosen[home] = _dialect_of(home)
        plan += [
            Spec(file, dialect, home, directories, number)
            for dialect in dialects or (chosen[home],)
            for number in range(1, rounds + 1)
        ]
    return plan


def _below(directory: str) -> Iterator[str]:
    for root, names, files in os.walk(directory):
        names[:] = sorted(name for name in names if not name.startswith("."))
        specs = sorted(name for name in files if name.endswith(SUFFIX))
        if specs:
            shown = os.path.dirname(_shown(os.path.join(root, specs[0])))
            yield from (os.path.join(shown, name) for name in specs)


def _shown(path: str) -> str:
    full = os.path.abspath(path)
    here = os.getcwd()
    return os.path.relpath(full, here) if full.startswith(f"{here}/") else full


def _upward(file: str) -> Iterator[str]:
    """Yield the directory of a file and those above it, up to the working directory."""
    directory = os.path.dirname(os.path.abspath(file))
    here = os.getcwd()
    yield directory
    while directory.startswith(f"{here}/"):
        directory = os.path.dirname(directory)
        yield directory


def _is_site(directory: str) -> bool:
    return os.path.isfile(f"{directory}/scrun.lua") or os.path.isdir(f"{directory}/scrun.d")


def _dialect_of(site: str | None) -> str:
    if site is None or not os.path.isfile(f"{site}/scrun.d/settings.lua"):
        return DEFAULT_DIALECT
    from scrun.lua.runtime import Runtime  # most sites have no settings of their own

    runtime = Runtime(search=SearchPath(site))
    settings = runtime.to_python(runtime.require("scrun.settings"), live=True)
    dialect = settings.get("dialect") if isinstance(settings, dict) else None
    if dialect is None:
        return DEFAULT_DIALECT
    if not isinstance(dialect, str):
        raise ConfigError(f"{site}/scrun.d/settings.lua: dialect: expected a text")
    return dialect
