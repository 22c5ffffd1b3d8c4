"""podman compose: a program of its own, which makes a pod of a file's services."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.py.engines.engine import IMAGE
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

PROJECT = "/home/alice/project"
SERVICES = f"""\
services:
  web:
    image: localhost/{IMAGE}
    network_mode: host
    environment: [A=b]
    command: [sh, -c, "trap 'exit 5' TERM; echo web $$SLURM_JOB_ID; while :; do sleep 0.05; done"]
  worker:
    image: localhost/{IMAGE}
    network_mode: host
    depends_on: [web]
    command: [sh, -c, "echo worker $$SLURM_JOB_ID; exec sleep 600"]
"""


@pytest.fixture
def services(podman: Podman) -> Iterator[Podman]:
    """A directory with a file of two services."""
    if podman.cluster.run(["sh", "-c", "command -v podman-compose"]).returncode:
        pytest.skip("no podman-compose on this host")
    podman.cluster.write_file(f"{PROJECT}/compose.yaml", SERVICES, owner="alice")
    yield podman
    shutil.rmtree(podman.cluster.root_path(PROJECT))


def compose(podman: Podman, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``podman compose WORDS``."""
    env = {"PODMAN_COMPOSE_WARNING_LOGS": "false"}
    return podman("compose", "-f", f"{PROJECT}/compose.yaml", *words, env=env)


@pytest.mark.engine_command(
    "podman",
    "compose",
    note="by podman-compose, with `network_mode: host`: the services are a pod without an infra "
    "container, and share a job",
)
def test_services_come_and_go(services: Podman) -> None:
    """up, ps, logs, exec, down: one job, which ends with the last service, and nothing is left."""
    done = compose(services, "up", "-d")
    assert done.returncode == 0, done.stderr
    (job,) = services.cluster.jobs()
    for name in ("web", "worker"):
        services.wait_for_log(f"project_{name}_1", f"{name} {job.job_id}\n".encode())
    listed = compose(services, "ps", "--format", "{{.Names}} {{.State}}").stdout.decode()
    assert listed.splitlines() == ["project_web_1 running", "project_worker_1 running"]
    shown = compose(services, "logs", "worker").stdout.decode()
    assert shown.splitlines() == [f"worker {job.job_id}"]
    done = compose(services, "exec", "-T", "web", "sh", "-c", "echo $A; exit 4")
    assert (done.returncode, done.stdout.decode().split()) == (4, ["b"])
    done = compose(services, "down")
    assert done.returncode == 0, done.stderr
    assert services.cluster.completed_job(job.job_id)["ExitCode"] in ("143:0", "5:0")
    assert services.text("pod", "ls", "-q") == ""
