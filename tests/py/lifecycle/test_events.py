"""events: what a container uses, in the schema that runc prints."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.py.lifecycle.runtimes import ClusterRuntime, Runtime
from tests.py.lifecycle.test_control_step import NEEDED

NUMBER = {"type": "integer", "minimum": 0, "maximum": 2**64 - 1}
NUMBERS = {"type": "array", "items": NUMBER}


def members(required: str, **known: Any) -> dict[str, Any]:
    """Return the schema of an object that has no members but these."""
    return {
        "type": "object",
        "properties": known,
        "required": required.split(),
        "additionalProperties": False,
    }


ENTRIES = {
    "type": "array",
    "items": members("", major=NUMBER, minor=NUMBER, op={"type": "string"}, value=NUMBER),
}
MEMORY = members("limit failcnt", limit=NUMBER, usage=NUMBER, max=NUMBER, failcnt=NUMBER)
# What runc's types/events.go can write, of what makes sense for a job.
EVENT = members(
    "type id data",
    type={"const": "stats"},
    id={"type": "string"},
    data=members(
        "cpu memory pids blkio hugetlb network_interfaces",
        cpu=members(
            "usage throttling",
            usage=members("kernel user", total=NUMBER, percpu=NUMBERS, kernel=NUMBER, user=NUMBER),
            throttling=members("", periods=NUMBER, throttledPeriods=NUMBER, throttledTime=NUMBER),
        ),
        memory=members(
            "usage swap kernel kernelTCP raw",
            cache=NUMBER,
            usage=MEMORY,
            swap=MEMORY,
            kernel=MEMORY,
            kernelTCP=MEMORY,
            raw={"type": "object", "additionalProperties": NUMBER},
        ),
        pids=members("", current=NUMBER, limit=NUMBER),
        blkio=members("", ioServiceBytesRecursive=ENTRIES, ioServicedRecursive=ENTRIES),
        hugetlb={"type": "object"},
        network_interfaces={"type": ["array", "null"]},
    ),
)

OOM = '{"type":"oom","id":"web"}\n'
# Says how many were killed, as a cgroup does that the tests have none of.
COUNTING = """
local events = require 'luastd.verbs.events'
local data = events.data
function events.data(files)
  local found = data(files)
  found.memory.raw.oom_kill = io.open('{path}'):read 'n'
  return found
end
return events
"""
# srun's last word when Slurm counts such a kill, and its status whatever became of the process.
SRUN = """#!/bin/sh
/usr/bin/srun "$@"
status=$?
case "$*" in *--container*) echo 'srun: error: n1: task 0: Out Of Memory' >&2; exit 1 ;; esac
exit $status
"""


def read_event(line: str) -> dict[str, Any]:
    """Return the data of a line, once it is as runc's."""
    event: dict[str, Any] = json.loads(line)
    jsonschema.validate(event, EVENT)
    assert line.startswith('{"type":"stats","id":"web","data":{')
    data: dict[str, Any] = event["data"]
    return data


def ask(runtime: Runtime) -> dict[str, Any]:
    """Ask once."""
    answer = runtime("events", "--stats", "web")
    assert answer.returncode == 0, answer.stderr
    return read_event(answer.stdout)


def test_the_numbers_follow_what_the_container_does(runtime: Runtime) -> None:
    """Processor time grows while it computes, memory and processes are those that it has."""
    script = (
        "x=$(busybox head -c 30000000 /dev/zero | busybox tr '\\0' y); echo up; while :; do :; done"
    )
    runtime.create("web", runtime.make_bundle(script))
    assert ask(runtime)["pids"].get("current", 0) == 0  # nothing runs before start
    assert runtime("start", "web").returncode == 0
    runtime.wait_until(lambda: ask(runtime)["memory"]["usage"]["usage"] > 30_000_000, "its memory")
    began, before = time.monotonic(), ask(runtime)
    runtime.wait_until(
        lambda: (
            ask(runtime)["cpu"]["usage"]["total"] > before["cpu"]["usage"]["total"] + 300_000_000
        ),
        "0.3 s of processor time",
    )
    after, took = ask(runtime), time.monotonic() - began
    used = after["cpu"]["usage"]["total"] - before["cpu"]["usage"]["total"]
    assert used < (took + 1) * 1.2e9  # one process, nanoseconds

    def differ_s() -> float:  # they are read one after the other, while it computes
        usage = ask(runtime)["cpu"]["usage"]
        return float(abs(usage["user"] + usage["kernel"] - usage["total"])) / 1e9

    runtime.wait_until(lambda: differ_s() < 0.2, "the parts are the whole")
    assert after["pids"]["current"] == 1
    memory = after["memory"]["usage"]
    assert memory["usage"] < memory["limit"] and memory["usage"] < 200_000_000
    assert runtime("delete", "--force", "web").returncode == 0


@pytest.mark.slurm
def test_the_limit_is_the_jobs_memory(slurm: Runtime) -> None:
    bundle = slurm.make_bundle("exec sleep 100")
    bundle.edit(lambda config: config.update(annotations={"slurm.job.mem": "300M"}))
    slurm.create("web", bundle)
    assert slurm("start", "web").returncode == 0
    assert ask(slurm)["memory"]["usage"]["limit"] == 300 << 20
    assert slurm("delete", "--force", "web").returncode == 0


