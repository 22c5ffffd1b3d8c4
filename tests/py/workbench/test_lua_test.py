"""``scrun lua test``: what it finds, how it runs it, and its exit status."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scrun.lua import DIALECTS
from tests.py.workbench.spec_run import PASS, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    tmp_path.chmod(0o755)
    return Project(tmp_path)


def test_status_0_when_all_pass(project: Project) -> None:
    project.write("a_spec.lua", PASS)
    project.write("deep/er/b_spec.lua", PASS)
    project.write(".hidden/c_spec.lua", "error 'not looked at'")
    project.write("d.lua", "error 'no spec'")
    ended = project.run()
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("2 passed, 0 failed, 0 pending in ")


def test_status_1_and_place_of_a_failure(project: Project) -> None:
    """A failure has the line of the test, the line of the assertion, and both values."""
    project.write("a_spec.lua", "it('adds', function()\n  assert.equal(3, 4, 'sum')\nend)\n" + PASS)
    ended = project.run("a_spec.lua")
    assert ended.status == 1
    assert "FAIL a_spec.lua:1: adds\n     a_spec.lua:2: sum\n       expected 3, got 4" in ended.out
    assert "1 passed, 1 failed" in ended.out
    assert ended.outcomes == {"adds": "failure", "passes": "pass"}


def test_long_values_are_compared_by_lines(project: Project) -> None:
    project.write(
        "a_spec.lua",
        "it('x', function()\n"
        "  local a, b = {}, {}\n"
        "  for i = 1, 30 do a[i], b[i] = 'item ' .. i, 'item ' .. i end\n"
        "  b[15] = { 'other' }\n"
        "  assert.same(a, b)\nend)\n",
    )
    out = project.run().out
    assert "expected the same, different at [15]" in out
    assert '       -  "item 15"\n       +  {\n       +    "other"\n' in out
    assert "item 30" not in out


@pytest.mark.parametrize(
    "words",
    [["--nonsense"], ["absent_spec.lua"], ["--lua", "5.0"], ["--jobs", "0"], ["--filter", "%"]],
)
def test_status_2_for_usage(project: Project, words: list[str]) -> None:
    project.write("a_spec.lua", PASS)
    ended = project.run(*words)
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1
    assert ended.out == ""


def test_no_spec_is_an_error(project: Project) -> None:
    project.write("a.lua", "")
    ended = project.run()
    assert (ended.status, ended.err) == (1, "scrun: lua test: no *_spec.lua in this directory\n")


def test_nothing_left_by_filters_is_an_error(project: Project) -> None:
    project.write("a_spec.lua", PASS)
    ended = project.run("--filter", "nothing")
    assert ended.status == 1
    assert "the filters leave none of the tests" in ended.err
    project.write("a_spec.lua", "-- to do\n")
    assert "there are no tests" in project.run().err


def test_filters_and_tags(project: Project) -> None:
    project.write(
        "a_spec.lua",
        "describe('disk #slow', function()\n"
        "  it('reads', function() end)\n  it('writes #root', function() end)\nend)\n"
        "it('adds', function() end)",
    )
    assert len(project.run("--filter", "disk").cases) == 2
    assert len(project.run("--filter", "^adds", "--filter", "reads$").cases) == 2
    assert set(project.run("--filter-out", "disk").outcomes) == {"adds"}
    assert set(project.run("--tags", "root,other").outcomes) == {"disk #slow writes #root"}
    assert set(project.run("--tags", "slow", "--exclude-tags", "root").outcomes) == {
        "disk #slow reads"
    }


def test_each_file_has_a_state_of_its_own(project: Project) -> None:
    text = "it('x', function() assert.is_nil(rawget(_G, 'mine')) _G.mine = 1 string.rep = nil end)"
    project.write("a_spec.lua", text)
    project.write("b_spec.lua", text + "\nit('y', function() assert.equal(1, _G.mine) end)")
    assert project.run().status == 0


def test_dialects(project: Project) -> None:
    """``--lua`` is a matrix; by default the site's setting counts, else 5.4."""
    project.write("a_spec.lua", "it('x', function() print(jit and 'jit' or _VERSION) end)")
    ended = project.run("-v")
    assert "Lua 5.4" in ended.out
    ended = project.run("--lua", "5.1,luajit", "-v")
    assert "PASS a_spec.lua:1: x [5.1]" in ended.out
    assert "PASS a_spec.lua:1: x [luajit]" in ended.out
    assert len(project.run("--lua", "all").cases) == len(DIALECTS)
    project.write("scrun.d/settings.lua", "return { dialect = '5.2' }").chmod(0o644)
    (project.directory / "scrun.d").chmod(0o755)
    assert "Lua 5.2" in project.run("-v").out


def test_shuffle_prints_a_seed_that_repeats_it(project: Project) -> None:
    tests = "\n".join(f"it('{number:02}', function() end)" for number in range(40))
    project.write("a_spec.lua", tests)
    first = project.run("--shuffle")
    seed = first.out.rpartition("--seed ")[2].strip()
    names = [name for name, _, _ in first.cases]
    assert names != sorted(names)
    assert [name for name, _, _ in project.run("--seed", seed).cases] == names
    assert [name for name, _, _ in project.run("--seed", seed, "--lua", "5.1").cases] == names


