"""Which files are checked, as what, and what is no script at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scrun.errors import HostError, UsageError
from scrun.workbench.check import Finding, Options, check_files, check_source
from scrun.workbench.check.files import MAX_BYTES, find_files, guess_type, is_verb
from scrun.workbench.check.parse import parse
from scrun.workbench.check.scope import resolve
from scrun.workbench.check.source import Source

CHECKOUT = Path(__file__).parents[3]
MANUAL = CHECKOUT / "tests" / "data" / "manual-example-scrun.lua"
MANUAL_FINDINGS = [
    *((1, "json-round-trip"), (19, "log-format"), (22, "nil-argument"), (24, "ignored-status")),
    *((38, "log-format"), (42, "shell-quote"), (46, "log-format"), (97, "constant-condition")),
    *((104, "constant-condition"), (138, "shell-quote"), (138, "shell-quote")),
    *((157, "job-env-index"), (179, "log-format"), (183, "log-format")),
    *((186, "global-variable"), (186, "global-variable"), (186, "shell-quote")),
    *((186, "shell-quote"), (193, "ignored-status"), (193, "shell-quote")),
]


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def check(*paths: Path | str, **options: object) -> list[Finding]:
    named = [str(path) for path in paths]
    return list(check_files(named, Options(**options)))  # type: ignore[arg-type]


def rules(*paths: Path | str, **options: object) -> set[str]:
    return {finding.rule for finding in check(*paths, **options)}


def test_the_manuals_example_has_its_traps() -> None:
    """Each was looked at: none is false, and none is an error."""
    found = check(MANUAL)
    assert [(one.place.line, one.rule) for one in found] == MANUAL_FINDINGS
    assert not [one for one in found if one.severity == "error"]


def test_the_manuals_example_in_lua_51() -> None:
    """There %s takes no nil, which orig_root_path may be."""
    found = {(one.place.line, one.rule) for one in check(MANUAL, dialect="5.1")}
    assert (180, "format-nil") in found


@pytest.mark.parametrize("directory", ["luastd", "examples", "scrun/workbench/starter"])
def test_our_own_lua_is_without_errors(directory: str) -> None:
    """No false one, and no true one."""
    assert not [one for one in check(CHECKOUT / directory) if one.severity == "error"]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("scrun.lua", "", "scrun"),
        ("job_submit.lua", "", "job_submit"),
        ("job_submit.lua.erb", "", "job_submit"),
        ("job_submit.gpu.lua", "", "job_submit"),
        ("cli_filter.lua", "", "cli_filter"),
        ("burst_buffer.lua", "", "burst_buffer"),
        ("job_submit_utils.lua", "local M = {} return M", "module"),
        ("site/scrun.d/verbs/kill.lua", "", "module"),
        ("any_spec.lua", "", "spec"),
        ("other.lua", "function slurm_job_submit() end", "job_submit"),
        ("other.lua", "function slurm_cli_pre_submit() end", "cli_filter"),
        ("other.lua", "return { a = 1 }", "module"),
        ("other.lua", "return slurm.SUCCESS", "scrun"),
        ("other.lua", "print(1)", "scrun"),
    ],
)
def test_types_are_guessed(path: str, text: str, expected: str) -> None:
    """By the name, the place, what is defined, and what is returned; scrun at last."""
    tree = parse(Source(text.encode(), path))
    assert guess_type(path, tree, resolve(tree.root)) == expected


def test_verbs_run_in_the_anchors_lua(tmp_path: Path) -> None:
    """Which is 5.4, whatever the site's scrun.lua is written for."""
    text = "local M <const> = {}\nreturn M\n"
    verb = write(tmp_path / "scrun.d" / "verbs" / "kill.lua", text)
    other = write(tmp_path / "scrun.d" / "stage" / "mine.lua", text)
    assert is_verb(str(verb)) and not is_verb(str(other))
    assert not rules(verb, site_dialect="5.1")
    assert "syntax" in rules(other, site_dialect="5.1")
    assert "syntax" in rules(verb, dialect="5.1")


def test_modules_need_no_entry_functions_but_return_something(tmp_path: Path) -> None:
    """A module of scrun.d is known by its place."""
    module = write(tmp_path / "scrun.d" / "verbs" / "kill.lua", "local M = {}\n")
    assert rules(module) == {"module-return"}
    write(module, "local kill = require 'luastd.verbs.kill'\nkill.x = slurm\nreturn kill\n")
    assert not rules(module)


