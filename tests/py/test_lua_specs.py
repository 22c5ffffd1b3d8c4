"""Run every `it` of tests/lua in every dialect of Lua that a site may choose, as a test each.

The specs are listed by Lua 5.4; each file then has one state per dialect, as it has under
``lua tests/lua/run.lua``.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SPECS = sorted((CHECKOUT / "tests" / "lua").rglob("*_spec.lua"))
DIALECTS = ["lua51", "lua52", "lua53", "lua54", "lua55", "luajit21"]

COLLECT = """
local test = require 'luastd.test'
local cases, errmsg = test.collect(...)
if not cases then
  return nil, errmsg
end
local names = {}
for number, case in ipairs(cases) do
  names[number] = case.name
end
local function run(number)
  local case = cases[number]
  local outcome, message = test.run(case)
  return outcome, case.source .. ': ' .. case.name .. '\\n' .. tostring(message)
end
return names, run
"""


@functools.cache
def load(dialect: str, spec: Path) -> tuple[list[str], Any]:
    """Load a spec file in a fresh state.

    Returns:
        The tests' names, and a Lua function that runs the test of a number (from 1) and returns
        outcome and message. A file that does not load gives one test, which tells why.
    """
    # lupa may come without a dialect on a platform; that is a failure, not a skip: scrun
    # promises each of them.
    module: Any = importlib.import_module(f"lupa.{dialect}")
    lua = module.LuaRuntime(register_eval=False, unpack_returned_tuples=True)
    lua.execute((CHECKOUT / "tests/lua/support/setup.lua").read_text(), str(CHECKOUT))
    names, run = lua.execute(COLLECT, str(spec))
    if names is None:
        text = f"cannot load {run}"
        return ["loads"], lambda _number: ("fail", text)
    return list(names.values()), run


def items() -> list[Any]:
    """One parameter set per spec file, `it` and dialect."""
    found = []
    for spec in SPECS:
        file = spec.relative_to(CHECKOUT / "tests" / "lua").as_posix().removesuffix("_spec.lua")
        for number, name in enumerate(load("lua54", spec)[0], start=1):
            for dialect in DIALECTS:
                found.append(pytest.param(dialect, spec, number, id=f"{dialect}-{file}-{name}"))
    return found


@pytest.mark.parametrize(("dialect", "spec", "number"), items())
def test_spec(dialect: str, spec: Path, number: int) -> None:
    """All of luastd runs in Lua 5.1 to 5.5 and LuaJIT, and does what its spec says."""
    outcome, message = load(dialect, spec)[1](number)
    if outcome == "pending":
        pytest.skip("pending")
    if outcome == "fail":
        pytest.fail(message, pytrace=False)


def test_there_are_specs() -> None:
    """A moved directory must not turn the suite into nothing."""
    assert len(items()) > 600


@pytest.mark.parametrize("dialect", DIALECTS)
def test_failed_spec_is_reported(dialect: str, tmp_path: Path) -> None:
    """A failing `it` is named with its line and both values."""
    spec = tmp_path / "bad_spec.lua"
    spec.write_text(
        "describe('sum', function()\n it('adds', function()\n  assert.equal(3, 4)\n end)\nend)\n"
    )
    names, run = load(dialect, spec)
    assert names == ["sum adds"]
    outcome, message = run(1)
    assert outcome == "fail"
    assert "sum adds" in message
    assert "bad_spec.lua:3: expected 3, got 4" in message


def test_broken_spec_is_reported(tmp_path: Path) -> None:
    """A spec file that does not compile fails with the compiler's words."""
    spec = tmp_path / "bad_spec.lua"
    spec.write_text("describe(\n")
    outcome, message = load("lua54", spec)[1](1)
    assert outcome == "fail"
    assert "bad_spec.lua:" in message