def test_repeat(project: Project) -> None:
    project.write("a_spec.lua", PASS)
    assert len(project.run("--repeat", "3").cases) == 3


def test_results_come_in_order_from_several_processes(project: Project) -> None:
    for number in range(12):
        project.write(f"{number:02}_spec.lua", f"it('{number:02}', function() end)")
    names = [name for name, _, _ in project.run("--jobs", "4").cases]
    assert names == [f"{number:02}" for number in range(12)]


def test_output_is_shown_with_what_failed(project: Project) -> None:
    project.write("a_spec.lua", "it('x', function() print('from a') error 'boom' end)")
    project.write("b_spec.lua", "it('x', function() print('from b') io.stderr:write('e') end)")
    out = project.run().out
    assert "printed by a_spec.lua:" in out
    assert "from a" in out
    assert "from b" not in out
    out = project.run("-v").out
    assert "from b" in out
    assert "from b" in project.run("--no-capture").out


def test_specs_find_modules_beside_them_and_above(project: Project) -> None:
    """Beside the spec, above it up to the working directory, in src, and where -I says."""
    for name in ("spec/deep/one", "spec/two", "three", "src/four", "vendor/five"):
        project.write(f"{name}.lua", f"return '{name}'")
    names = "'one', 'two', 'three', 'four', 'five'"
    project.write(
        "spec/deep/a_spec.lua",
        f"it('x', function() for _, n in ipairs {{ {names} }} do require(n) end end)",
    )
    assert project.run("-I", "vendor").status == 0
    assert "module 'five' not found" in project.run().out


def test_site_modules_are_those_of_the_project(project: Project) -> None:
    """``scrun.X`` is the nearest scrun.d's, ``luastd.X`` the shipped one, as in containers."""
    project.write("sites/a/scrun.d/stage/shared.lua", "return { whose = 'a' }")
    project.write("sites/b/scrun.lua", "")
    text = "it('x', function() assert.equal({}, require('scrun.stage.shared').whose) end)"
    project.write("sites/a/spec/x_spec.lua", text.format("'a'"))
    project.write("sites/b/spec/x_spec.lua", text.format("nil"))
    for root, _, files in os.walk(project.directory):
        for name in [root, *(f"{root}/{file}" for file in files)]:
            os.chmod(name, 0o755)
    ended = project.run()
    assert ended.status == 0, ended.out
    ended = project.run(env={"SCRUN_LUA_DIR": str(project.directory / "sites/a")})
    assert [outcome for _, outcome, _ in ended.cases] == ["pass", "failure"]


def test_golden_files(project: Project) -> None:
    """--update writes them; later runs compare, and show what differs."""
    spec = "it('x', function() assert.matches_golden({ b = 1, a = { true } }, 'c') end)"
    project.write("spec/a_spec.lua", spec)
    missing = project.run()
    assert missing.status == 1
    assert "there is no spec/golden/c.json yet: --update writes it" in missing.out
    assert project.run("--update").status == 0
    text = (project.directory / "spec/golden/c.json").read_text()
    assert text == '{\n  "a": [\n    true\n  ],\n  "b": 1\n}\n'
    assert project.run("--lua", "all").status == 0
    project.write("spec/a_spec.lua", spec.replace("b = 1", "b = 2"))
    differs = project.run()
    assert differs.status == 1
    assert '-  "b": 1\n' in differs.out
    assert '+  "b": 2\n' in differs.out
    assert (project.directory / "spec/golden/c.json").read_text() == text


def test_golden_files_hold_no_temporary_paths(project: Project) -> None:
    project.write(
        "a_spec.lua", "it('x', function() assert.matches_golden(scrun.bundle().path, 'path') end)"
    )
    assert project.run("--update").status == 0
    assert (project.directory / "golden/path.txt").read_text() == "<directory>/bundle"


def test_directories_of_specs_are_removed(project: Project, tmp_path: Path) -> None:
    project.write("a_spec.lua", "it('x', function() scrun.bundle() os.exit(1) end)")
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    assert project.run(env={"TMPDIR": str(tmp)}).status == 1
    assert list(tmp.iterdir()) == []


def test_specs_for_busted_find_its_modules(project: Project) -> None:
    project.write(
        "a_spec.lua",
        "require 'busted.runner'()\n"
        "local assert, say, spy = require 'luassert', require 'say', require 'luassert.spy'\n"
        "local busted = require 'busted'\n"
        "busted.describe('a', function() busted.it('b', function()\n"
        "  assert.is_function(spy.new)\n  assert.truthy(say)\nend) end)",
    )
    assert project.run().outcomes == {"a b": "pass"}


def test_a_project_s_own_module_goes_before_ours(project: Project) -> None:
    """Its specs test what it brings, though ours has the same name."""
    project.write("src/say.lua", "return { own = ... }")
    project.write(
        "spec/a_spec.lua", "it('x', function() assert.equal('say', require('say').own) end)"
    )
    assert project.run().status == 0
