"""A job that Slurm or its owner ends under a container."""

from __future__ import annotations

import subprocess

import pytest

from tests.py.engines.engine import IMAGE, STUBBORN, TRAPS
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

KILLED = (137, 143)  # 128 + SIGKILL, SIGTERM


@pytest.mark.parametrize("script", [TRAPS, STUBBORN], ids=["has traps", "ignores TERM"])
def test_scancel_ends_a_container(podman: Podman, script: str) -> None:
    """Podman sees a container that was killed, whatever its process thinks of signals."""
    container_id = podman.run_detached(script, "--name", "web")
    podman.wait_for_log("web", b"up\n")
    job_id = podman.job(container_id).job_id
    podman.cluster.run(["scancel", str(job_id)], check=True)
    assert podman.wait("web") in KILLED
    assert podman.state("web")["Status"] == "exited"
    assert podman.cluster.completed_job(job_id)["JobState"] == "CANCELLED"
    podman.text("rm", "web")


def test_scancel_ends_a_run_in_the_foreground(podman: Podman) -> None:
    """Podman returns by itself, and what the process wrote before is there."""
    process = podman.popen(
        *("run", "--rm", "--name", "web", IMAGE, "sh", "-c", STUBBORN),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout and process.stdout.readline() == b"up\n"
    job = podman.job(podman.inspect("web")["Id"])
    podman.cluster.run(["scancel", str(job.job_id)], check=True)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode in KILLED
    assert b"CANCELLED" in stderr  # slurmstepd's own words, on the step's stderr


def test_a_container_whose_job_ended_before_its_start_is_stopped(podman: Podman) -> None:
    """Start is refused with the reason, nothing has run, and the container can be removed."""
    container_id = podman.text("create", "--name", "web", IMAGE, "sh", "-c", "echo ran")
    podman.text("init", "web")
    job_id = podman.job(container_id).job_id
    podman.cluster.run(["scancel", str(job_id)], check=True)
    pid = podman.state("web")["Pid"]
    podman.cluster.wait_until(
        lambda: pid not in [process.pid for process in podman.cluster.processes()],
        timeout_s=60,
        what="the anchor has ended",
    )
    done = podman("start", "web")
    assert done.returncode == 125
    assert f'cannot start container "{container_id}": it is stopped'.encode() in done.stderr
    assert podman.logs("web") == b""
    podman.text("rm", "web")
