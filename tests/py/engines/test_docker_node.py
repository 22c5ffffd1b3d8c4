"""What docker asks of a running container's node: processes, pause, limits, numbers."""

from __future__ import annotations

import pytest

from tests.py.engines.docker import Docker
from tests.py.engines.engine import IMAGE, TRAPS

pytestmark = pytest.mark.slurm

COUNTER = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done"


@pytest.mark.engine_command(
    "docker", "top", note="shows the anchor; the node's: `docker exec NAME ps`, `scrun ps`"
)
def test_top(docker: Docker) -> None:
    """docker looks for the numbers it gets among this host's processes: there is the anchor."""
    docker.run_detached(TRAPS, "--name", "web")
    pid = docker.state("web")["Pid"]
    header, *rows = docker.text("top", "web", "-o", "pid,args").splitlines()
    assert header.split()[0] == "PID"
    assert [row.split()[0] for row in rows] == [str(pid)] and "scrun" in rows[0]
    docker.text("rm", "-f", "web")


@pytest.mark.engine_command(
    "docker", "stats", note="the anchor's numbers, of this host; the node's: `scrun events --stats`"
)
def test_stats(docker: Docker) -> None:
    """docker reads them from the cgroup of the container's process on this host."""
    docker.run_detached(TRAPS, "--name", "web")
    form = "{{.Name}} {{.CPUPerc}} {{.MemUsage}}"
    name, cpu, memory = docker.text("stats", "--no-stream", "--format", form, "web").split(" ", 2)
    assert name == "web" and cpu.endswith("%") and "B / " in memory
    docker.text("rm", "-f", "web")


@pytest.mark.engine_command("docker", "pause")
@pytest.mark.engine_command("docker", "unpause")
def test_a_paused_container_stands_still(docker: Docker) -> None:
    docker.run_detached(COUNTER, "--name", "web")
    docker.wait_for_log("web", b"3\n")
    assert docker.text("pause", "web") == "web"
    assert docker.state("web")["Status"] == "paused"
    shells = docker.cluster.processes("^/bin/sh -c i=0;")
    assert shells and {shell.state for shell in shells} == {"T"}
    said = docker.logs("web")
    done = docker("exec", "web", "true")
    assert done.returncode == 1 and b"is paused" in done.stderr
    assert docker.text("unpause", "web") == "web"
    docker.wait_for_log("web", b"\n%d\n" % (int(said.split()[-1]) + 3))
    docker.text("rm", "-f", "web")


@pytest.mark.engine_command("docker", "stop")
def test_a_paused_container_can_be_stopped(docker: Docker) -> None:
    """docker sends TERM and lets it go on: the trap's exit code comes back."""
    docker.run_detached(TRAPS, "--name", "web")
    docker.wait_for_log("web", b"up\n")
    docker.text("pause", "web")
    docker.text("stop", "web")
    assert docker.wait("web") == 5
    docker.text("rm", "web")


@pytest.mark.engine_command("docker", "update --restart")
def test_update_of_what_is_dockers_own(docker: Docker) -> None:
    """docker tells the runtime all limits anew: those that are as they were are no change."""
    docker.run_detached(TRAPS, "--name", "web")
    assert docker.text("update", "--restart", "on-failure:2", "web") == "web"
    docker.text("rm", "-f", "web")


@pytest.mark.engine_command("docker", "update", refused="Slurm changes no limit of a running job")
@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--memory", "100m", "--memory-swap", "200m"), b"memory"),
        (("--cpus", "1.5"), b"cpu"),
        (("--pids-limit", "50"), b"pids.limit"),
    ],
)
def test_update_of_a_limit(docker: Docker, options: tuple[str, ...], name: bytes) -> None:
    """The reason reaches docker's user, and the container runs on."""
    docker.run_detached(TRAPS, "--name", "web")
    done = docker("update", *options, "web")
    assert done.returncode == 1 and name in done.stderr
    assert docker.state("web")["Running"]
    docker.text("rm", "-f", "web")


@pytest.mark.engine_command("docker", "run --memory --cpus")
def test_limits_at_creation_are_the_jobs(docker: Docker) -> None:
    limits = ("--memory", "200m", "--cpus", "2")
    job_id = int(docker.text("run", "--rm", *limits, IMAGE, "sh", "-c", "echo $SLURM_JOB_ID"))
    fields = docker.cluster.completed_job(job_id)
    assert "mem=200M" in fields["ReqTRES"] and "cpu=2" in fields["ReqTRES"]


@pytest.mark.engine_command("docker", "info")
@pytest.mark.engine_command("docker", "version")
def test_docker_knows_its_runtime(docker: Docker) -> None:
    """It is asked for its version and its features."""
    assert docker.text("info", "--format", "{{.DefaultRuntime}}") == "scrun"
    assert " scrun:\n  Version:          0." in docker.text("version")
    log = docker.cluster.root_path("/var/log/dockerd.log").read_text()
    assert "Failed to run [" not in log
