"""``scrun lua check``: output, exit statuses, comments, a terminal's colours."""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from scrun.cli.main import main
from scrun.workbench.check import RULES, Options, check_source
from tests.py.waiting import least_s
from tests.py.workbench.check_cases import FOUND
from tests.py.workbench.test_check_files import MANUAL

BAD = "local a = 1\nslurm.log_inof(a)\n"
WARN = "local s = slurm.remote_command('id'); if s then print(1) end\n"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file m.lua, in the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "m.lua"


def run(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["lua", "check", *words])
    out, err = capfd.readouterr()
    return status, out, err


def test_text_is_a_line_and_an_advice(capfd: pytest.CaptureFixture[str], script: Path) -> None:
    """``file:line:column: severity: message [rule]``, as editors read it."""
    script.write_text(BAD)
    status, out, err = run(capfd, "--type", "module", "m.lua")
    assert (status, err) == (1, "")
    line, advice = out.splitlines()
    assert line == "m.lua:2:1: error: unknown name slurm.log_inof [unknown-slurm]"
    assert advice == "    Is slurm.log_info meant?"


@pytest.mark.parametrize(
    ("text", "options", "status"),
    [
        ("return 1", (), 0),
        (BAD, (), 1),
        (BAD, ("--fail-on", "never"), 0),
        (WARN, (), 0),
        (WARN, ("--fail-on", "warning"), 1),
        ("function helper() end", ("--fail-on", "warning"), 0),
        ("x = = 1", (), 1),
    ],
)
def test_exit_status(
    capfd: pytest.CaptureFixture[str],
    script: Path,
    text: str,
    options: tuple[str, ...],
    status: int,
) -> None:
    """0 clean, 1 with findings of that severity; notes never count."""
    script.write_text(text)
    assert run(capfd, "--type", "module", *options, "m.lua")[0] == status


@pytest.mark.parametrize(
    "words",
    [(), ("--type", "mod", "x"), ("--lua", "6", "x"), ("--nonsense",), ("nonexistent.lua",)],
)
def test_a_wrong_call_is_status_2(
    capfd: pytest.CaptureFixture[str], script: Path, words: tuple[str, ...]
) -> None:
    """In one line, nothing on stdout."""
    status, out, err = run(capfd, *words)
    assert (status, out) == (2, "") and err.count("\n") == 1 and err.startswith("scrun: lua check")


def test_help_is_no_mistake(capfd: pytest.CaptureFixture[str]) -> None:
    """Nor is the list of rules."""
    assert run(capfd, "--help")[0] == 0
    status, out, _ = run(capfd, "--list-rules")
    assert status == 0 and [line.split()[0] for line in out.splitlines()] == sorted(RULES)