def test_again_and_again_until_the_end(runtime: Runtime) -> None:
    """It ends by itself, with the container."""
    runtime.run("web", "exec sleep 100")
    process = runtime.popen(
        runtime.argv("events", "--interval", "50ms", "web"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    for _ in range(3):
        read_event(process.stdout.readline().decode())
    assert runtime("kill", "web", "KILL").returncode == 0
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, b"")
    assert runtime("delete", "web").returncode == 0


def looks() -> Iterator[None]:
    """Some moments, one after the other."""
    for _ in range(10):
        time.sleep(0.05)
        yield


@pytest.mark.parametrize("interval", ["1h", "99999999999999999999h"])
def test_a_long_interval_does_not_outlive_the_container(runtime: Runtime, interval: str) -> None:
    if runtime.name == "slurm":  # a control step would bring descriptors of its own
        runtime.write_site("scrun.d/settings.lua", NEEDED)
    bundle = runtime.run("web", "exec sleep 100")
    descriptors = Path(f"/proc/{runtime.anchor_pid(int(bundle.read('pid')))}/fd")
    before = min(len(list(descriptors.iterdir())) for _ in looks())
    process = runtime.popen(
        runtime.argv("events", f"--interval={interval}", "web"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    runtime.wait_until(lambda: len(list(descriptors.iterdir())) > before, "it listens")
    assert runtime("kill", "web", "KILL").returncode == 0
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, b"")
    assert runtime("delete", "web").returncode == 0


def test_a_process_killed_for_want_of_memory(runtime: Runtime) -> None:
    """Each that is killed while somebody listens is an event, before the numbers."""
    bundle = runtime.make_bundle("exec sleep 100")
    count = bundle.outside / "kills"
    count.write_text("1")
    runtime.write_site("scrun.d/verbs/events.lua", COUNTING.format(path=f"{bundle.path}/kills"))
    runtime.create("web", bundle)
    assert runtime("start", "web").returncode == 0
    process = runtime.popen(
        runtime.argv("events", "--interval=20ms", "web"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    read_event(process.stdout.readline().decode())
    count.with_suffix(".new").write_text("3")
    count.with_suffix(".new").rename(count)  # it is read all the time
    told: list[str] = []
    while len(told) < 2:
        line = process.stdout.readline().decode()
        if line == OOM:
            told.append(line)
        else:
            assert not told, "one after the other"
            read_event(line)
    read_event(process.stdout.readline().decode())
    assert runtime("delete", "--force", "web").returncode == 0
    assert process.wait(30) == 0


@pytest.mark.slurm
def test_the_container_killed_for_want_of_memory(slurm: ClusterRuntime) -> None:
    """srun says so, for the container's stderr as well, since the status, 1, does not."""
    slurm.cluster.write_file(f"{slurm.home}/bin/srun", SRUN, owner="alice", mode=0o755)
    bundle = slurm.make_bundle("exec sleep 100")
    # One that srun can open: to another it would not speak.
    slurm.cluster.write_file(f"{bundle.path}/stderr", "", owner="alice")
    process = slurm.popen(
        slurm.argv("create", "--bundle", bundle.path, "web"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(bundle.outside / "stderr").open("wb"),
        env={"PATH": f"{slurm.home}/bin:/usr/bin:/bin"},
    )
    assert process.wait(30) == 0 and slurm("start", "web").returncode == 0
    process = slurm.popen(
        slurm.argv("events", "--interval=50ms", "web"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    read_event(process.stdout.readline().decode())
    assert slurm("kill", "web", "KILL").returncode == 0
    lines = process.communicate(timeout=30)[0].decode().splitlines(keepends=True)
    assert lines.pop() == OOM and OOM not in lines
    slurm.wait_status("web", "stopped")
    assert bundle.read("stderr") == "srun: error: n1: task 0: Out Of Memory\n"
    assert slurm("delete", "web").returncode == 0


def test_it_can_be_interrupted(runtime: Runtime) -> None:
    runtime.run("web", "exec sleep 100")
    process = runtime.popen(
        runtime.argv("events", "--interval", "20ms", "web"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"")
    assert runtime.state("web")["status"] == "running"
    assert runtime("delete", "--force", "web").returncode == 0


def test_mistakes(runtime: Runtime) -> None:
    unknown = runtime("events", "--stats", "web")
    assert unknown.returncode == 1 and "does not exist" in unknown.stderr
    runtime.run("web", "exit 0")
    for interval in ("0s", "5", "soon", "-1s"):
        done = runtime("events", f"--interval={interval}", "web")
        if "not running" not in done.stderr:  # it may have ended by now
            assert done.returncode == 1 and "is no duration" in done.stderr
    runtime.wait_status("web", "stopped")
    done = runtime("events", "--stats", "web")
    assert done.returncode == 1 and "container not running" in done.stderr
    assert runtime("delete", "web").returncode == 0
