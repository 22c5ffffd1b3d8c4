"""The arrows of the design: imports point down, and few places may know lupa, click or ctypes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "scrun"
LAYERS = ("oci", "host", "cluster", "lua", "anchor", "cli")  # from the lowest
BASE = {"errors", "log", "settings"}
FOR_ALL = {"scrun.hot.wire", "scrun.hot.options"}
ENTRANCES = {"entry", "cli", "__main__"}  # they choose between hot and the rest
ONLY_IN = {"lupa": {"lua"}, "click": {"cli"}, "ctypes": {"host"}, "termios": {"host"}}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "luastd" not in path.parts)


def imports(file: Path) -> Iterator[str]:
    """Yield each module that ``file`` imports, at any depth."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            assert node.module is not None
            if node.module == "scrun":
                yield from (f"scrun.{alias.name}" for alias in node.names)
            else:
                yield node.module


def area(file: Path) -> str:
    """Return the layer a file belongs to: its directory, or its own name at the top."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(file: Path) -> None:
    own = area(file)
    for module in imports(file):
        names = module.split(".")
        assert own in ONLY_IN.get(names[0], {own}), f"{own} may not import {module}"
        if names[0] != "scrun" or len(names) == 1 or module in FOR_ALL:
            continue
        target = names[1]
        if own in ENTRANCES or target == own:
            continue
        if own == "hot":
            pytest.fail(f"hot may not import {module}")
        if target in BASE:
            continue
        if target == "hot":
            assert own == "anchor", f"{own} may not import {module}"
            continue
        assert target in LAYERS, f"{own} imports {module}: no such layer"
        assert own in LAYERS, f"{own} may not import {module}"
        assert LAYERS.index(target) < LAYERS.index(own), f"{own} imports {module}, which is above"


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_can_be_read_in_one_go(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 400