def test_modules_of_the_site_are_found(tmp_path: Path) -> None:
    """In scrun.d and beside scrun.lua; what they make global is known."""
    script = write(tmp_path / "scrun.lua", "require 'own'\nlocal x = require 'scrun.lists'\n")
    script.write_text(script.read_text() + "helper(x)\ndofile('/elsewhere/more.lua')\nmore()\n")
    write(tmp_path / "scrun.d" / "lists.lua", "return {}")
    write(tmp_path / "own.lua", "require 'deeper'\nreturn true")
    write(tmp_path / "deeper.lua", "function helper() end")
    write(tmp_path / "more.lua", "function more() end")
    assert not rules(script) & {"undefined-global", "unknown-module"}
    (tmp_path / "scrun.d" / "lists.lua").unlink()
    assert "unknown-module" in rules(script)


def test_a_json_of_the_sites_own_is_told_apart(tmp_path: Path) -> None:
    """Ours keeps empty objects; one that the site brings may not."""
    text = "local json = require 'json'\nprint(json.encode(json.decode('{}')))\n"
    script = write(tmp_path / "scrun.lua", text)
    before = [one.severity for one in check(script) if one.rule == "json-round-trip"]
    write(tmp_path / "json.lua", "return {}")
    after = [one.severity for one in check(script) if one.rule == "json-round-trip"]
    assert (before, after) == (["note"], ["warning"])


def test_directories_are_searched_for_lua(tmp_path: Path) -> None:
    """All *.lua in them, in order, none of .git; a file that is named may be called anything."""
    for name in ("b.lua", "a/z.lua", "a/x.txt", ".git/y.lua", "c.lua.erb"):
        write(tmp_path / name, "")
    found = [os.path.relpath(path, tmp_path) for path, _ in find_files([str(tmp_path)])]
    assert found == ["b.lua", "a/z.lua"]
    assert list(find_files([str(tmp_path / "c.lua.erb")])) == [(str(tmp_path / "c.lua.erb"), True)]


def test_files_of_a_directory_need_not_be_whole(tmp_path: Path) -> None:
    """A helper without entry functions is no script; scrun.lua is, wherever it is found."""
    helper = write(tmp_path / "helper.lua", "print(1)")
    assert "missing-entry" not in rules(tmp_path)
    assert "missing-entry" in rules(helper)
    write(tmp_path / "scrun.lua", "print(1)")
    assert "missing-entry" in rules(tmp_path)


def test_types_for_editors_are_left_alone(tmp_path: Path) -> None:
    """A ---@meta file is never loaded: its syntax counts, and nothing else."""
    assert not rules(write(tmp_path / "x.lua", "---@meta\nfunction slurm_scrun_stage_in(a) end"))
    assert rules(write(tmp_path / "x.lua", "---@meta\nfunction")) == {"syntax"}


def test_a_missing_file_is_a_mistake_of_the_caller() -> None:
    """Said before anything is checked."""
    with pytest.raises(UsageError, match="no such file"):
        check(MANUAL, "/nonexistent/x.lua")


def test_a_file_that_cannot_be_read_is_named() -> None:
    """With the reason of the operating system; nobody can read this one from its beginning."""
    with pytest.raises(HostError, match="/proc/self/mem: input/output error"):
        check("/proc/self/mem")


def test_a_huge_file_is_refused_in_one_line(tmp_path: Path) -> None:
    """Without being read to its end: a sparse file of 100 GB, /dev/zero."""
    path = tmp_path / "scrun.lua"
    with open(path, "wb") as file:
        file.truncate(100 << 30)
    (one,) = check(path)
    assert one.rule == "unreadable" and str(MAX_BYTES >> 20) in one.message
    (one,) = check("/dev/zero")
    assert one.rule == "unreadable"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xff\xfe\x00x",
        b"\x1bLua\x54\x00",
        b"\x7fELF" + bytes(range(256)) * 40,
        b"return '\xe9'",
        b"-- \xe9\xff\nreturn 1",
        b"\xef\xbb\xbfreturn 1",
        b"#!/bin/lua\nreturn 1",
        b"#",
        b"x = 1\r\nlocal y = 'a\\\r\nb'\r\n",
        b"x" * 100_000,
        b"x = " + b"a.." * 20_000 + b"b",
        b"x = " + b"1+" * 50_000 + b"1",
        b"f(" * 190 + b")" * 190,
        b"return " + b"{" * 180 + b"}" * 180,
        b"do " * 150 + b"end " * 150,
        b"local a" + b"\nlocal a" * 190,
    ],
    ids=lambda data: repr(data[:16]),
)
def test_any_bytes_get_an_answer(data: bytes) -> None:
    """Findings, never an exception."""
    for dialect in ("5.1", "5.4", "luajit"):
        for finding in check_source(data, "scrun.lua", Options(dialect=dialect)):
            assert finding.place.line >= 1 and finding.place.column >= 1


def test_a_compiled_chunk_says_so() -> None:
    """As the host itself would refuse it."""
    (one,) = check_source(b"\x1bLua\x54\x00", "scrun.lua")
    assert one.rule == "syntax" and "compiled" in one.message
