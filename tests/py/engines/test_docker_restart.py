"""Daemons that are restarted, or killed, under docker's containers."""

from __future__ import annotations

import os
import signal
from subprocess import DEVNULL, PIPE

import pytest

from tests.py.engines.docker import Docker
from tests.py.engines.engine import IMAGE, STUBBORN, TRAPS

pytestmark = pytest.mark.slurm

SLOW_STAGE_IN = """\
function slurm_scrun_stage_in(id, bundle)
  slurm.set_bundle_path(bundle)
  os.execute 'sleep 600'
  return slurm.SUCCESS
end
function slurm_scrun_stage_out()
  return slurm.SUCCESS
end
"""
NAMED = ("--name", "web")
DAEMONS = ("containerd", "dockerd", "shim")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["TERM", "KILL"])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            "containerd",
            marks=pytest.mark.engine_command("docker", "restart of containerd"),
        ),
        pytest.param(
            "dockerd",
            marks=pytest.mark.engine_command(
                "docker",
                "restart of dockerd with live-restore",
                note="one that is killed while an exec begins leaves containerd's task behind when "
                "the container is removed by force, with any runtime",
            ),
        ),
    ],
)
def test_a_restarted_daemon_keeps_the_containers(
    docker: Docker, name: str, number: signal.Signals
) -> None:
    """They run on in their jobs; exec, logs, signals and the exit status work as before."""
    container_id = docker.run_detached(TRAPS, "--name", "web")
    docker.wait_for_log("web", b"up\n")
    job_id = docker.job(container_id).job_id
    pid = docker.state("web")["Pid"]
    docker.daemons.restart(name, number)
    state = docker.state("web")
    assert (state["Status"], state["Pid"]) == ("running", pid)
    done = docker("exec", "web", "sh", "-c", "echo $SLURM_JOB_ID")
    assert done.stdout == f"{job_id}\n".encode(), done.stderr
    docker.text("kill", "-s", "USR1", "web")
    docker.wait_for_log("web", b"usr1\n")
    docker.text("stop", "web")
    assert docker.wait("web") == 5
    assert docker.logs("web") == b"up\nusr1\nterm\n"
    docker.text("rm", "web")


def test_a_container_that_ended_without_dockerd_is_seen_to_have_ended(docker: Docker) -> None:
    """With its exit status."""
    end_without(docker, "dockerd")
    assert docker.wait("web") == 8
    docker.text("rm", "web")


def test_a_container_that_ended_without_containerd_can_be_removed(docker: Docker) -> None:
    """A new containerd forgets it (with any runtime), and docker never sees its end."""
    end_without(docker, "containerd")
    remove(docker)


def end_without(docker: Docker, daemon: str) -> None:
    """Let a container end with status 8 while a daemon is not there."""
    docker.cluster.root_path("/srv/meanwhile/go").unlink(missing_ok=True)
    script = "echo up; while ! [ -e /tmp/go ]; do sleep 0.05; done; exit 8"
    container_id = docker.run_detached(script, "--name", "web", "-v", "/srv/meanwhile:/tmp")
    docker.wait_for_log("web", b"up\n")
    job_id = docker.job(container_id).job_id
    docker.daemons.end(daemon, signal.SIGKILL)
    docker.cluster.write_file("/srv/meanwhile/go", "")
    assert docker.cluster.completed_job(job_id)["ExitCode"] == "8:0"
    docker.daemons.start()


def kill(docker: Docker, name: str) -> None:
    """Kill a daemon, or the only container's shim."""
    if name == "shim":
        docker.daemons.kill_shim()
    else:
        docker.daemons.restart(name, signal.SIGKILL)


