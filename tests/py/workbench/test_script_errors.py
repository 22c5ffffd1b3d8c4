"""Every error a script can make ends in one line with the script's file and line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scrun.lua.engines import DIALECTS
from tests.py.workbench.run_script import Runner

CHECKOUT = Path(__file__).resolve().parents[3]
LONGEST_LINE = 3000  # characters that one line of an error may have

# What the body of stage_in is, and how the line goes on after "scrun.lua:".
MISTAKES = {
    "runtime": ("local x = nil\nreturn x.y", "3: attempt to index"),
    "nil call": ("slurm.no_such_function()", "2: attempt to call"),
    "arithmetic": ("return {} + 1", "2: attempt to perform arithmetic"),
    "error with text": ("error('no disk')", "2: no disk"),
    "error with table": ("error({ message = 'no disk' })", "2: no disk"),
    "error with a bare table": ("error({})", "2: (error object is a table value)"),
    "error with nil": ("error(nil)", "2: "),
    "error in a coroutine": (
        "local c = coroutine.wrap(function()\nerror('in there')\nend)\nc()",
        "5: {script}:3: in there",  # Lua names who resumed it as well
    ),
    "assert": ("assert(io.open('/nonexistent/x'))", "2: /nonexistent/x: No such file"),
    "wrong type to a command": (
        "slurm.allocator_command({})",
        "2: a command is expected, got table",
    ),
    "nothing to a command": ("slurm.remote_command()", "2: a command is expected, got nil"),
    "wrong option": (
        "slurm.allocator_command('true', { timeout = 'soon' })",
        "2: slurm.allocator_command: timeout cannot be 'soon'",
    ),
    "NUL in a command": ("slurm.allocator_command('a\\0b')", "2: a command cannot hold a NUL"),
    "wrong format": ("slurm.log_info('%d', 'x')", "2: bad argument"),
    "broken JSON": ("slurm.from_json('{')", "2: Conversion from application/json failed"),
    "no JSON": ("slurm.to_json(print)", "2: Conversion to application/json failed"),
    "missing module": ("require 'lunajson'", "2: module 'lunajson' not found"),
    "os.exit": ("os.exit(3)", "2: os.exit would end scrun itself"),
    "100 MB in an error": ("error(string.rep('x', 100000000))", "2: xxxxxx"),
    "deep recursion": ("local function f() return 1 + f() end\nf()", "2: stack overflow"),
    "recursion through metatables": (
        "local t = setmetatable({}, { __index = function(t, k) return t[k] end })\nreturn t.x",
        "2: ",
    ),
    "wrong type to io": ("io.open({})", "2: bad argument #1 to 'open'"),
    "wrong type to os.remove": ("os.remove({})", "2: bad argument #1 to 'remove'"),
    "wrong mode of popen": ("io.popen('true', 'x')", "2: bad argument #2 to 'popen'"),
    "missing file": ("for _ in io.lines('/nonexistent/x') do end", "2: /nonexistent/x: No such"),
    "deep data": (
        "local t = {} for i = 1, 1000 do t = { t } end\nslurm.to_json(t)",
        "3: Conversion to application/json failed",
    ),
}


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def runner(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Runner:
    tmp_path.chmod(0o755)
    return Runner(tmp_path, capfd)


def only_line(stderr: str) -> str:
    """Return the one line that stderr must be."""
    assert stderr.count("\n") == 1 and stderr.endswith("\n"), stderr[:2000]
    assert len(stderr) < LONGEST_LINE
    return stderr.rstrip("\n")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_function(runner: Runner, dialect: str, mistake: str) -> None:
    """One line, with file and line, and not 0; no name of a host's file."""
    body, expected = MISTAKES[mistake]
    script = runner.write_stages(body)
    expected = expected.replace("{script}", str(script))
    done = runner("stage_in", "--lua", dialect)
    line = only_line(done.err)
    assert done.status == 1
    assert line.startswith(f"scrun: {script}:{expected}"), line
    assert "[host]" not in line and ".py" not in line
    told = next(line for line in done.out.splitlines() if line.startswith("podman shows"))
    assert f"create lua-run: stage in: {script}:{expected[:30]}" in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local x = = 1", ":1: unexpected symbol"),
        ("x = 1\nif x then\n", ":"),
        ("local x\nreturn x.y", ":2: attempt to index"),
        ("return 7", ": returned 7 on load"),
        ("-- nothing", ": required function(s) not present"),
        ("os.exit(0)", ":1: os.exit would end scrun"),
        ("\x1bLua", ": is a compiled chunk"),
    ],
)
def test_a_mistake_in_the_chunk(runner: Runner, dialect: str, text: str, expected: str) -> None:
    """It is found before anything is asked of a cluster."""
    script = runner.write(text)
    done = runner("--lua", dialect)
    assert done.status == 1
    assert only_line(done.err).startswith(f"scrun: {script}{expected}")


