"""``scrun lua test``: TAP, JUnit, coverage."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from scrun.lua import DIALECTS
from tests.py.workbench.spec_run import CHECKOUT, Project

SPEC = """\
it('passes', function() end)
it('fails # \\\\', function() assert.equal('<a>', '&"\\1') end)
it('errs', function() error 'boom' end)
pending('waits')
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    tmp_path.chmod(0o755)
    return Project(tmp_path)


def test_tap(project: Project) -> None:
    """TAP 13: a plan, numbers, escaped names, a YAML block for failures, TODO for pending."""
    project.write("a_spec.lua", SPEC)
    ended = project.run("--output", "tap")
    lines = ended.out.splitlines()
    assert ended.status == 1
    assert lines[:3] == [
        "TAP version 13",
        "ok 1 - a_spec.lua: passes [5.4]",
        r"not ok 2 - a_spec.lua: fails \# \\ [5.4]",
    ]
    assert lines[3:7] == [
        "  ---",
        r'  message: "expected \"<a>\", got \"&\\\"\\001\""',
        "  severity: fail",
        '  at: "a_spec.lua:2"',
    ]
    assert "not ok 4 - a_spec.lua: waits [5.4] # TODO" in lines
    assert lines[-1] == "1..4"


def test_tap_of_what_is_long_or_cannot_be_printed(project: Project) -> None:
    """Perl's parser takes no quoted text of more than 32,766 characters."""
    project.write("a_spec.lua", "it('x\\27[31m\\ny', function() error(('x'):rep(1e5)) end)")
    lines = project.run("--output", "tap").out.splitlines()
    assert lines[1] == "not ok 1 - a_spec.lua: x [31m y [5.4]"
    assert all(len(line) < 32766 for line in lines)


def test_tap_has_nothing_that_specs_print(project: Project) -> None:
    project.write("a_spec.lua", "print 'ok 7 - lie'\nit('x', function() print 'not ok 8' end)")
    assert project.run("-o", "tap").out == "TAP version 13\nok 1 - a_spec.lua: x [5.4]\n1..1\n"


def test_junit(project: Project) -> None:
    """It is well-formed whatever a spec says, and has counts, places and kinds."""
    project.write("a_spec.lua", SPEC + "print 'hello \\27[1m'")
    ended = project.run("--output", "junit")
    suites = xml.fromstring(ended.out)
    assert ended.status == 1
    assert {key: suites.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        **{"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    }
    suite = suites[0]
    assert suite.get("name") == "a_spec.lua [5.4]"
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    failed = cases["fails # \\"]
    assert (failed.get("file"), failed.get("line")) == ("a_spec.lua", "2")
    assert failed[0].tag == "failure"
    assert "a_spec.lua:2: expected" in str(failed[0].text)
    assert cases["errs"][0].tag == "error"
    assert cases["waits"][0].tag == "skipped"
    assert "hello \\x1b[1m" in str(suite.findtext("system-out"))


def test_a_report_that_cannot_be_written_is_usage(project: Project) -> None:
    project.write("a_spec.lua", SPEC)
    ended = project.run("--coverage", "nowhere/x.info")
    assert ended.status == 2
    assert "nowhere/x.info cannot be written" in ended.err


COVERED = """\
local M = {}

function M.choose(a)
  if a then
    return 'yes'
  end
  local text = 'no'
  return text
end

function M.never(list)
  for _, item in ipairs(list) do
    print(item)
  end
  return {
    a = 1,
    b = M.choose(
      true
    ),
  }
end

return M
"""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_coverage(project: Project, dialect: str) -> None:
    """Lines that ran are counted, those of functions that never ran too; in each dialect."""
    project.write("lib.lua", COVERED)
    project.write(
        "a_spec.lua",
        "local lib = require 'lib'\nit('x', function()\n"
        "  for _ = 1, 3 do coroutine.wrap(function() lib.choose(true) end)() end\nend)",
    )
    info = project.directory / "lcov.info"
    ended = project.run("--coverage", str(info), "--lua", dialect)
    assert ended.status == 0, ended.out + ended.err
    lines = info.read_text().splitlines()
    assert lines[1] == f"SF:{project.directory}/lib.lua"
    counts = {
        int(number): int(count)
        for number, count in (line[3:].split(",") for line in lines if line.startswith("DA:"))
    }
    assert {line: counts.get(line) for line in (1, 4, 5, 7, 8, 12, 13, 23)} == {
        **{1: 1, 4: 3, 5: 3, 7: 0, 8: 0, 12: 0, 13: 0, 23: 1}
    }
    assert not {2, 3, 6, 9, 10, 11, 14, 22} & set(counts)
    assert f"LH:{sum(count > 0 for count in counts.values())}" in lines
    assert "SF:" not in "".join(lines[2:])  # neither the spec nor the library
    row = next(line for line in ended.out.splitlines() if line.startswith("lib.lua"))
    assert row.endswith("  7-17")


def test_coverage_of_a_site_script(project: Project) -> None:
    """The script is in it, and nothing that is no file: its loading runs code of the host."""
    stages = "function slurm_scrun_stage_in() return 0 end\n"
    project.write("scrun.lua", stages + stages.replace("_in", "_out"))
    project.write("a_spec.lua", "it('x', function() assert(scrun.load()) end)")
    info = project.directory / "lcov.info"
    assert project.run("--coverage", str(info)).status == 0
    files = [line for line in info.read_text().splitlines() if line.startswith("SF:")]
    assert files == [f"SF:{project.directory}/scrun.lua"]


def test_coverage_is_added_up(project: Project) -> None:
    """Over files, dialects and what each process counted."""
    project.write(
        "lib.lua", "return function(a)\n  if a then\n    return 1\n  end\n  return 2\nend\n"
    )
    for name, argument in (("a", "true"), ("b", "false")):
        project.write(f"{name}_spec.lua", f"it('x', function() require 'lib'({argument}) end)")
    info = project.directory / "lcov.info"
    ended = project.run("--coverage", str(info), "--lua", "5.4,5.1")
    assert "DA:2,4\nDA:3,2\nDA:5,2\n" in info.read_text()
    assert "100 %" in ended.out


def test_loops_end_under_coverage(project: Project) -> None:
    project.write("a_spec.lua", "it('x', function() while true do end end)")
    ended = project.run("--coverage", "x.info", "--timeout", "0.2")
    assert "timed out after 0.2 s" in ended.out


def test_terminal_is_coloured_and_a_pipe_is_not(project: Project) -> None:
    """Rich shows the same words, on a terminal only."""
    import pexpect

    project.write("a_spec.lua", SPEC)
    words = ["-m", "scrun", "lua", "test"]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(CHECKOUT), "TERM": "xterm", "HOME": "/"}
    child = pexpect.spawn(
        sys.executable, words, cwd=str(project.directory), env=env, timeout=30, encoding="utf-8"
    )
    child.expect(pexpect.EOF)
    assert "\x1b[31mFAIL a_spec.lua:2" in child.before
    plain = subprocess.run(
        [sys.executable, *words], cwd=project.directory, env=env, capture_output=True, text=True
    )
    assert "\x1b" not in plain.stdout
