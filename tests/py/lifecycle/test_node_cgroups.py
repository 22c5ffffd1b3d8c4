"""What `events` makes of a step's cgroup, read from files as the kernel has them.

The test cluster has no such cgroup (its kernel offers version 1 without Slurm's accounting), so
these are written out after the kernel's cgroup-v2 and cgroup-v1 documentation.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from scrun.cluster.node_script import NODE_FUNCTIONS
from scrun.lua import SearchPath
from scrun.lua.runtime import Runtime

STEP = "system.slice/slurmstepd.scope/job_7/step_0"
V2 = {
    "cpu.stat": "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 0\n",
    "memory.current": "1048576\n",
    "memory.max": "max\n",
    "memory.peak": "2097152\n",
    "memory.stat": "anon 1000\nfile 4096\n",
    "memory.events": "low 0\noom 4\noom_kill 2\noom_group_kill 1\n",
    "pids.current": "3\n",
    "pids.max": "max\n",
    "io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n",
}
V1 = {
    "cpuacct/cpuacct.usage": "5000000\n",
    "cpuacct/cpuacct.usage_percpu": "2000000 3000000 \n",
    "cpuacct/cpuacct.stat": "user 3\nsystem 2\n",
    "memory/memory.usage_in_bytes": "1048576\n",
    "memory/memory.limit_in_bytes": "314572800\n",
    "memory/memory.max_usage_in_bytes": "2097152\n",
    "memory/memory.failcnt": "4\n",
    "memory/memory.stat": "cache 4096\ntotal_cache 8192\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
}


def measure(directory: Path, memberships: str) -> dict[str, Any]:
    """Have the node's shell read the cgroups below a directory, and policy make an event of it."""
    script = f"{NODE_FUNCTIONS}\ncgroups={directory}\necho @begin; measure_cgroup"
    told = subprocess.run(
        ["/bin/sh", "-c", script], input=memberships, capture_output=True, text=True, check=True
    ).stdout
    told += "@node\nticks 100\npage 4096\nmemory 1000\n@processes\n7 7 0 0 9 9 9 9\n"
    host = "package.loaded.host = { job_variables = function() return {} end }\n"
    script = f"{host}local events = require 'luastd.verbs.events'\n"
    script += f"local data = events.data(events.read([==[\n{told}]==])[1])\n"
    script += "return (require 'scrun.json').encode(data)"
    runtime = Runtime("5.4", search=SearchPath(None))
    data: dict[str, Any] = json.loads(
        str(runtime.to_python(runtime.execute(script.encode()), text=True))
    )
    return data


def write(directory: Path, files: dict[str, str], place: str) -> None:
    """Write files of a cgroup; with a controller before their name below that."""
    for name, text in files.items():
        controller, _, file = name.rpartition("/")
        path = directory / controller / place / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_version_2(tmp_path: Path) -> None:
    """The user's part of a step: slurmstepd itself is in another."""
    write(tmp_path, V2, f"{STEP}/user")
    data = measure(tmp_path, f"0::/{STEP}/user/task_0\n")
    assert data["cpu"]["usage"] == {"total": 5000000, "user": 3000000, "kernel": 2000000}
    assert data["memory"]["usage"] == {
        "usage": 1048576,
        "max": 2097152,
        "limit": 2**64 - 1,
        "failcnt": 0,
    }
    assert data["memory"]["raw"] == {"anon": 1000, "file": 4096, "oom_kill": 2}
    assert data["memory"]["cache"] == 4096
    assert data["pids"] == {"current": 3}
    read = {"major": 8, "minor": 0, "op": "Read", "value": 10}
    assert read in data["blkio"]["ioServiceBytesRecursive"]


def test_version_1(tmp_path: Path) -> None:
    place = "slurm_n1/uid_1000/job_7/step_0"
    write(tmp_path, V1, place)
    write(tmp_path, {"memory/memory.oom_control": "oom_kill 2\n"}, f"{place}/task_0")
    data = measure(tmp_path, f"4:memory:/{place}/task_0\n2:cpuacct:/{place}\n3:cpuset:/\n")
    assert data["cpu"]["usage"]["total"] == 5000000
    assert data["cpu"]["usage"]["percpu"] == [2000000, 3000000]
    assert data["cpu"]["usage"]["user"] == 30_000_000
    assert data["memory"]["usage"]["limit"] == 314572800
    assert (data["memory"]["cache"], data["memory"]["raw"]["oom_kill"]) == (8192, 3)
    assert data["pids"] == {"current": 9}  # no such controller: the threads of /proc


def test_a_cgroup_of_others_is_not_read(tmp_path: Path) -> None:
    """One that the container shares with the rest of the machine tells nothing of it."""
    write(tmp_path, V2, "user.slice")
    data = measure(tmp_path, "0::/user.slice\n")
    assert (data["memory"]["usage"]["usage"], data["memory"]["raw"]) == (9 * 4096, {})
    assert data["memory"]["usage"]["limit"] == 1000 * 1024
    assert data["cpu"]["usage"]["total"] == 140_000_000