@pytest.mark.parametrize("result", ["slurm.ERROR", "1", "'1'"])
def test_a_function_that_refuses(runner: Runner, dialect: str, result: str) -> None:
    """A number that is not zero, or its text, is a refusal."""
    script = runner.write_stages(f"do return {result} end")
    done = runner("--lua", dialect)
    assert done.status == 1
    assert only_line(done.err).startswith(f"scrun: {script}: slurm_scrun_stage_in returned ")


@pytest.mark.parametrize(
    "loop",
    [
        "while true do end",
        "while true do pcall(error) end",
        "coroutine.wrap(function() while true do end end)()",
        "while true do slurm.allocator_command('true') end",
    ],
)
def test_an_endless_loop(runner: Runner, dialect: str, loop: str) -> None:
    """``--timeout`` ends it, and says where it was."""
    script = runner.write_stages(loop)
    done = runner("stage_in", "--lua", dialect, "--timeout", "0.3")
    assert done.status == 1
    assert only_line(done.err) == f"scrun: {script}:2: took longer than 0.3 s (--timeout)"


def test_an_endless_loop_of_the_chunk(runner: Runner, dialect: str) -> None:
    script = runner.write("\nwhile true do end")
    done = runner("--lua", dialect, "--timeout", "0.3")
    assert only_line(done.err) == f"scrun: {script}:2: took longer than 0.3 s (--timeout)"


def test_an_endless_command(runner: Runner) -> None:
    """The command ends as well."""
    script = runner.write_stages("slurm.allocator_command('sleep 600')")
    done = runner("stage_in", "--local", "--timeout", "0.3")
    assert only_line(done.err) == f"scrun: {script}:2: took longer than 0.3 s (--timeout)"


def test_a_loop_that_catches_everything(runner: Runner) -> None:
    """It cannot go on for ever by that."""
    script = runner.write_stages(
        "local n = 0\nwhile n < 2 do\npcall(function() while true do end end)\nn = n + 1 end"
    )
    done = runner("stage_in", "--timeout", "0.2")
    assert done.status == 1
    assert only_line(done.err).startswith(f"scrun: {script}:")