def test_standard_input(
    capfd: pytest.CaptureFixture[str], script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``-``; it has a name of its own in messages."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    status, out, _ = run(capfd, "--type", "module", "-")
    assert status == 1 and out.startswith("<stdin>:2:1: ")


def test_json(capfd: pytest.CaptureFixture[str], script: Path) -> None:
    """An object with all of each finding; an empty list when there is none."""
    script.write_text(BAD)
    _, out, _ = run(capfd, "--type", "module", "--format", "json", "m.lua")
    (one,) = json.loads(out)["findings"]
    assert one == {
        **{"file": "m.lua", "line": 2, "column": 1, "end_line": 2, "end_column": 15},
        **{"severity": "error", "rule": "unknown-slurm"},
        **{"message": "unknown name slurm.log_inof", "advice": "Is slurm.log_info meant?"},
    }
    script.write_text("return 1")
    status, out, _ = run(capfd, "--type", "module", "--format", "json", "m.lua")
    assert (status, json.loads(out)) == (0, {"findings": []})


def check_sarif(log: dict[str, Any]) -> None:
    """Assert what SARIF 2.1.0 requires of the properties that are used (sections 3.13 to 3.38)."""
    assert log["version"] == "2.1.0" and isinstance(log["$schema"], str)
    for one in log["runs"]:
        driver = one["tool"]["driver"]
        assert isinstance(driver["name"], str)
        rules = driver["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules)
        for rule in rules:
            assert rule["shortDescription"]["text"] and rule["help"]["text"]
            assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
        assert one["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
        for result in one["results"]:
            assert result["message"]["text"] and result["level"] in ("error", "warning", "note")
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            for location in result["locations"]:
                physical = location["physicalLocation"]
                assert " " not in physical["artifactLocation"]["uri"]
                region = physical["region"]
                assert all(isinstance(value, int) and value >= 1 for value in region.values())
                assert region["endLine"] >= region["startLine"]


def test_sarif(capfd: pytest.CaptureFixture[str], script: Path) -> None:
    """Valid, with every rule described and every finding placed; also with none."""
    name = "a file.lua"
    script.with_name(name).write_text(MANUAL.read_text())
    _, out, _ = run(capfd, "--format", "sarif", name)
    log = json.loads(out)
    check_sarif(log)
    assert len(log["runs"][0]["results"]) > 10
    script.write_text("return 1")
    _, out, _ = run(capfd, "--type", "module", "--format", "sarif", "m.lua")
    check_sarif(json.loads(out))
    assert json.loads(out)["runs"][0]["results"] == []


def test_sarif_has_every_kind_of_finding() -> None:
    """Syntax errors, files too long and rules of comments, too."""
    from scrun.workbench.check import format_sarif

    for _, text, options in FOUND:
        found = check_source(text.encode(), "scrun.lua", Options(**options))  # type: ignore[arg-type]
        check_sarif(json.loads(format_sarif(found, RULES, "1")))


def rules_of(text: str) -> set[str]:
    found = check_source(text.encode(), "m.lua", Options(script_type="module"))
    return {finding.rule for finding in found}


@pytest.mark.parametrize(
    "text",
    [
        "print(x) -- scrun: ignore undefined-global",
        "print(x) -- scrun: ignore shell-quote, undefined-global -- for a reason",
        "print(x) -- scrun: ignore",
        "-- scrun: ignore undefined-global\nprint(x)",
        "--[[ scrun: ignore undefined-global ]]\nprint(x)",
        "print(y)\n-- scrun: ignore-file undefined-global\nprint(x)",
        "print(x) -- luacheck: ignore",
        "print(x) -- luacheck: ignore 113/x",
        "-- luacheck: ignore 113\nprint(x)\nprint(x)",
        "-- luacheck: globals x y\nprint(x)",
        "-- luacheck: read globals x.y z\nprint(x)",
    ],
)
def test_comments_silence(text: str) -> None:
    """On their line, alone for the next one, or for the file."""
    assert not rules_of(text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("print(x) -- scrun: ignore shell-quote", "undefined-global"),
        ("-- scrun: ignore undefined-global\nprint(1)\nprint(x)", "undefined-global"),
        ("print(x) -- luacheck: ignore 212", "undefined-global"),
        ("print('-- scrun: ignore')\nprint(x)", "undefined-global"),
        ("print(1) -- scrun: ignore shel-quote", "unknown-rule"),
    ],
)
def test_comments_silence_no_more_than_they_say(text: str, rule: str) -> None:
    """Another rule, another line; a rule that there is not is named."""
    assert rule in rules_of(text)


def test_the_sites_dialect_is_the_default(
    capfd: pytest.CaptureFixture[str], script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From scrun.d/settings.lua; --lua goes before it."""
    settings = script.parent / "scrun.d" / "settings.lua"
    settings.parent.mkdir(mode=0o755)
    settings.write_text("local s = require 'luastd.settings'\ns.dialect = '5.1'\nreturn s\n")
    for path in (script.parent, settings.parent):
        path.chmod(0o755)
    settings.chmod(0o644)
    monkeypatch.setenv("SCRUN_LUA_DIR", str(script.parent))
    script.write_text("return 7 // 2")
    assert "Lua 5.1" in run(capfd, "m.lua")[1]
    assert "syntax" not in run(capfd, "--lua", "5.3", "m.lua")[1]


def test_globals_of_the_site(capfd: pytest.CaptureFixture[str], script: Path) -> None:
    """``--globals a,b`` and again."""
    script.write_text("print(a, b, c)")
    options = ("--type", "module", "--globals", "a,b", "--globals", "c")
    assert run(capfd, *options, "m.lua")[:2] == (0, "")


def measure_cpu_s(path: Path) -> float:
    """Return the processor time of the check of a file, the least of three."""
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        argv = [sys.executable, "-m", "scrun", "lua", "check", str(path)]
        subprocess.run(argv, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


def test_a_file_of_500_lines_takes_little_more_than_the_start(tmp_path: Path) -> None:
    """The whole program takes 0.2 s; a slow machine takes longer for either file."""
    text = "\n".join(MANUAL.read_text().splitlines()[:-1])
    path = tmp_path / "scrun.lua"
    path.write_text("\n".join(f"do {text}\nend" for _ in range(3)))
    assert len(path.read_text().splitlines()) > 500
    short = tmp_path / "short.lua"
    short.write_text("return 1\n")
    assert measure_cpu_s(path) < 4 * measure_cpu_s(short)


def test_a_terminal_gets_colours_and_a_sum(script: Path) -> None:
    """And nobody else: escapes in a log help no one."""
    script.write_text(BAD)
    command = [sys.executable, "-m", "scrun", "lua", "check", "--type", "module", str(script)]
    child = pexpect.spawn(command[0], command[1:], encoding="utf-8", timeout=30)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    assert "\x1b[" in child.before and "1 error\r\n" in child.before
    plain = subprocess.run(command, capture_output=True, text=True)
    assert "\x1b[" not in plain.stdout and "1 error\n" not in plain.stdout


def test_the_dialect_of_the_files_own_site(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As `lua run` and `lua test` take it: scrun.d/settings.lua beside the script."""
    (tmp_path / "scrun.d").mkdir(mode=0o755)
    settings = "local s = require 'luastd.settings'\ns.dialect = '5.1'\nreturn s\n"
    (tmp_path / "scrun.d" / "settings.lua").write_text(settings)
    (tmp_path / "scrun.d" / "settings.lua").chmod(0o644)
    tmp_path.chmod(0o755)
    script = tmp_path / "scrun.lua"
    script.write_text(
        "function slurm_scrun_stage_in() return 1 // 2 end\n"
        "function slurm_scrun_stage_out() return 0 end\n"
    )
    assert "(Lua 5.1) [syntax]" in run(capfd, str(script))[1]


def test_what_is_no_text_is_told_at_once(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """By Lua; the parser of the rules would look for sense in it for half a minute."""
    (tmp_path / "a.lua").write_bytes(bytes(range(256)) * 10_000)

    def check() -> None:
        status, out, _ = run(capfd, str(tmp_path / "a.lua"))
        assert status == 1 and out.count("[syntax]") == 1

    assert least_s(check, 5) < 5


def test_what_is_nested_too_deeply(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Lua's own parser overflows, and says so to whoever handles errors around it."""
    path = tmp_path / "a.lua"
    path.write_text(f"return {'(' * 5000}1{')' * 5000}")
    status, out, _ = run(capfd, "--type", "module", str(path))
    assert status == 1 and out.startswith(f"{path}:1:1: error: C stack overflow (Lua 5.4) [syntax]")
