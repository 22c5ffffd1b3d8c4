"""Run every spec of tests/lua in every dialect of Lua that a site may choose.

Each spec file in each dialect is one item; what failed inside is listed in its failure text.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SPECS = sorted((CHECKOUT / "tests" / "lua").rglob("*_spec.lua"))
DIALECTS = ["lua51", "lua52", "lua53", "lua54", "lua55", "luajit21"]

# `luastd.X` and `scrun.X` are one module here: no site overrides anything.
LOADER = """
local checkout = ...
package.path, package.cpath = checkout .. '/?.lua', ''
table.insert(package.searchers or package.loaders, 2, function(name)
  local rest = name:match '^scrun%.(.+)$'
  if rest then
    return function()
      return require('luastd.' .. rest)
    end
  end
  return '\\n\\tno module of scrun'
end)
"""

RUNNER = """
local path = ...
local test = require 'luastd.test'
local cases, errmsg = test.collect(path)
if not cases then
  return 0, 'cannot load: ' .. tostring(errmsg)
end
local failures, count = {}, 0
for _, case in ipairs(cases) do
  local outcome, message = test.run(case)
  count = count + (outcome == 'pending' and 0 or 1)
  if outcome == 'fail' then
    failures[#failures + 1] = ('%s: %s\\n  %s'):format(case.source, case.name, tostring(message))
  end
end
return count, table.concat(failures, '\\n')
"""


def run_spec(dialect: str, spec: Path) -> tuple[int, str]:
    """Run one spec file in a fresh state: how many tests ran, and the text of failed ones."""
    # lupa may come without a dialect on a platform; that is a failure, not a skip: scrun
    # promises each of them.
    module: Any = importlib.import_module(f"lupa.{dialect}")
    lua = module.LuaRuntime(register_eval=False, unpack_returned_tuples=True)
    lua.execute(LOADER, str(CHECKOUT))
    count, failures = lua.execute(RUNNER, str(spec))
    return int(count), str(failures)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.relative_to(CHECKOUT).as_posix())
def test_spec_passes(spec: Path, dialect: str) -> None:
    """All of luastd runs in Lua 5.1 to 5.5 and LuaJIT, and does what its spec says."""
    count, failures = run_spec(dialect, spec)
    if failures:
        pytest.fail(failures, pytrace=False)
    assert count > 0, f"{spec} has no tests"


def test_there_are_specs() -> None:
    """A moved directory must not turn the suite into nothing."""
    assert SPECS


@pytest.mark.parametrize("dialect", DIALECTS)
def test_failed_spec_is_reported(dialect: str, tmp_path: Path) -> None:
    """A failing `it` is named with its line and both values."""
    spec = tmp_path / "bad_spec.lua"
    spec.write_text(
        "describe('sum', function()\n it('adds', function()\n  assert.equal(3, 4)\n end)\nend)\n"
    )
    count, failures = run_spec(dialect, spec)
    assert count == 1
    assert "sum adds" in failures
    assert "bad_spec.lua:3: expected 3, got 4" in failures


def test_broken_spec_is_reported(tmp_path: Path) -> None:
    """A spec file that does not compile fails with the compiler's words."""
    spec = tmp_path / "bad_spec.lua"
    spec.write_text("describe(\n")
    assert "cannot load" in run_spec("lua54", spec)[1]