def test_a_c_function_that_cannot_be_interrupted(tmp_path: Path) -> None:
    """The program ends nevertheless, and leaves nothing. One of its own: a thread is lost."""
    script = tmp_path / "scrun.lua"
    script.write_text(
        "function slurm_scrun_stage_in()\n"
        "string.find(string.rep('a', 100000), string.rep('a*', 50) .. 'b')\n"
        "end\nfunction slurm_scrun_stage_out() end\n"
    )
    work = tmp_path / "work"
    work.mkdir()
    argv = [sys.executable, "-m", "scrun", "lua", "run", str(script), "--timeout", "0.2"]
    done = subprocess.run(
        [*argv, "--work-dir", str(work)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert only_line(done.stderr) == (
        f"scrun: {script}: stage_in: took longer than 0.2 s (--timeout); "
        "it is in a C function that cannot be interrupted"
    )
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    "body", ["return string.rep('x', 200000000)", "local t = {} for i = 1, 1e9 do t[i] = {} end"]
)
def test_too_much_memory(runner: Runner, dialect: str, body: str) -> None:
    """``--memory`` ends it, and says who set the limit."""
    script = runner.write_stages(f"do {body} end")
    done = runner("stage_in", "--lua", dialect, "--memory", "16M")
    line = only_line(done.err)
    assert done.status == 1
    where = "" if dialect == "luajit" else ":2"  # it has nothing left to tell it by
    assert line.startswith(f"scrun: {script}{where}: not enough memory")
    assert "--memory" in line and "lua_memory_bytes" not in line


def test_100_mb_are_no_error(runner: Runner, dialect: str) -> None:
    """They pass as a message, through JSON and as a file; what is shown of them is short."""
    runner.write_stages(
        "local s = string.rep('x', 100000000)\n"
        "slurm.log_info(s)\n"
        "local f = io.open(bundle .. '/big', 'w') f:write(s) f:close()\n"
        "local n = select(2, slurm.allocator_command('wc -c < ' .. bundle .. '/big'))\n"
        "slurm.log_info('read ' .. n .. #slurm.from_json(slurm.to_json(s)))"
    )
    done = runner("stage_in", "--lua", dialect, "--local")
    assert (done.status, done.err) == (0, "")
    assert "read 100000000" in done.out and len(done.out) < 20_000


def test_a_command_that_is_too_long(runner: Runner, dialect: str) -> None:
    """The kernel takes 128 KiB: status 127, as a command that cannot be run has it."""
    runner.write_stages(
        "local status, text = slurm.allocator_command(string.rep('x', 100000000))\n"
        "slurm.log_info(status .. ' ' .. text)"
    )
    done = runner("stage_in", "--lua", dialect, "--local")
    assert (done.status, done.err) == (0, "")
    assert "lua: 127 run /bin/sh: argument list too long" in done.out and len(done.out) < 20_000


def test_printing_spoils_nothing(runner: Runner, dialect: str) -> None:
    """Standard output is the container's in a real run: it is shown, with its place."""
    script = runner.write_stages(
        "print('one', 2)\nio.write('three\\n')\nio.stdout:write('four\\n')"
    )
    done = runner.json("stage_in", "--lua", dialect)
    (printed,) = done.events("printed")
    assert printed["text"] == "one\t2\nthree\nfour\n"
    assert printed["place"] == f"{script}:2"


def test_verbose_adds_a_traceback(runner: Runner, dialect: str) -> None:
    """It has the script's functions, and no frame of the host."""
    script = runner.write_stages(
        "inner()",
        before="local function deepest() error('no disk') end "
        "function inner() deepest() return 1 end ",
    )
    done = runner("stage_in", "--lua", dialect, "-v")
    *traceback, last = done.err.splitlines()
    assert last == f"scrun: {script}:1: no disk"
    assert traceback[0] == "stack traceback:"
    frames = [line.strip() for line in traceback[1:]]
    assert [frame for frame in frames if frame.startswith(f"{script}:2:")], frames
    assert not [frame for frame in frames if "[host]" in frame or ".py" in frame]
    assert all(frame.startswith((f"{script}:", "[C]:", "(...")) for frame in frames), frames


def test_an_error_that_is_caught_is_none(runner: Runner, dialect: str) -> None:
    runner.write_stages("local ok = pcall(error, {}) slurm.log_info(tostring(ok))")
    assert runner.json("--lua", dialect).logged() == ["false"]


def test_stage_out_fails(runner: Runner, dialect: str) -> None:
    """The container has run by then: what its user sees is another line."""
    script = runner.write_stages("", "error('lost')")
    done = runner("--lua", dialect)
    assert only_line(done.err) == f"scrun: {script}:5: lost"
    assert f"podman shows  scrun: stage out lua-run: {script}:5: lost" in done.out
