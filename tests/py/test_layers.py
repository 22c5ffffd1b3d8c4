"""The arrows between the layers: imports point down, and some libraries have one home.

``cli, entry -> workbench -> anchor -> lua -> cluster -> host -> oci -> errors, log, settings``;
`hot` imports nothing of ours.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lupa
import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "scrun"
RANK = {
    **{"errors": 0, "log": 0, "settings": 0},
    **{"oci": 1, "host": 2, "cluster": 3, "lua": 4, "anchor": 5},
    **{"workbench": 6, "cli": 7, "entry": 7, "__main__": 8},
}
HOT_FOR_ALL = {"scrun.hot.wire", "scrun.hot.options", "scrun.hot.verbs"}
HOT_FROM = RANK["anchor"]  # the rest of hot is for those who carry a command out
HOMES = {
    **{"lupa": "lua", "click": "cli", "rich": "cli"},
    **{"ctypes": "host", "termios": "host", "pty": "host"},
    **{"pyslurm": "cluster", "tree_sitter": "workbench", "tree_sitter_lua": "workbench"},
}
# Everything that `create` and the anchor load. Measured in ms: enum and re 7, json 8,
# subprocess 13, typing 14, click 41; os is 1.3, and posix has what it has.
LIGHT = ("errors", "log", "settings", "oci", "host", "lua", "anchor", "cluster")
HEAVY = {
    *("asyncio", "click", "dataclasses", "datetime", "enum", "functools", "inspect", "json"),
    *("logging", "pathlib", "re", "rich", "shutil", "subprocess", "tempfile", "threading"),
    *("traceback", "typing"),
}
HEAVY_ALLOWED = {"oci.ere": {"re"}}  # itself loaded late, for EnvExclude
SOURCES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Return ``oci/config.py`` as ``oci.config``, a package by its own name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_for_types(node: ast.stmt) -> bool:
    """Tell whether a statement is ``if TYPE_CHECKING:``."""
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def read_imports(nodes: list[ast.stmt], *, late: bool) -> Iterator[str]:
    """Yield the names of the modules that are imported, not counting those for types.

    Args:
        nodes: the statements of a module.
        late: also those inside functions.
    """
    for node in nodes:
        if is_for_types(node):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            # `from scrun.hot import wire` names a module, `from posix import stat` does not.
            yield from (
                f"{node.module}.{alias.name}"
                for alias in node.names
                if node.module.startswith("scrun")
                and (ROOT / node.module.replace(".", "/") / f"{alias.name}.py").exists()
            )
        elif late or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner = [child for child in ast.walk(node) if child is not node]
            yield from read_imports(
                [child for child in inner if isinstance(child, (ast.Import, ast.ImportFrom))]
                if late or not isinstance(node, ast.ClassDef)
                else node.body,
                late=late,
            )


def imports_of(path: Path, *, late: bool = True) -> set[str]:
    """Return the modules that a file imports."""
    return set(read_imports(ast.parse(path.read_text()).body, late=late))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    """DESIGN: a layer imports what is below it and itself, never what is above."""
    name = name_of(path)
    if not name:
        assert not imports_of(path)
        return
    layer = name.partition(".")[0]
    wrong = set()
    for module in imports_of(path):
        package, _, rest = module.partition(".")
        if package != "scrun" or not rest:
            continue
        target = rest.partition(".")[0]
        if layer == "hot":
            fine = target == "hot"
        elif target == "hot":
            fine = module in HOT_FOR_ALL or RANK[layer] >= HOT_FROM or module == "scrun.hot"
        elif {layer, target} == {"cli", "entry"} or layer == target:
            fine = True
        else:
            fine = RANK[target] < RANK[layer] or RANK[target] == 0
        if not fine:
            wrong.add(module)
    assert not wrong, f"scrun.{name} is below what it imports"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_libraries_stay_at_home(path: Path) -> None:
    """Only scrun/lua touches lupa, only scrun/cli click, only scrun/host ctypes and termios."""
    layer = name_of(path).partition(".")[0]
    strangers = {
        module for module in imports_of(path) if HOMES.get(module.partition(".")[0], layer) != layer
    }
    assert not strangers


def test_only_host_forks() -> None:
    """Where a process is made is one place to look for descriptors, signals and zombies."""
    forks = {"fork", "forkpty", "vfork"}
    guilty = [
        name_of(path)
        for path in SOURCES
        if not name_of(path).startswith("host")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in forks
    ]
    assert not guilty


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if name_of(p).partition(".")[0] in LIGHT], ids=name_of
)
def test_what_create_loads_is_light(path: Path) -> None:
    """At module level nothing heavy; inside a function it is a choice with a reason."""
    heavy = imports_of(path, late=False) & HEAVY
    assert not heavy - HEAVY_ALLOWED.get(name_of(path), set())


def test_create_reaches_the_anchor_without_heavy_modules() -> None:
    """What the files say is one thing, what the interpreter loads in the end another.

    So for its own process and for the anchor's.
    """
    code = (
        "import sys; before = set(sys.modules)\n"
        f"sys.path[:0] = {[str(ROOT), str(Path(lupa.__file__).parents[1])]!r}\n"
        "import scrun.entry, scrun.anchor.create, scrun.anchor.submission\n"
        "from scrun.anchor import main; main.prepare()\n"
        "print(' '.join(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not HEAVY & set(loaded)
