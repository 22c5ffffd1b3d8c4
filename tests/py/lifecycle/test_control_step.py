"""When the control step of a container begins."""

from __future__ import annotations

import time
from subprocess import DEVNULL
from typing import Any

import pytest

from tests.py.lifecycle.runtimes import ClusterRuntime
from tests.py.lifecycle.test_crash import alive

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


def test_a_short_container_has_none(slurm: ClusterRuntime) -> None:
    """It ended before the control step would have begun: none is begun for its job's end."""
    messages = f"{slurm.home}/messages"
    bundle = slurm.make_bundle("echo up")
    argv = slurm.argv("--debug", "--log", messages, "create", "--bundle", bundle.path, "web")
    silent: dict[str, Any] = {"stdin": DEVNULL, "stdout": DEVNULL, "stderr": DEVNULL}
    assert slurm.popen(argv, **silent).wait(60) == 0
    anchor = slurm.anchor_pid(slurm.state("web")["pid"])
    assert slurm("start", "web").returncode == 0
    slurm.wait_status("web", "stopped")
    slurm.wait_until(lambda: not alive(anchor), "nobody is there to begin one")
    logged = slurm.outside(messages).read_text()
    assert "run srun" in logged and "control step" not in logged
    assert slurm("delete", "web").returncode == 0
