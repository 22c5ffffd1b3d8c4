"""ps: for programs the process they watch, for people the processes on the node."""

from __future__ import annotations

import json

import pytest

from tests.py.lifecycle.runtimes import Runtime
from tests.py.lifecycle.test_pause import share_processes


def test_json_has_the_process_that_engines_watch(runtime: Runtime) -> None:
    """containerd forgets a container for which this fails or is empty (engine's restart)."""
    bundle = runtime.make_bundle("echo up; exec sleep 100")
    pid = runtime.create("web", bundle)
    for options in (["--format", "json"], ["--format=json"], ["-f", "json"]):
        answer = runtime("ps", *options, "web")
        assert (answer.returncode, json.loads(answer.stdout)) == (0, [pid])
    assert runtime("ps", "web").stdout == "PID\n"  # nothing runs before start
    assert runtime("start", "web").returncode == 0
    assert json.loads(runtime("ps", "--format", "json", "web").stdout) == [pid]
    assert runtime("kill", "web", "KILL").returncode == 0
    runtime.wait_status("web", "stopped")
    assert json.loads(runtime("ps", "--format", "json", "web").stdout) == []
    assert runtime("ps", "web").stdout == "PID\n"
    assert runtime("delete", "web").returncode == 0
    unknown = runtime("ps", "--format", "json", "web")
    assert unknown.returncode == 1 and unknown.stdout == ""


@pytest.mark.parametrize("processes", ["own", "shared"])
def test_the_table_has_its_processes_and_no_others(runtime: Runtime, processes: str) -> None:
    """With the options of ps(1) that are given, as runc's; a child counts, the runtime not."""
    bundle = runtime.make_bundle("(sleep 4001; true) & echo up; sleep 4002; true")
    if processes == "shared":
        share_processes(bundle)
    runtime.create("web", bundle)
    assert runtime("start", "web").returncode == 0
    runtime.wait_output(bundle, "up")

    def commands() -> list[str]:
        table = runtime("ps", "web", "-eo", "pid,args").stdout.splitlines()
        return sorted(line.strip().partition(" ")[2] for line in table[1:])

    runtime.wait_until(
        lambda: len(commands()) == 4 and commands()[2:] == ["sleep 4001", "sleep 4002"],
        "its four processes",
    )
    shells = commands()[:2]
    assert all("sleep 4002" in command for command in shells)
    full = runtime("ps", "web").stdout.splitlines()  # as ps -ef
    assert full[0].split()[:3] == ["UID", "PID", "PPID"] and len(full) == 5
    assert runtime("delete", "--force", "web").returncode == 0


def test_mistakes(runtime: Runtime) -> None:
    runtime.run("web", "exec sleep 100")
    for call, reason in (
        (["ps", "--format", "xml", "web"], "neither table nor json"),
        (["ps", "web", "--nope"], "unknown"),
        (["ps", "web", "-eo", "args"], "no column PID"),
    ):
        done = runtime(*call)
        assert done.returncode == 1 and reason in done.stderr, done
        assert done.stdout == "" and done.stderr.count("\n") == 1
    assert runtime("delete", "--force", "web").returncode == 0
