"""``scrun lua repl`` from a pipe and by ``-e``, and where its commands go."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scrun.lua.engines import DIALECTS
from tests.py.cluster.base import Cluster
from tests.py.workbench.repl_prompt import (
    TIMEOUT_S,
    Start,
)


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
