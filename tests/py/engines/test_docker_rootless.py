"""A user's own docker, without root: its containers are his jobs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.py.cluster.base import Cluster
from tests.py.cluster.existing import ExistingCluster
from tests.py.engines.engine import IMAGE, TRAPS
from tests.py.engines.rootless_dockerd import RootlessDaemon, RootlessDocker
from tests.py.engines.terminal import PROMPT, SHELL, end_of, expect_size

pytestmark = pytest.mark.slurm

COMMAND = pytest.mark.engine_command(
    "docker",
    "dockerd-rootless.sh",
    note="with RootlessKit's network `host` and docker's `none`, see [admin](admin.md)",
)


@pytest.fixture(scope="module")
def daemon(installed_cluster: Cluster) -> Iterator[RootlessDaemon]:
    """alice's dockerd."""
    if isinstance(installed_cluster, ExistingCluster):
        pytest.skip("docker's daemons are started in clusters of our own alone")
    daemon = RootlessDaemon(installed_cluster)
    yield daemon
    daemon.stop()


@pytest.fixture
def docker(scrun_cluster: Cluster, daemon: RootlessDaemon) -> Iterator[RootlessDocker]:
    """alice's docker; fails when something of containers is left after."""
    docker = RootlessDocker(daemon)
    yield docker
    docker.end_of_test()


@COMMAND
def test_run(docker: RootlessDocker) -> None:
    """The job is alice's; of directories that only her namespace has no node complains."""
    script = "echo $SLURM_JOB_ID; id -u; echo error >&2; exit 7"
    done = docker("run", "--rm", "--net=none", IMAGE, "sh", "-c", script)
    job_id, uid = done.stdout.split()
    assert (done.returncode, uid, done.stderr) == (7, b"0", b"error\n")
    job = docker.cluster.completed_job(int(job_id))
    assert (job["ExitCode"], job["UserId"]) == ("7:0", f"alice({docker.uid})")


@COMMAND
def test_exec_and_stop(docker: RootlessDocker) -> None:
    container_id = docker.run_detached(TRAPS, "--name", "web", "--net=none")
    docker.wait_for_log("web", b"up\n")
    assert docker.job(container_id).user == "alice"
    done = docker("exec", "-i", "web", "sh", "-c", "cat; echo error >&2; exit 9", input=b"in\n")
    assert (done.returncode, done.stdout, done.stderr) == (9, b"in\n", b"error\n")
    docker.text("stop", "web")
    assert docker.wait("web") == 5
    assert docker.logs("web") == b"up\nterm\n"
    docker.text("rm", "web")


@COMMAND
def test_run_at_a_terminal(docker: RootlessDocker) -> None:
    with docker.at_a_terminal("run", "--rm", "-it", "--net=none", IMAGE, *SHELL) as child:
        child.expect_exact(PROMPT)
        child.setwinsize(40, 100)
        expect_size(child, "40 100")
        child.send("exit 3\r")
        assert end_of(child) == 3


@pytest.mark.engine_command(
    "docker",
    "dockerd-rootless.sh, run --net=host",
    refused="docker itself may not join it; a job has its node's network all the same",
)
def test_the_hosts_network_is_refused(docker: RootlessDocker) -> None:
    """By docker, before it asks a runtime."""
    done = docker("run", "--rm", "--net=host", IMAGE, "true")
    assert done.returncode == 125 and b"operation not permitted" in done.stderr
