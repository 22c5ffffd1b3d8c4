"""When the control step of a container begins."""

from __future__ import annotations

import pytest

from tests.py.lifecycle.runtimes import ClusterRuntime

pytestmark = pytest.mark.slurm

WAIT = "while :; do sleep 0.05; done"


def steps(runtime: ClusterRuntime) -> list[str]:
    """Return the names of all steps of alice's jobs."""
    argv = ["squeue", "--me", "--steps", "--noheader", "--format=%j"]
    return runtime.cluster.run(argv, check=True).stdout.decode().split()


def test_it_begins_with_the_container_where_the_site_has_it_so(slurm: ClusterRuntime) -> None:
    """The setting control_step = 'start': the first signal finds it there."""
    settings = "local s = require 'luastd.settings'\ns.control_step = 'start'\nreturn s\n"
    slurm.write_site("scrun.d/settings.lua", settings)
    bundle = slurm.run("web", f"trap 'echo got; exit 9' USR1; echo up; {WAIT}")
    slurm.wait_output(bundle, "up\n")
    slurm.wait_until(lambda: "scrun-control" in steps(slurm), "the control step is there")
    assert slurm("kill", "web", "USR1").returncode == 0
    slurm.wait_status("web", "stopped")
    assert bundle.read("stdout").splitlines() == ["up", "got"]
    assert slurm("delete", "web").returncode == 0


def test_it_begins_with_the_first_signal(slurm: ClusterRuntime) -> None:
    """The default: a container that nobody signals costs no process more."""
    bundle = slurm.run("web", f"trap 'echo got; exit 9' USR1; echo up; {WAIT}")
    slurm.wait_output(bundle, "up\n")
    assert steps(slurm) and "scrun-control" not in steps(slurm)
    assert slurm("kill", "web", "USR1").returncode == 0
    slurm.wait_status("web", "stopped")
    assert bundle.read("stdout").splitlines() == ["up", "got"]
    assert slurm("delete", "web").returncode == 0
