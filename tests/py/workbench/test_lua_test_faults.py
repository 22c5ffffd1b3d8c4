"""``scrun lua test``: whatever a spec does, it is reported with file and line and fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from scrun.lua import DIALECTS
from tests.py.workbench.spec_run import CHECKOUT, PASS, Ended, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def check(ended: Ended, *parts: str) -> None:
    """Check that the run failed, said so in a line with these parts, and did the other file."""
    assert ended.status == 1
    for part in parts:
        assert part in ended.out
    assert ended.outcomes["passes"] == "pass"


def wait_until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    """Wait for a condition, up to a deadline."""
    deadline = monotonic() + timeout_s
    while not condition():
        assert monotonic() < deadline
        sleep(0.02)


@pytest.fixture
def with_another(project: Project) -> Project:
    """Return a project with one good spec, which must run whatever the others do."""
    project.write("z_spec.lua", PASS)
    return project


def test_syntax_error(with_another: Project) -> None:
    with_another.write("a_spec.lua", "it('x', function()\nend\n")
    check(with_another.run(), "ERR  a_spec.lua:1: (loading)\n     a_spec.lua:3: ")


def test_error_at_the_top(with_another: Project) -> None:
    with_another.write("a_spec.lua", PASS + "\nerror 'boom'\n")
    check(with_another.run(), "(loading)\n     a_spec.lua:3: boom")


def test_unreadable_file(with_another: Project) -> None:
    (with_another.directory / "a_spec.lua").symlink_to("nowhere")
    check(with_another.run(), "(loading)", "No such file")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_endless_loop(with_another: Project, dialect: str) -> None:
    """It is ended where it loops, and the next test runs."""
    with_another.write(
        "a_spec.lua", "it('loops', function()\n  while true do end\nend)\nit('next', print)"
    )
    ended = with_another.run("--timeout", "0.2", "--lua", dialect)
    check(ended, "a_spec.lua:1: loops\n     a_spec.lua:2: timed out after 0.2 s")
    assert ended.outcomes["next"] == "pass"


def test_endless_loop_at_the_top(with_another: Project) -> None:
    with_another.write("a_spec.lua", "\nwhile true do end\n")
    check(with_another.run("--timeout", "0.2"), "a_spec.lua:2: timed out after 0.2 s")


def test_endless_loop_that_catches_errors(with_another: Project) -> None:
    """What swallows the error of the time-out is killed."""
    with_another.write(
        "a_spec.lua",
        "local function busy() for _ = 1, 1e9 do end end\n"
        "it('x', function() while true do pcall(busy) end end)",
    )
    began = monotonic()
    check(with_another.run("--timeout", "0.2"), "a_spec.lua:2: x\n     timed out after 0.2 s, in")
    assert monotonic() - began < 20


def test_swallowed_timeout_is_a_failure(with_another: Project) -> None:
    with_another.write(
        "a_spec.lua", "it('x', function() pcall(function() while true do end end) end)"
    )
    check(with_another.run("--timeout", "0.2"), "x\n     timed out after 0.2 s")


def test_wait_in_a_command(with_another: Project) -> None:
    """A call that nothing interrupts is killed with what it started."""
    with_another.write("a_spec.lua", "it('x', function() os.execute('sleep 1000') end)")
    check(with_another.run("--timeout", "0.2"), "timed out after 0.2 s, in what cannot be")


@pytest.mark.parametrize("call", ["os.exit()", "os.exit(0)", "pcall(os.exit, true)"])
def test_os_exit(with_another: Project, call: str) -> None:
    """It would end the run as if all was well."""
    with_another.write("a_spec.lua", f"it('x', function()\n  {call}\nend)\nit('y', print)")
    ended = with_another.run()
    check(ended, "a_spec.lua:1: x", "os.exit(", " was called")
    assert ended.outcomes["y"] == "pass"


def test_os_exit_may_be_stubbed(project: Project) -> None:
    project.write(
        "a_spec.lua",
        "it('x', function()\n  stub(os, 'exit')\n  os.exit(3)\n"
        "  assert.stub(os.exit).was.called_with(3)\nend)",
    )
    assert project.run().status == 0


def test_end_of_the_process(with_another: Project) -> None:
    """Whatever ends it, the test that ran is named and the rest of the file is not forgotten."""
    with_another.write(
        "a_spec.lua",
        "it('before', function() end)\n"
        "it('dies', function() os.execute('kill -SEGV $PPID') end)\nit('after', function() end)\n",
    )
    ended = with_another.run()
    check(ended, "a_spec.lua:2: dies", "signal 11 (Segmentation fault)", "did not run")
    assert ended.outcomes["before"] == "pass"


def test_crash_of_a_c_library(with_another: Project) -> None:
    with_another.write(
        "a_spec.lua",
        "local ffi = require 'ffi'\nit('x', function() ffi.cast('int *', 0)[0] = 1 end)",
    )
    check(with_another.run("--lua", "luajit"), "a_spec.lua:2: x", "signal 11")


def test_deep_recursion(with_another: Project) -> None:
    with_another.write(
        "a_spec.lua", "local function f() return 1 + f() end\nit('x', f)\nit('y', print)"
    )
    ended = with_another.run()
    check(ended, "a_spec.lua:2: x\n     a_spec.lua:1: stack overflow")
    assert ended.outcomes["y"] == "pass"


def test_errors_of_any_kind(with_another: Project) -> None:
    with_another.write(
        "a_spec.lua",
        "it('table', function() error { code = 7 } end)\n"
        "it('nil', function() error() end)\n"
        "it('bytes', function() error('\\255\\0<') end)\n",
    )
    ended = with_another.run()
    check(ended, "{ code = 7 }", "\\xff")
    assert [ended.outcomes[name] for name in ("table", "nil", "bytes")] == ["error"] * 3


def test_long_texts_are_cut(with_another: Project) -> None:
    with_another.write("a_spec.lua", "it('x', function() assert.equal('', ('x'):rep(1e8)) end)")
    ended = with_another.run()
    check(ended, "(100000002 bytes)")
    assert len(ended.out) < 5000


def test_traceback_has_no_host_frames(with_another: Project) -> None:
    with_another.write(
        "a_spec.lua",
        "local function inner()\n  error 'boom'\nend\nit('x', function()\n  inner()\nend)\n",
    )
    ended = with_another.run("-v")
    check(ended, "a_spec.lua:2: in ", "a_spec.lua:5: in ")
    assert "luastd" not in ended.out
    assert "[host]" not in ended.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_end_before_its_time(project: Project, number: signal.Signals) -> None:
    """A signal to the run ends all that specs have started; the next run finds nothing."""
    begun, files = project.directory / "begun", project.directory / "files"
    files.mkdir()
    project.write(
        "a_spec.lua", f"it('x', function() os.execute('echo $$ >{begun}; sleep 999') end)"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "scrun", "lua", "test"],
        cwd=project.directory,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "TMPDIR": str(files)},
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_until(lambda: begun.exists() and begun.read_text() != "")
    process.send_signal(number)
    killed = number == signal.SIGKILL
    assert process.wait(timeout=60) == (-number if killed else 128 + number)
    shell = Path("/proc") / begun.read_text().strip()
    wait_until(lambda: not shell.exists())
    if killed:
        project.write("a_spec.lua", PASS)
        assert project.run(env={"TMPDIR": str(files)}).status == 0
    assert list(files.iterdir()) == []
