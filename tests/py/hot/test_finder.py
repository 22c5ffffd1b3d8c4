"""Our own finder answers as Python's does, or leaves it to that."""

from __future__ import annotations

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scrun.hot import finder

ROOT = Path(__file__).parents[3]
# What the launcher runs, and then what is asked of it.
START = """
import sys
sys.path.insert(0, sys.argv[1])
from scrun.hot.finder import Finder, install
install()
import scrun.oci.ids, scrun.anchor
ours = [m for m in (scrun.oci, scrun.oci.ids, scrun.anchor) if m.__loader__ is Finder]
print(len(ours))
print(scrun.oci.ids.__file__)
print(scrun.oci.ids.check_container_id.__code__.co_filename)
print(scrun.oci.__path__, scrun.oci.__file__, scrun.oci.__spec__.parent, scrun.oci.ids.__package__)
print(scrun.oci.ids.__doc__.splitlines()[0])
"""
LOADED = 3


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the package, compiled where it is."""
    shutil.copytree(
        ROOT / "scrun", tmp_path / "scrun", ignore=shutil.ignore_patterns("__pycache__")
    )
    assert compileall.compile_dir(tmp_path / "scrun", quiet=1)
    return tmp_path


def start(site: Path) -> list[str]:
    """Return the lines that a bare interpreter prints."""
    argv = [sys.executable, "-I", "-S", "-B", "-c", START, str(site)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def compiled(source: Path) -> Path:
    """Return where the compiled file of a source is."""
    return source.parent / "__pycache__" / f"{source.stem}{finder.SUFFIX}"


def test_modules_and_packages_are_found(site: Path) -> None:
    ids, oci = site / "scrun/oci/ids.py", site / "scrun/oci"
    loaded, file, code_file, package, _ = start(site)
    assert int(loaded) == LOADED
    assert file == code_file == str(ids)
    assert package == f"['{oci}'] {oci}/__init__.py scrun.oci scrun.oci"


def test_a_tree_that_was_moved_knows_where_it_is(site: Path) -> None:
    """A package manager compiles in one place and installs in another."""
    moved = site / "elsewhere"
    moved.mkdir()
    shutil.move(site / "scrun", moved)
    loaded, file, code_file, *_ = start(moved)
    assert int(loaded) == LOADED
    assert file == code_file == f"{moved}/scrun/oci/ids.py"


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_changed_source_counts(site: Path, change: str) -> None:
    source = site / "scrun/oci/ids.py"
    text = source.read_text()
    first = text.splitlines()[0].strip('"')
    before = source.stat()
    if change == "size":
        source.write_text(text.replace(first, "Longer than it was: " + first))
        os.utime(source, (before.st_atime, before.st_mtime))
    else:
        source.write_text(text.replace(first, first.swapcase()))
        os.utime(source, (before.st_atime, before.st_mtime + 10))
    loaded, *_, told = start(site)
    assert int(loaded) == LOADED - 1
    assert told.strip('"') in ("Longer than it was: " + first, first.swapcase())


@pytest.mark.parametrize("what", ["gone", "another Python's", "empty", "by hash", "source gone"])
def test_a_compiled_file_that_does_not_do(site: Path, what: str) -> None:
    source = site / "scrun/oci/ids.py"
    file = compiled(source)
    if what == "gone":
        file.unlink()
    elif what == "another Python's":
        file.write_bytes(bytes(4) + file.read_bytes()[4:])
    elif what == "empty":
        file.write_bytes(b"")
    elif what == "by hash":
        mode = py_compile.PycInvalidationMode.CHECKED_HASH
        py_compile.compile(str(source), doraise=True, invalidation_mode=mode)
    else:
        shutil.copy(source, site / "kept")
        source.unlink()
        with pytest.raises(subprocess.CalledProcessError):
            start(site)
        shutil.copy(site / "kept", source)
    loaded, *_, told = start(site)
    assert int(loaded) == LOADED - 1
    assert told in source.read_text()


def test_the_names_of_others_are_not_ours() -> None:
    for name in (
        "os",
        "scrun",
        "scrunner",
        "scrunner.oci",
        "lupa",
        "scrun.nothing",
        "scrun.oci.no",
    ):
        assert finder.Finder.find_spec(name) is None


def test_no_module_is_too_large_for_it(site: Path) -> None:
    sizes = {path: path.stat().st_size for path in (site / "scrun").rglob(f"*{finder.SUFFIX}")}
    assert max(sizes.values()) < finder.MOST_BYTES
