"""The budget of the hot path: what a verb may import. A module here costs every engine call."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lupa

ROOT = Path(__file__).parents[3]
ALLOWED = {"scrun", "scrun.entry", "scrun.hot", "select", "_socket"}
LIST = """
import sys
before = set(sys.modules)
sys.path.insert(0, {root!r})
import {module}
print("\\n".join(set(sys.modules) - before))
"""
HEAVY = {
    *("json", "re", "enum", "typing", "subprocess", "ctypes", "asyncio", "pathlib", "logging"),
    *("dataclasses", "datetime", "click", "lupa", "rich", "cbor2", "signal", "os"),
}


def imported(module: str) -> set[str]:
    """Return what importing ``module`` brings into a bare interpreter."""
    code = LIST.format(module=module, root=str(ROOT))
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True
    )
    return set(run.stdout.split())


def test_a_hot_verb_imports_nothing_but_itself() -> None:
    names = imported("scrun.entry, scrun.hot.client, scrun.hot.wire, scrun.hot.remove")
    strangers = {name for name in names if not name.startswith("scrun.hot.")} - ALLOWED
    assert not strangers


def test_what_create_loads_until_a_job_is_asked_for_is_light() -> None:
    """Lua too: lupa's own wishes are half of it (`scrun.lua.engines`)."""
    modules = "scrun.anchor.create, scrun.anchor.submission, scrun.anchor.main"
    late = "scrun.cluster.commands, scrun.oci.commands"
    beside = str(Path(lupa.__file__).parents[1])
    names = imported(f"{modules}, {late}; sys.path.append({beside!r}); scrun.anchor.main.prepare()")
    assert "_cython" in " ".join(names), "Lua was loaded"
    assert not names & (HEAVY | {"_collections_abc", "collections", "stat", "posixpath"})


def test_what_create_shares_with_it_is_light() -> None:
    assert not imported("scrun.errors, scrun.log") & HEAVY
