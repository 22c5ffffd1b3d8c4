"""update: what can be changed is, what cannot is refused by its name."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.py.lifecycle.runtimes import Bundle, ClusterRuntime, Runtime

SUBMITTED = {"memory": {"limit": 67108864}, "pids": {"limit": 2048}, "cpu": {"shares": 512}}


@pytest.fixture
def web(runtime: Runtime) -> Iterator[Bundle]:
    """A running container, submitted with limits."""
    bundle = runtime.make_bundle("exec sleep 100")
    bundle.edit(lambda config: config["linux"].update(resources=SUBMITTED))
    runtime.create("web", bundle)
    assert runtime("start", "web").returncode == 0
    yield bundle
    assert runtime("delete", "--force", "web").returncode == 0


def update(runtime: Runtime, resources: Any) -> subprocess.CompletedProcess[str]:
    """Call update as docker does: the resources come on stdin."""
    process = runtime.popen(
        runtime.argv("update", "--resources=-", "web"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    text = resources if isinstance(resources, str) else json.dumps(resources)
    out, err = process.communicate(text.encode(), timeout=60)
    return subprocess.CompletedProcess([], process.returncode, out.decode(), err.decode())


def has_cgroup(runtime: Runtime) -> bool:
    """Tell whether limits can be changed: by runc as root, for the others they are the job's."""
    answer = runtime("events", "--stats", "web")
    return runtime.name == "local" and json.loads(answer.stdout)["data"]["memory"]["raw"] != {}


def test_what_is_so_already_is_no_change(runtime: Runtime, web: Bundle) -> None:
    """Engines send empty members, no limits, and what they had asked for before."""
    empty = {"memory": {"limit": 0}, "cpu": {"quota": 0, "period": 0, "cpus": "", "mems": ""}}
    for resources in ({}, empty, {"blockIO": {"weight": 0}}, {"devices": [{"allow": False}]}):
        done = update(runtime, resources)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), resources
    for resources in (SUBMITTED, SUBMITTED | {"pids": {"limit": -1}}):
        done = update(runtime, resources)
        assert (done.returncode, done.stderr) == (0, ""), resources


def test_limits(runtime: Runtime, web: Bundle) -> None:
    """The runtime's own cgroup gets them, or each is refused with a reason, in one line."""
    wanted = {"memory": {"limit": 50 << 20}, "pids": {"limit": 77}, "cpu": {"quota": 150000}}
    done = update(runtime, wanted)
    if has_cgroup(runtime):
        assert (done.returncode, done.stderr) == (0, "")
        data = json.loads(runtime("events", "--stats", "web").stdout)["data"]
        assert data["memory"]["usage"]["limit"] == 50 << 20
        assert data["pids"]["limit"] == 77
        return
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    for name in ("memory.limit: ", "pids.limit: ", "cpu.quota: "):
        assert name in done.stderr
    reason = "Slurm does not change it" if runtime.name == "slurm" else "no cgroup"
    assert reason in done.stderr


def test_options_are_the_files_members(runtime: Runtime, web: Bundle) -> None:
    """Of crun and runc, with sizes as people write them."""
    done = runtime("update", "--memory", "64m", "--pids-limit", "2048", "--cpu-share=512", "web")
    assert (done.returncode, done.stderr) == (0, "")  # as submitted
    done = runtime("update", "--memory", "1g", "--cpuset-cpus", "0", "web")
    if not has_cgroup(runtime):
        assert done.returncode == 1
        assert "memory.limit: " in done.stderr and "cpu.cpus: " in done.stderr


def test_podman_gives_a_file(runtime: Runtime, web: Bundle) -> None:
    (web.outside / "resources").write_text(json.dumps(SUBMITTED))
    (web.outside / "resources").chmod(0o644)
    done = runtime("update", f"--resources={web.path}/resources", "web")
    assert (done.returncode, done.stderr) == (0, "")


def test_mistakes(runtime: Runtime, web: Bundle) -> None:
    for resources, reason in (("{", "--resources"), ("[]", ""), ("7", "expected an object")):
        done = update(runtime, resources)
        assert reason in done.stderr
        assert (done.returncode == 1) == bool(reason)
    for call, reason in (
        (["update", "--memory", "much", "web"], '--memory: "much" is no number'),
        (["update", "--resources", f"{web.path}/nowhere", "web"], "No such file"),
        (["update", "nobody"], "does not exist"),
    ):
        done = runtime(*call)
        assert done.returncode == 1
        assert reason.lower() in done.stderr.lower() and done.stderr.count("\n") == 1


@pytest.mark.slurm
def test_the_jobs_time_can_be_shortened(slurm: ClusterRuntime) -> None:
    """Which is all that Slurm lets a user change of a running job; its refusal is told."""
    slurm.run("web", "exec sleep 100")

    def limit() -> str:
        done = slurm.cluster.run(["squeue", "--me", "--noheader", "--format=%l"])
        return done.stdout.decode().strip()

    done = slurm("update", "--time", "20", "web")
    assert (done.returncode, done.stderr, limit()) == (0, "", "20:00")
    done = slurm("update", "--time", "40", "web")
    assert done.returncode == 1 and "time: Slurm lets a user only shorten it" in done.stderr
    done = slurm("update", "--time=10", "--memory=1g", "web")  # all or nothing
    assert done.returncode == 1 and "memory.limit" in done.stderr and limit() == "20:00"
    assert slurm("delete", "--force", "web").returncode == 0


@pytest.mark.slurm
def test_what_the_job_has_may_be_asked_for(slurm: Runtime) -> None:
    """Its memory and its processors are its container's limits."""
    bundle = slurm.make_bundle("exec sleep 100")
    wanted = {"slurm.job.mem": "300M", "slurm.job.cpus-per-task": "2"}
    bundle.edit(lambda config: config.update(annotations=wanted))
    slurm.create("web", bundle)
    assert slurm("start", "web").returncode == 0
    done = update(
        slurm, {"memory": {"limit": 300 << 20}, "cpu": {"quota": 400000, "period": 200000}}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert slurm("update", "--cpu-quota=300000", "web").returncode == 1
    assert slurm("delete", "--force", "web").returncode == 0
