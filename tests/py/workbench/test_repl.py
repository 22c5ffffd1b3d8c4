"""``scrun lua repl`` at a real terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pexpect
import pytest

from scrun.lua.engines import DIALECTS
from tests.py.workbench.repl_prompt import (
    CONTINUED,
    CTRL_C,
    TAB,
    UP,
    Start,
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_basics_are_there_in_every_dialect(start: Start, dialect: str) -> None:
    """Values, statements, several lines, errors and the slurm table, whatever Lua it is."""
    prompt = start("--lua", dialect)
    assert prompt.ask("1 + 1") == "2"
    assert prompt.ask('="a", nil, {2, x = "y\\n"}') == '"a"  nil  { 2, x = "y\\n" }'
    assert prompt.ask("x = 41") == ""
    prompt.child.sendline("function add(a)")
    prompt.child.expect(CONTINUED)
    prompt.child.sendline("  return a + x")
    prompt.child.expect(CONTINUED)
    assert prompt.ask("end") == ""
    assert prompt.ask("add(1)") == "42"
    assert prompt.ask("print(slurm.ERROR)") == "-1"
    assert prompt.ask('slurm.log_info("job %d", 7)') == "info: job 7"
    assert prompt.ask("slurm.allocator_command('echo out; exit 3')") == '3  "out\\n"'
    assert prompt.ask("nothing.x").startswith("repl:1: attempt to index")
    assert prompt.ask("x = = 2").startswith("repl:1: unexpected symbol near '='")
    prompt.child.sendline("print('begun') while true do end")
    prompt.child.expect("begun\r\n")
    prompt.child.send(CTRL_C)
    assert "repl:1: interrupted" in prompt.wait()
    assert prompt.ask("x") == "41"
    assert prompt.leave() == 0


def test_an_incomplete_chunk_goes_on_as_the_parser_says(start: Start) -> None:
    """A long string, a table and a comment are incomplete; a short string without its end is not.

    Line numbers are those within the chunk.
    """
    prompt = start()
    for first, last, answer in (
        ("s = [[a", "b]] return s", '"a\\nb"'),
        ("{ 1,", "2 }", "{ 1, 2 }"),
        ("--[[ not", "yet ]] 5", "5"),
        ("local y = 1 +", "nothing.x", "repl:2: attempt to index"),
    ):
        prompt.child.sendline(first)
        prompt.child.expect(CONTINUED)
        assert prompt.ask(last).startswith(answer)
    assert "unfinished string" in prompt.ask('"abc')


def test_tab_completes_names_of_the_live_state(start: Start) -> None:
    """Globals, fields of tables however deep, methods after a colon, keywords and commands."""
    prompt = start()
    prompt.ask("deep = { inner = { function_one = print, [1] = { leaf = 1 } } }")
    prompt.ask("object = setmetatable({}, { __index = { walk = print, weight = 1 } })")
    for typed, completed in (
        ("slurm.allocator_c", "slurm.allocator_command("),
        ("slurm.ESLURM_INVALID_Q", "slurm.ESLURM_INVALID_QOS"),
        ("dee", "deep"),
        ("x = deep.inner.fun", "x = deep.inner.function_one("),
        ("deep['inner'][1].le", "deep['inner'][1].leaf"),
        ("object:w", "object:walk("),
        ("_VERSION:upp", "_VERSION:upper("),
        ("repe", "repeat"),
        (":res", ":reset"),
        ("?slurm.get_q", "?slurm.get_qos_priority"),
    ):
        prompt.child.send(typed + TAB)
        prompt.child.expect_exact(completed)
        prompt.child.send(CTRL_C)
        prompt.wait()
    prompt.child.send("slurm.log_" + TAB + TAB)
    prompt.child.expect(r"log_debug\(.*log_verbose\(")


def test_completion_calls_nothing(start: Start) -> None:
    """An `__index` function of a script could do anything; a Tab must not."""
    prompt = start()
    prompt.ask("trap = setmetatable({}, { __index = function() called = true end })")
    prompt.child.send("trap.field.x" + TAB + TAB)
    prompt.child.send(CTRL_C)
    prompt.wait()
    assert prompt.ask("called") == "nil"


def test_tab_completes_the_file_to_load(start: Start, tmp_path: Path) -> None:
    (tmp_path / "my-script.lua").write_text("loaded = 'from file'\n")
    prompt = start()
    prompt.child.send(f":load {tmp_path}/my-s{TAB}")
    prompt.child.expect_exact("cript.lua")
    prompt.ask("")
    assert prompt.ask("loaded") == '"from file"'


def test_history_lasts_and_keeps_chunks_whole(start: Start, tmp_path: Path) -> None:
    """One Up in the next session brings back all lines of the chunk; only the user can read it."""
    prompt = start()
    prompt.child.sendline("function answer()")
    prompt.child.expect(CONTINUED)
    prompt.ask("return 42 end")
    assert prompt.leave() == 0
    path = tmp_path / "state" / "scrun" / "lua_history"
    assert path.stat().st_mode & 0o777 == 0o600
    again = start()
    assert again.ask("answer") == "nil"
    again.child.send(UP + UP + "\r")
    again.wait()
    assert again.ask("answer()") == "42"


def test_ctrl_c_ends_a_command_that_is_waited_for(start: Start) -> None:
    prompt = start()
    prompt.child.sendline("print('begun') slurm.allocator_command('sleep 600')")
    prompt.child.expect("begun\r\n")
    prompt.child.send(CTRL_C)
    assert "repl:1: interrupted" in prompt.wait()


def test_ctrl_c_drops_the_line_and_the_chunk(start: Start) -> None:
    prompt = start()
    prompt.child.sendline("function f(")
    prompt.child.expect(CONTINUED)
    prompt.child.send("a) retur" + CTRL_C)
    prompt.wait()
    assert prompt.ask("1") == "1"


def test_a_chunk_that_catches_its_interruption_ends_with_the_program(start: Start) -> None:
    """The third Ctrl-C does not ask the chunk."""
    prompt = start()
    prompt.child.sendline(
        "print('begun') while true do pcall(function() while true do end end) end"
    )
    prompt.child.expect("begun\r\n")
    for _ in range(3):
        prompt.child.send(CTRL_C)
        if prompt.child.expect(["does not end", pexpect.TIMEOUT], timeout=2) == 0:
            break
    prompt.child.expect(pexpect.EOF)
    prompt.child.close()
    assert prompt.child.exitstatus == 130


def test_help_on_names(start: Start) -> None:
    """The catalog's text in three spellings; a value's own facts; the nearest names."""
    prompt = start()
    for line in (
        "?slurm.log_info",
        "help(slurm.log_info)",
        ":help log_info",
        ":h slurm.log_info()",
    ):
        answer = prompt.ask(line)
        assert answer.startswith("slurm.log_info(format, ...)"), line
        assert "string.format" in answer
    assert "slurm_scrun_stage_in(" in prompt.ask("?slurm_scrun_stage_in")
    prompt.ask("mine = slurm.allocator_command")
    assert prompt.ask("?mine").startswith("slurm.allocator_command(script")
    prompt.ask("function own(a, b) end")
    assert prompt.ask("?own") == "own(a, b)\n  repl:1"
    assert prompt.ask("?slurm.lgo_info").startswith("no help on slurm.lgo_info. did you mean")
    for line in ("help", ":help", "?"):
        assert ":load" in prompt.ask(line)
    prompt.ask("function help(x) return 'mine ' .. tostring(x) end")
    assert prompt.ask("help(1)") == '"mine 1"'


def test_help_shows_the_comment_of_a_function(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "scrun.lua"
    script.write_text("--- Chooses a node.\n--- @param name string\nfunction choose(name) end\n")
    prompt = start(str(script))
    answer = prompt.ask("?choose")
    assert answer.startswith("choose(name)\n  Chooses a node.\n  @param name string\n")
    assert answer.endswith("scrun.lua:3")


def test_commands(start: Start, tmp_path: Path) -> None:
    """``:type``, ``:reset`` (with the file of the command line), ``:load`` and ``:quit``."""
    script = tmp_path / "scrun.lua"
    script.write_text("version = 1\n")
    prompt = start(str(script))
    assert prompt.ask("version") == "1"
    assert prompt.ask(":type 1, 1.5, {}, nil") == "integer, float, table, nil"
    script.write_text("version = 2\n")
    prompt.ask("other = 1")
    prompt.ask(":reset")
    assert prompt.ask("version, other") == "2  nil"
    script.write_text("version = 3\n")
    prompt.ask(":load")
    assert prompt.ask("version") == "3"
    assert "No such file" in prompt.ask(":load /nonexistent")
    assert prompt.ask(":nonsense").startswith("no command :nonsense")
    prompt.child.sendline(":q")
    prompt.child.expect(pexpect.EOF)


def test_a_broken_script_leaves_its_error_and_the_prompt(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "scrun.lua"
    script.write_text("\nerror 'no'\n")
    prompt = start(str(script))
    assert f"{script}:2: no\r\n" in prompt.greeting
    assert prompt.ask("1") == "1"


def test_traceback_with_v_has_no_frame_of_the_host(start: Start) -> None:
    prompt = start("-v")
    prompt.ask("function inner() slurm.allocator_command() end")
    prompt.ask("function outer() inner() return 1 end")
    answer = prompt.ask("outer()")
    assert answer.startswith("repl:1: a command is expected, got nil\nstack traceback:\n")
    assert "repl:1: in function 'inner'" in answer and "repl:1: in function 'outer'" in answer
    assert "[host]" not in answer and "xpcall" not in answer
    quiet = start()
    assert "\n" not in quiet.ask("slurm.allocator_command()")


def test_values_are_bounded(start: Start) -> None:
    """A table with a hundred thousand keys, one that holds itself, a string of a megabyte."""
    prompt = start()
    prompt.ask("t = {} for i = 1, 1e5 do t[i] = t end")
    answer = prompt.ask("t")
    assert "<cycle>" in answer and "... 99936 more" in answer
    assert len(answer) < 5000
    assert "1040384 bytes more" in prompt.ask("('x'):rep(1048576)")
    prompt.ask("t = {} for i = 1, 64 do t[i] = t end for i = 1, 64 do t[i] = { t[i], {}, {} } end")
    wide = "w = {} for i=1,64 do w[i] = {} for j=1,64 do w[i][j] = {} for k=1,64 do w[i][j][k]=k "
    prompt.ask(f"{wide} end end end")
    assert len(prompt.ask("w")) < 60000


def test_a_pasted_script_is_one_chunk_and_pasted_lines_are_many(start: Start) -> None:
    """With bracketed paste a terminal hands over several lines at once."""
    prompt = start(TERM="xterm")
    prompt.child.send("\x1b[200~local a = 20\rprint(a + 1)\x1b[201~\r")
    prompt.child.expect("\n21\r\n")
    prompt.wait()
    prompt.child.send("\x1b[200~b = 5\rb + 1\x1b[201~\r")
    prompt.child.expect("\n6\r\n")
    prompt.wait()


def test_colours_only_on_a_terminal_that_wants_them(start: Start) -> None:
    prompt = start(TERM="xterm", NO_COLOR="")
    prompt.child.sendline("error 'no'")
    prompt.child.expect_exact("\x1b[31mrepl:1: no\x1b[0m")
    assert "\x1b[31m" not in start(TERM="xterm").ask("error 'no'")
    assert "\x1b" not in start.pipe("error 'no'").stderr


def test_without_readline_lines_are_read_all_the_same(start: Start, tmp_path: Path) -> None:
    """Python may be built without the module."""
    (tmp_path / "readline.py").write_text("raise ImportError('none')\n")
    prompt = start(PYTHONPATH=f"{tmp_path}:{os.getcwd()}")
    assert prompt.ask("1 + 1") == "2"
    assert prompt.leave() == 0
