"""``scrun lua repl`` at a real terminal, and from a pipe."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from scrun.lua.engines import DIALECTS
from scrun.workbench.repl.history import MOST_ENTRIES, History
from tests.py.cluster.base import Cluster

PROMPT, CONTINUED = "lua> ", r"\.\.\.> "
CTRL_C, CTRL_D, TAB, UP = "\x03", "\x04", "\t", "\x1b[A"
TIMEOUT_S = 20


class Prompt:
    """A session at a pty."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "scrun", "lua", "repl", *arguments],
            env=environment,
            encoding="utf-8",
            timeout=TIMEOUT_S,
            dimensions=(50, 100),
        )
        self.greeting = self.wait()

    def wait(self) -> str:
        """Wait for the prompt; return what came before it."""
        self.child.expect(PROMPT)
        return str(self.child.before)

    def ask(self, line: str) -> str:
        """Type a line; return what is answered before the next prompt."""
        self.child.sendline(line)
        answer = self.wait()
        return answer.replace("\r", "").partition("\n")[2].strip()

    def leave(self) -> int:
        """Leave by Ctrl-D; return the exit status."""
        self.child.send(CTRL_D)
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus)


class Start:
    """Starts sessions of one user, and ends them."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.prompts: list[Prompt] = []

    def __call__(self, *arguments: str, **variables: str) -> Prompt:
        """Return a session that is at its prompt."""
        prompt = Prompt(self.environment | variables, *arguments)
        self.prompts.append(prompt)
        return prompt

    def pipe(self, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run with a pipe for standard input."""
        return subprocess.run(
            [sys.executable, "-m", "scrun", "lua", "repl", *arguments],
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start sessions of a user with an empty home and an empty site."""
    site = tmp_path / "site"
    site.mkdir(mode=0o755)
    site.chmod(0o755)
    starter = Start(
        {
            **{"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd(), "HOME": str(tmp_path)},
            **{"XDG_STATE_HOME": str(tmp_path / "state"), "SCRUN_LUA_DIR": str(site)},
            **{"TERM": "vt100", "NO_COLOR": "1", "INPUTRC": "/dev/null", "PYTHONUTF8": "1"},
        }
    )
    yield starter
    for prompt in starter.prompts:
        prompt.child.close(force=True)


# -- at a terminal -------------------------------------------------------------------------------


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
        if prompt.child.expect(["does not end", pexpect.TIMEOUT], timeout=0.5) == 0:
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


# -- from a pipe ---------------------------------------------------------------------------------


def test_a_pipe_is_a_script(start: Start) -> None:
    """It is one chunk, locals and all, and shows no prompt."""
    done = start.pipe("#!/usr/bin/env lua\nlocal x = 1\nprint(x)\nio.write('end')\n")
    assert (done.stdout, done.stderr, done.returncode) == ("1\nend", "", 0)


def test_a_pipe_may_hold_what_is_typed_at_the_prompt(start: Start) -> None:
    done = start.pipe("x = 2\n=x\nfunction f()\n  return x\nend\nf()\n:type x\n")
    assert (done.stdout, done.stderr, done.returncode) == ("2\n2\ninteger\n", "", 0)


def test_nothing_of_a_pipe_runs_when_some_of_it_is_no_lua(start: Start) -> None:
    """The error names the line of the input, and the exit status tells."""
    done = start.pipe("print('ran')\n=1\nx = = 1\n")
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr.startswith("scrun: stdin:3: unexpected symbol")


def test_an_error_ends_a_pipe(start: Start) -> None:
    done = start.pipe("print('one')\nerror('two')\nprint('three')\n", "-v")
    assert (done.stdout, done.returncode) == ("one\n", 1)
    assert done.stderr.startswith("scrun: stdin:2: two\nstack traceback:\n")
    assert "[host]" not in done.stderr


def test_chunks_of_the_command_line_run_in_turn(start: Start, tmp_path: Path) -> None:
    """After FILE, in one state; standard input is left alone."""
    script = tmp_path / "first.lua"
    script.write_text("base = 40\n")
    done = start.pipe("error 'unread'", str(script), "-e", "x = base + 1", "-e", "=x + 1")
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)
    failed = start.pipe("", "-e", "f(", "-e", "print 'never'")
    assert (failed.stdout, failed.returncode) == ("", 1)
    assert re.match(r"scrun: -e:1: .*<eof>", failed.stderr)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_os_exit_leaves_with_its_status(start: Start, dialect: str) -> None:
    """At once, even where errors are caught; what was printed is there."""
    done = start.pipe("print('a') pcall(os.exit, 5)", "--lua", dialect)
    assert (done.stdout, done.stderr, done.returncode) == ("a\n", "", 5)
    assert start.pipe("os.exit(true)", "--lua", dialect).returncode == 0
    assert start.pipe("os.exit(false)", "--lua", dialect).returncode == 1


# -- backends ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dry_run_shows_commands_and_changes_nothing(
    start: Start, tmp_path: Path, dialect: str
) -> None:
    """Neither by slurm's functions nor by Lua's; a file that is written is found again."""
    file = tmp_path / "written"
    done = start.pipe(
        f"""
        slurm.allocator_command('touch {file}')
        print(slurm.remote_command('touch {file}'))
        os.execute('touch {file}')
        local f = io.open('{file}', 'w')
        f:write('text')
        f:close()
        print(io.open('{file}'):read('*a'))
        print(slurm.set_bundle_path('/new'))
        """,
        *("--dry-run", "--lua", dialect),
    )
    assert done.returncode == 0, done.stderr
    assert not file.exists()
    shown = [
        f"would run: touch {file}",
        f"would run on the nodes: touch {file}",
        f"would run: touch {file}",
    ]
    assert done.stderr.splitlines() == shown
    status, text, bundle = done.stdout.splitlines()
    assert (status, text) == ("0\t", "text")
    assert not Path(bundle).exists(), "the directory of the session goes with it"


@pytest.mark.slurm
def test_on_slurm_the_prompt_has_a_job(scrun_cluster: Cluster) -> None:
    """Commands run on its node and here with its environment; it ends when the prompt does."""
    done = scrun_cluster.run(
        [
            *(scrun_cluster.scrun, "lua", "repl", "--slurm"),
            *("-e", "slurm.remote_command('echo $SLURM_JOB_ID $SLURMD_NODENAME')"),
            *("-e", "slurm.allocator_command('squeue --noheader --jobs $SLURM_JOB_ID -o %i:%T')"),
            *("-e", "error('so')"),
        ]
    )
    assert done.returncode == 1
    assert b"-e:1: so" in done.stderr
    remote, here = done.stdout.decode().splitlines()
    found = re.match(r'0  "(\d+) n\d\\n"$', remote)
    assert found is not None
    assert here == f'0  "{found[1]}:RUNNING\\n"'
    state = scrun_cluster.run(["squeue", "--noheader", "--jobs", found[1], "-o", "%T"])
    assert b"RUNNING" not in state.stdout


def test_backends_exclude_each_other(start: Start) -> None:
    done = start.pipe("", "--dry-run", "--local")
    assert done.returncode == 1 and "exclude each other" in done.stderr


def test_ctrl_c_ends_a_script(start: Start) -> None:
    """The exit status is that of a program that SIGINT ended."""
    loop = "io.write('begun\\n') io.stdout:flush() while true do end"
    child = subprocess.Popen(
        [sys.executable, "-m", "scrun", "lua", "repl", "-e", loop],
        env=start.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None and child.stdout.readline() == "begun\n"
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=TIMEOUT_S)
    assert (child.returncode, errors) == (130, "scrun: -e:1: interrupted\n")


# -- history -------------------------------------------------------------------------------------


def test_history_survives_every_character(tmp_path: Path) -> None:
    """Line breaks and backslashes come back as they were."""
    path = tmp_path / "state" / "history"
    entries = ["a\nb", "c\\nd", "e\\", "\\\\n\n", "é\udcff"]
    history = History(path)
    assert [history.add(entry) for entry in entries] == [True] * len(entries)
    assert History(path).entries == [entry.rstrip() for entry in entries]


def test_history_is_bounded(tmp_path: Path) -> None:
    """The newest entries stay, in the file too once it holds twice as many."""
    path = tmp_path / "history"
    history = History(path)
    for number in range(MOST_ENTRIES * 2 + 1):
        history.add(f"x = {number}")
    assert history.entries[0] == f"x = {MOST_ENTRIES + 1}"
    assert History(path).entries == history.entries
    assert len(path.read_text().splitlines()) == MOST_ENTRIES
    assert path.stat().st_mode & 0o777 == 0o600


def test_history_leaves_out_repetitions_and_floods(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    assert history.add("x")
    assert not history.add("x ")
    assert not history.add(" ")
    assert not history.add("y" * 100_000)
    assert History(history.path).entries == ["x"]


def test_history_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    history = History(blocked / "history")
    assert history.add("x")
    assert history.entries == ["x"]