@pytest.mark.parametrize("name", DAEMONS)
def test_killed_while_staging_in(docker: Docker, name: str) -> None:
    """The job is given back; nothing waits for the stage-in."""
    docker.cluster.site_script(SLOW_STAGE_IN)
    client = docker.popen("run", "--name", "web", IMAGE, "true", stdout=DEVNULL, stderr=DEVNULL)
    docker.cluster.wait_until(
        lambda: docker.cluster.processes("^sleep 600$"), timeout_s=60, what="stage-in runs"
    )
    kill(docker, name)
    remove(docker)
    client.wait(30)


@pytest.mark.parametrize("name", DAEMONS)
def test_killed_while_the_job_is_pending(docker: Docker, name: str) -> None:
    """The pending job is cancelled."""
    options = ("--name", "web", "--annotation", "slurm.job.begin=now+600")
    client = docker.popen("run", *options, IMAGE, "true", stdout=DEVNULL, stderr=DEVNULL)
    docker.cluster.wait_until(
        lambda: [job for job in docker.cluster.jobs() if job.state == "PENDING"],
        timeout_s=60,
        what="the job waits",
    )
    kill(docker, name)
    remove(docker)
    client.wait(30)


@pytest.mark.parametrize("name", DAEMONS)
def test_killed_while_it_runs(docker: Docker, name: str) -> None:
    docker.run_detached(STUBBORN, "--name", "web")
    docker.wait_for_log("web", b"up\n")
    kill(docker, name)
    remove(docker)


@pytest.mark.parametrize("name", DAEMONS)
def test_killed_during_exec(docker: Docker, name: str) -> None:
    """The session ends with the container; of a killed shim docker's client hears nothing.

    It is one that docker knows to run, of which its first output says nothing: that comes before.
    The shim of one that just begins waits 30 s for the dockerd that was to read its output, and
    keeps to itself that the container has ended; docker gives up after 20 s, and shim and task are
    left for good (with crun too, whose exec is half a second late).
    """
    docker.run_detached(STUBBORN, "--name", "web")
    docker.wait_for_log("web", b"up\n")
    script = "echo in; exec sleep 321"
    call = docker.popen("exec", "web", "sh", "-c", script, stdout=PIPE, stderr=DEVNULL)
    assert call.stdout is not None and call.stdout.readline() == b"in\n"
    docker.wait_for_exec("web")
    kill(docker, name)
    remove(docker)
    if name == "shim":  # with any runtime
        call.terminate()
    call.wait(30)


@pytest.mark.parametrize("name", DAEMONS)
def test_killed_during_stop(docker: Docker, name: str) -> None:
    docker.run_detached("trap 'echo term' TERM; echo up; while :; do sleep 0.05; done", *NAMED)
    docker.wait_for_log("web", b"up\n")
    client = docker.popen("stop", "-t", "300", "web", stdout=DEVNULL, stderr=DEVNULL)
    docker.wait_for_log("web", b"term\n")
    kill(docker, name)
    remove(docker)
    client.wait(30)


@pytest.mark.parametrize("name", DAEMONS)
def test_killed_while_paused(docker: Docker, name: str) -> None:
    docker.run_detached(STUBBORN, "--name", "web")
    docker.wait_for_log("web", b"up\n")
    docker.text("pause", "web")
    kill(docker, name)
    remove(docker)


def test_the_anchor_killed(docker: Docker) -> None:
    """The anchor's death ends job and process; docker sees SIGKILL's status."""
    container_id = docker.run_detached(STUBBORN, "--name", "web")
    docker.wait_for_log("web", b"up\n")
    job_id = docker.job(container_id).job_id
    pid = docker.state("web")["Pid"]
    (anchor,) = [p for p in docker.cluster.processes("scrun") if p.pid == pid]
    os.kill(anchor.host_pid, signal.SIGKILL)
    assert docker.wait("web") == 137
    docker.cluster.completed_job(job_id)
    docker.text("rm", "web")


def remove(docker: Docker) -> None:
    """Remove the container by force; the fixture looks for what is left of it."""
    docker("rm", "-f", "web", check=True)
