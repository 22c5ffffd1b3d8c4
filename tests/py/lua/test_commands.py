"""Commands of scripts: slurm.allocator_command, slurm.remote_command, host.run, host.run_remote."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from scrun.errors import ScriptError
from scrun.lua import LocalHost
from tests.py.lua.conftest import Host, Site


@pytest.mark.parametrize("function", ["allocator_command", "remote_command"])
def test_status_and_merged_output(site: Site, function: str) -> None:
    """DESIGN 4: status and merged output; death by signal n is 128+n, where C says 0."""
    site.run(
        f"""
        local run = slurm.{function}
        local status, output, more = run('echo hi; echo ho >&2; exit 3')
        assert(status == 3 and output == 'hi\\nho\\n' and more == nil)
        assert(run('kill -9 $$') == 137)
        assert(run('kill -TERM $$') == 143)
        status, output = run('true')
        assert(status == 0 and output == '')
        status, output = run('no-such-command-here')
        assert(status == 127 and output:find 'no%-such%-command%-here')
        status, output = run(7)
        assert(status == 127)
        """
    )


def test_binary_output_survives(site: Site) -> None:
    """C cuts at the first NUL byte."""
    site.run(
        """
        local _, output = slurm.allocator_command [[printf 'a\\000\\377\\200\\nb']]
        assert(output == 'a\\0\\255\\128\\nb')
        _, output = slurm.allocator_command('cat', { stdin = output .. '\\r' })
        assert(output == 'a\\0\\255\\128\\nb\\r')
        """
    )


def test_large_output(site: Site) -> None:
    """More than a pipe holds, on both streams at once, is read while the command runs."""
    site.run(
        """
        local script = 'head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2'
        local status, output, errors = slurm.allocator_command(script, { stderr = 'apart' })
        assert(status == 0 and #output == 3000000 and #errors == 3000000)
        """
    )


def test_options(site: Site) -> None:
    site.run(
        """
        local status, output, errors =
          slurm.allocator_command('echo a; echo b >&2', { stderr = 'apart' })
        assert(status == 0 and output == 'a\\n' and errors == 'b\\n')
        status, output, errors = slurm.allocator_command('echo b >&2', { stderr = 'merged' })
        assert(output == 'b\\n' and errors == nil)
        status, output = slurm.allocator_command('cat', {})
        assert(status == 0 and output == '')
        status, output = slurm.allocator_command('echo early; exec sleep 60', { timeout = 2 })
        assert(status == 124 and output == 'early\\n')
        """
    )


@pytest.mark.parametrize("timeout", ["3e6", "1e300", "math.huge"])
@pytest.mark.parametrize("function", ["allocator_command", "remote_command"])
def test_a_timeout_of_any_length(site54: Site, function: str, timeout: str) -> None:
    """25 days and more, and math.huge for no limit."""
    site54.run(
        f"""
        local status, output = slurm.{function}('sleep 0.1; echo hi', {{ timeout = {timeout} }})
        assert(status == 0 and output == 'hi\\n')
        """
    )


def test_timeout_ends_the_whole_group(site54: Site) -> None:
    """Not the shell alone: what it started would go on for ever."""
    pid_file = site54.directory / "pid"
    site54.run(
        f"""
        local script = 'sleep 60 & echo $! > {pid_file}; wait'
        assert(slurm.allocator_command(script, {{ timeout = 2 }}) == 124)
        """
    )
    status = Path(f"/proc/{pid_file.read_text().strip()}/status")
    deadline = time.monotonic() + 60
    while status.exists() and "\nState:\tZ" not in (found := read_or_nothing(status)):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


def read_or_nothing(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it went away
        return "\nState:\tZ"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{ timeut = 1 }", "no option 'timeut'"),
        ("{ timeout = 'soon' }", "timeout cannot be 'soon'"),
        ("{ timeout = 0 }", "timeout cannot be 0"),
        ("{ timeout = -math.huge }", "timeout cannot be -inf"),
        ("{ timeout = 0/0 }", "timeout cannot be -?nan"),
        ("{ timeout = true }", "timeout cannot be True"),
        ("{ stderr = 'here' }", "stderr cannot be 'here'"),
        ("{ stdin = 5 }", "stdin cannot be 5"),
        ("{ nodes = { 'n1' } }", "no option 'nodes'"),
        ("{ 'n1' }", "options are a table with names"),
    ],
)
def test_wrong_options_are_told(site54: Site, options: str, message: str) -> None:
    """A misspelt timeout must not mean none."""
    with pytest.raises(ScriptError, match=message) as caught:
        site54.run(f"slurm.allocator_command('true', {options})")
    assert f"{site54.script}:3: slurm.allocator_command: " in str(caught.value)


def test_nul_byte_in_a_command(site: Site) -> None:
    with pytest.raises(ScriptError, match=r"scrun\.lua:3: a command cannot hold a NUL byte"):
        site.run("slurm.allocator_command('echo a\\0b')")
    site.run(
        """
        local none, message, code = require 'host'.run { 'echo', 'a\\0b' }
        assert(none == nil and code == 'EINVAL' and message:find 'NUL')
        """
    )


class Nodes(Host):
    """Notes the options of remote commands."""

    def __init__(self) -> None:
        super().__init__()
        self.options: list[dict[str, object]] = []

    def remote_command(
        self, script: bytes, options: Mapping[str, object]
    ) -> tuple[int, bytes, bytes | None]:
        self.options.append(dict(options))
        return super().remote_command(script, options)

    def run_remote(
        self, argv: list[bytes], options: Mapping[str, object]
    ) -> tuple[int, bytes, bytes | None]:
        self.options.append(dict(options))
        return super().run_remote(argv, options)


def test_nodes_reach_the_host(site54: Site) -> None:
    host = site54.host = Nodes()
    site54.run(
        """
        slurm.remote_command('true', { nodes = { 'n1', 'n2' }, timeout = 5, stdin = 'x' })
        require 'host'.run_remote({ 'true' }, { nodes = { 'n1' }, stderr = 'apart' })
        """
    )
    assert host.options == [
        {"nodes": [b"n1", b"n2"], "timeout": 5.0, "stdin": b"x"},
        {"nodes": [b"n1"], "stderr": True},
    ]


def test_host_run_takes_a_list(site: Site) -> None:
    site.run(
        """
        local host = require 'host'
        local status, output = host.run { 'printf', '%s|', 'a b', '$HOME', 1, '' }
        assert(status == 0 and output == 'a b|$HOME|1||')
        status, output = host.run { 'no-such-program' }
        assert(status == 127 and output:find 'no%-such%-program')
        local none, message, code = host.run {}
        assert(none == nil and code == 'EINVAL')
        none, message, code = host.run { 'echo', {} }
        assert(none == nil and code == 'EINVAL' and message:find 'words are')
        """
    )


def test_environment_is_the_jobs_over_a_base(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: PATH and HOME are there whatever the job has; nothing else of the caller's is."""
    monkeypatch.setenv("SCRUN_TEST_SECRET", "x")
    monkeypatch.setenv("HOME", "/home/caller")
    site.host = Host(environment=[b"SLURM_JOB_ID=7", "HOME=/home/job"])
    site.run(
        """
        local _, output = slurm.allocator_command 'echo $SLURM_JOB_ID $HOME .$SCRUN_TEST_SECRET.'
        assert(output == '7 /home/job ..\\n')
        assert(slurm.allocator_command 'command -v sh >/dev/null' == 0)
        """
    )


def test_without_an_environment_it_is_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRUN_TEST_SECRET", "x")
    assert LocalHost().allocator_command(b"echo $SCRUN_TEST_SECRET", {})[:2] == (0, b"x\n")


def test_what_is_left_in_the_background_holds_nobody_up(site54: Site) -> None:
    site54.run("assert(slurm.allocator_command('sleep 60 & echo $! > pid') == 0)")


@pytest.fixture(autouse=True)
def in_the_tests_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def nothing_stays_in_the_background(tmp_path: Path) -> object:
    yield
    pid = tmp_path / "pid"
    if pid.exists() and Path(f"/proc/{pid.read_text().strip()}").exists():
        os.kill(int(pid.read_text()), 9)
