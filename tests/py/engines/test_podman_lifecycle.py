"""Containers that podman starts, watches, signals, stops and starts again."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.py.engines.engine import IMAGE, STUBBORN, TRAPS, only_line
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm


def test_the_pid_is_our_anchor(podman: Podman) -> None:
    """What podman watches is the process that holds the job, a child of its own conmon."""
    container_id = podman.run_detached(TRAPS, "--name", "web")
    state = podman.state("web")
    path = f"/run/user/{podman.uid}/scrun/{container_id}/state.json"
    document = json.loads(podman.cluster.root_path(path).read_text())
    assert (document["pid"], document["status"]) == (state["Pid"], "running")
    parent = podman.cluster.run(["ps", "-o", "ppid=", "-p", str(state["Pid"])]).stdout
    assert int(parent) == state["ConmonPid"]
    podman.text("rm", "-f", "web")


@pytest.mark.engine_command("podman", "stop")
def test_a_process_that_ignores_term_is_killed_after_the_timeout(podman: Podman) -> None:
    """``stop`` sends KILL when the time is over; podman says so, and so does the status."""
    podman.run_detached(STUBBORN, "--name", "web")
    podman.wait_for_log("web", b"up\n")
    done = podman("stop", "-t", "1", "web")
    assert (done.returncode, done.stdout) == (0, b"web\n")
    assert "resorting to SIGKILL" in only_line(done.stderr)
    assert podman.wait("web") == 137
    podman.text("rm", "web")


@pytest.mark.engine_command("podman", "start")
def test_a_stopped_container_starts_again_in_a_new_job(podman: Podman) -> None:
    """The same container, another job; both are accounted for."""
    script = "echo $SLURM_JOB_ID; exit 3"
    podman("run", "--name", "web", IMAGE, "sh", "-c", script)
    done = podman("start", "--attach", "web")
    assert done.returncode == 3
    first, second = (int(line) for line in podman.logs("web").split())
    assert first != second and int(done.stdout) == second
    for job_id in (first, second):
        assert podman.cluster.completed_job(job_id)["ExitCode"] == "3:0"
    podman.text("rm", "web")


@pytest.mark.engine_command("podman", "create")
@pytest.mark.engine_command("podman", "start")
def test_create_runs_nothing_and_start_does(podman: Podman) -> None:
    """``podman init`` is the runtime's create: there is a job, and no process before start."""
    script = "echo ran > /root/ran; echo out; exit 6"
    container_id = podman.text("create", "--name", "web", IMAGE, "sh", "-c", script)
    podman.text("init", "web")
    assert podman.state("web")["Status"] == "initialized"
    job = podman.job(container_id)
    assert job.state == "RUNNING"
    steps = podman.cluster.run(["squeue", "-h", "-s", "-j", str(job.job_id)]).stdout
    assert (steps, podman.logs("web")) == (b"", b"")
    assert podman.text("start", "web") == "web"
    assert podman.wait("web") == 6
    assert podman.logs("web") == b"out\n"
    assert podman.cluster.completed_job(job.job_id)["ExitCode"] == "6:0"
    podman.text("rm", "web")


def test_a_created_container_can_be_removed_unstarted(podman: Podman) -> None:
    """Its job is given back, and nothing has run."""
    container_id = podman.text("create", "--name", "web", IMAGE, "sh", "-c", "echo ran")
    podman.text("init", "web")
    job_id = podman.job(container_id).job_id
    podman.text("rm", "-f", "-t", "0", "web")
    assert podman.cluster.completed_job(job_id)["JobState"] in ("FAILED", "CANCELLED")


@pytest.mark.engine_command("podman", "attach")
def test_attach_joins_a_running_container(podman: Podman) -> None:
    """Input and output go through; podman 5.4 ends the output with a line of its own."""
    script = "read word; echo got $word; exit 4"
    podman.text("run", "-d", "-i", "--name", "web", IMAGE, "sh", "-c", script)
    done = podman("attach", "web", input=b"something\n")
    assert (done.stdout.rstrip(b"\n"), done.stderr) == (b"got something", b"")
    assert podman.wait("web") == 4
    podman.text("rm", "web")


@pytest.mark.engine_command("podman", "start")
def test_a_created_container_starts_in_the_foreground(podman: Podman) -> None:
    """``start --attach --interactive`` is what ``run -i`` is: streams and status are podman's."""
    script = "read word; echo got $word; echo error >&2; exit 4"
    podman.text("create", "-i", "--name", "web", IMAGE, "sh", "-c", script)
    done = podman("start", "--attach", "--interactive", "web", input=b"something\n")
    assert (done.returncode, done.stdout, done.stderr) == (4, b"got something\n", b"error\n")
    podman.text("rm", "web")


def test_a_killed_podman_leaves_the_container_running(podman: Podman) -> None:
    """The container is conmon's and ours: podman can be asked for it again."""
    process = podman.popen("run", "--name", "web", IMAGE, "sh", "-c", TRAPS, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"up\n"
    process.kill()
    process.communicate(timeout=30)
    assert podman.state("web")["Status"] == "running"
    podman.text("stop", "web")
    assert podman.wait("web") == 5
    podman.text("rm", "web")


def test_a_killed_anchor_is_a_killed_container(podman: Podman) -> None:
    """The anchor's death ends job and process; podman sees SIGKILL's status and can remove it."""
    container_id = podman.run_detached(STUBBORN, "--name", "web")
    podman.wait_for_log("web", b"up\n")
    job_id = podman.job(container_id).job_id
    pid = podman.state("web")["Pid"]
    (anchor,) = [p for p in podman.cluster.processes() if p.pid == pid and p.uid == podman.uid]
    os.kill(anchor.host_pid, 9)
    assert podman.wait("web") == 137
    podman.cluster.completed_job(job_id)
    podman.text("rm", "web")
