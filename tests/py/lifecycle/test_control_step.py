"""When the control step of a container begins."""

from __future__ import annotations

import time
from subprocess import DEVNULL
from typing import Any

import pytest

from tests.py.lifecycle.runtimes import ClusterRuntime

pytestmark = pytest.mark.slurm

TRAP = "trap 'echo got; exit 9' USR1; echo up; while :; do sleep 0.05; done"
NEEDED = "local s = require 'luastd.settings'\ns.control_step = 'needed'\nreturn s\n"
SETTLED_S = 1.0  # it would be there by now


def steps(runtime: ClusterRuntime) -> list[str]:
    """Return the names of all steps of alice's jobs."""
    argv = ["squeue", "--me", "--steps", "--noheader", "--format=%j"]
    return runtime.cluster.run(argv, check=True).stdout.decode().split()


def signal_it(runtime: ClusterRuntime) -> None:
    """Check that the container hears one signal, and ends by it."""
    assert runtime("kill", "web", "USR1").returncode == 0
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_it_begins_with_the_container(slurm: ClusterRuntime) -> None:
    """The default: the first signal finds it there."""
    bundle = slurm.run("web", TRAP)
    slurm.wait_output(bundle, "up\n")
    slurm.wait_until(lambda: "scrun-control" in steps(slurm), "the control step is there")
    signal_it(slurm)
    assert bundle.read("stdout").splitlines() == ["up", "got"]


def test_the_first_signal_does_not_wait_for_it(slurm: ClusterRuntime) -> None:
    """It comes before the control step would, which then begins for it."""
    bundle = slurm.run("web", TRAP)
    slurm.wait_output(bundle, "up\n")
    signal_it(slurm)
    assert bundle.read("stdout").splitlines() == ["up", "got"]


def test_it_begins_with_the_first_signal_where_the_site_has_it_so(slurm: ClusterRuntime) -> None:
    """The setting control_step = 'needed': who is not signalled costs no process more."""
    slurm.write_site("scrun.d/settings.lua", NEEDED)
    bundle = slurm.run("web", TRAP)
    slurm.wait_output(bundle, "up\n")
    time.sleep(SETTLED_S)
    assert steps(slurm) and "scrun-control" not in steps(slurm)
    signal_it(slurm)
    assert bundle.read("stdout").splitlines() == ["up", "got"]


def test_none_begins_when_the_container_has_ended(slurm: ClusterRuntime) -> None:
    """It would have begun while the files come back, had it not ended before."""
    slow = "os.execute('sleep 1') return 0"
    stages = {"in": "return 0", "out": slow}
    texts = [f"function slurm_scrun_stage_{name}() {body} end" for name, body in stages.items()]
    slurm.write_site("scrun.lua", "\n".join(texts))
    messages = f"{slurm.home}/messages"
    bundle = slurm.make_bundle("echo up")
    argv = slurm.argv("--debug", "--log", messages, "create", "--bundle", bundle.path, "web")
    silent: dict[str, Any] = {"stdin": DEVNULL, "stdout": DEVNULL, "stderr": DEVNULL}
    assert slurm.popen(argv, **silent).wait(60) == 0
    assert slurm("start", "web").returncode == 0
    slurm.wait_status("web", "stopped")
    logged = slurm.outside(messages).read_text()
    _, ended, after = logged.partition("ended with status 0")
    assert ended and "control step: run" not in after
    assert slurm("delete", "web").returncode == 0
