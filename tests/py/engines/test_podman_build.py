"""podman build and kube: what stands on containers."""

from __future__ import annotations

import pytest

from tests.py.engines.engine import IMAGE
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

POD = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: k}}
spec:
  hostNetwork: true
  restartPolicy: Never
  containers:
  - {{name: one, image: localhost/{IMAGE}, command: [sh, -c, "echo $SLURM_JOB_ID; sleep 600"]}}
"""
# A pod of Kubernetes has a host name, which the cluster's containers.conf shares.
KUBE_CONF = '[containers]\nutsns = "private"\n[engine]\ninfra_image = "localhost/pause"\n'


def build(podman: Podman, *steps: str, isolation: str = "oci") -> tuple[int, str]:
    """Build localhost/built from the steps; returns status and output."""
    text = "\n".join([f"FROM localhost/{IMAGE}", *steps, ""])
    podman.cluster.write_file("/home/alice/build/Containerfile", text, owner="alice")
    options = (f"--isolation={isolation}", "--runtime", podman.cluster.scrun)
    done = podman("build", *options, "-t", "localhost/built", "/home/alice/build")
    podman.cluster.root_path("/home/alice/build/Containerfile").unlink()
    podman.cluster.root_path("/home/alice/build").rmdir()
    return done.returncode, (done.stdout + done.stderr).decode()


@pytest.mark.engine_command("podman", "build", note="each RUN is a job")
@pytest.mark.parametrize("isolation", ["oci", "rootless"])
@pytest.mark.parametrize("stage", ["manual example", "shared"])
def test_each_run_is_a_job(podman: Podman, isolation: str, stage: str) -> None:
    """What a step writes is in the image."""
    if stage == "shared":
        podman.cluster.root_path(f"{podman.cluster.site_dir()}/scrun.lua").unlink()
    steps = ("RUN echo $SLURM_JOB_ID >/made", "RUN test -s /made && echo built", "CMD cat /made")
    status, output = build(podman, *steps, isolation=isolation)
    assert (status, "built\n" in output) == (0, True), output
    job_id = int(podman.text("run", "--rm", "localhost/built"))
    assert podman.cluster.completed_job(job_id)["JobState"] == "COMPLETED"
    podman.text("rmi", "localhost/built")


@pytest.mark.engine_command("podman", "build")
def test_a_step_that_fails_ends_the_build(podman: Podman) -> None:
    status, output = build(podman, "RUN exit 3")
    assert status == 3 and "exit status 3" in output


@pytest.mark.engine_command(
    "podman", "kube play", note='with `utsns = "private"` and an infra image of your own'
)
def test_kube_play_runs_a_pod(podman: Podman) -> None:
    cluster = podman.cluster
    cluster.write_file("/home/alice/pod.yaml", POD, owner="alice")
    cluster.write_file("/home/alice/kube.conf", KUBE_CONF, owner="alice")
    podman.text("create", "--name", "base", IMAGE)
    change = 'CMD ["/bin/sleep", "infinity"]'
    podman.text("commit", "-q", "--change", change, "base", "localhost/pause")
    podman.text("rm", "base")
    env = {"CONTAINERS_CONF_OVERRIDE": "/home/alice/kube.conf"}
    podman("kube", "play", "/home/alice/pod.yaml", env=env, check=True)
    podman.wait_for_log("k-one", b"\n")
    (job,) = podman.cluster.jobs()
    assert podman.logs("k-one").split() == [b"%d" % job.job_id]
    podman("pod", "rm", "-f", "-t", "0", "k", check=True)
    podman.text("rmi", "localhost/pause")
    for name in ("pod.yaml", "kube.conf"):
        cluster.root_path(f"/home/alice/{name}").unlink()
