"""Which files are checked, and what each is: a script of which type, a module, a spec."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator

from scrun.errors import HostError, UsageError
from scrun.workbench.catalog import load
from scrun.workbench.check import nodes as n
from scrun.workbench.check.parse import Tree
from scrun.workbench.check.scope import Scopes
from scrun.workbench.check.script import ScriptType

MAX_BYTES = 4 << 20
"""The longest file that is checked; Lua scripts of sites have some ten thousand."""

STDIN = "-"
STDIN_NAME = "<stdin>"
SKIPPED_DIRS = frozenset((".git", ".venv", "node_modules", "__pycache__"))
NAMES: tuple[ScriptType, ...] = ("job_submit", "cli_filter", "burst_buffer")
META = "---@meta"


def find_files(paths: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Yield the files that are meant, and whether they were named: else they are of a directory.

    Raises:
        UsageError: a path does not exist.
    """
    for path in paths:
        if path == STDIN or (os.path.exists(path) and not os.path.isdir(path)):
            yield path, True
        elif os.path.isdir(path):
            for directory, directories, names in os.walk(path):
                directories[:] = sorted(set(directories) - SKIPPED_DIRS)
                for name in sorted(names):
                    if name.endswith(".lua"):
                        yield os.path.normpath(os.path.join(directory, name)), False
        else:
            raise UsageError(f"lua check: {path}: no such file or directory", code="ENOENT")


def read_file(path: str) -> bytes | None:
    """Return a file's bytes; None: it is longer than `MAX_BYTES`.

    Raises:
        HostError: it cannot be read.
    """
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as err:
        raise HostError("lua check: read", err, path=path) from err
    return data if len(data) <= MAX_BYTES else None


def is_meta(data: bytes) -> bool:
    """Tell whether a file is for language servers only, and never loaded."""
    return data.lstrip().startswith(META.encode())


def guess_type(path: str, tree: Tree, scopes: Scopes, default: ScriptType = "scrun") -> ScriptType:
    """Return what a file is: by its name, its place, what it defines, and how it ends."""
    name = os.path.basename(path)
    if name.endswith("_spec.lua"):
        return "spec"
    if is_main(path):
        return _as_type(name.partition(".")[0])
    if is_module(path):
        return "module"
    entries = load().entries
    for use in scopes.writes:
        entry = entries.get(use.name)
        if entry is not None and use.value is not None and use.value.expression is not None:
            return _as_type(entry.script_type)
    return "module" if _returns_value(tree) else default


def is_main(path: str) -> bool:
    """Tell whether a file has a name that Slurm loads, perhaps with an ending behind it."""
    parts = os.path.basename(path).split(".")
    return parts[0] in (*NAMES, "scrun") and "lua" in parts[1:]


def is_module(path: str) -> bool:
    """Tell whether a file lies where modules of scrun lie: it must return something."""
    return bool({"scrun.d", "luastd"} & set(os.path.abspath(path).split(os.sep)[:-1]))


def find_site(path: str) -> str | None:
    """Return the directory that holds ``scrun.d`` of a file in it, else the file's own."""
    if path == STDIN:
        return None
    parts = os.path.abspath(path).split(os.sep)
    if "scrun.d" in parts[:-1]:
        at = len(parts) - 1 - parts[::-1].index("scrun.d")
        return os.sep.join(parts[:at]) or os.sep
    return os.path.dirname(os.path.abspath(path))


def is_verb(path: str) -> bool:
    """Tell whether a file is a module of the anchor's own state, which is Lua 5.4."""
    parts = os.path.abspath(path).split(os.sep)
    return len(parts) > 2 and parts[-2] == "verbs" and parts[-3] in ("scrun.d", "luastd")


def _returns_value(tree: Tree) -> bool:
    """Tell whether a main chunk ends with a table or the like, and not with a status."""
    statements = tree.root.body.statements
    last = statements[-1] if statements else None
    if not isinstance(last, n.Return) or not last.values:
        return False
    value = n.strip(last.values[0])
    is_status = isinstance(value, (n.Index, n.Number, n.Nil, n.Boolean))
    return not is_status


def _as_type(name: str) -> ScriptType:
    return next((one for one in NAMES if one == name), "scrun")
