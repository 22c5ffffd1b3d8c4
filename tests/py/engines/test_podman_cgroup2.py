"""What rootless podman does on a machine with cgroups v2 only: pause, stats, limits.

The cluster's root has v1, so bob gets a mount namespace of his own with v2 in it.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping

import pytest

from tests.py.cluster.base import Cluster
from tests.py.cluster.sandboxed import SandboxCluster
from tests.py.engines.conftest import MANUAL_EXAMPLE
from tests.py.engines.engine import IMAGE
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

ENTER = "mount -t cgroup2 none /sys/fs/cgroup && touch {mark} && exec sleep 86399"
COUNT = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done"


class PodmanOfV2(Podman):
    """podman inside of such a namespace, which a process holds."""

    holder = 0

    def __call__(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        input: bytes | None = None,
        timeout_s: float = 60,
        check: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run ``podman ARGS`` to its end."""
        user = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--init-groups", "env"]
        user += [f"HOME=/home/{self.user}", f"XDG_RUNTIME_DIR=/run/user/{self.uid}"]
        return self.cluster.run(
            ["nsenter", "-t", str(self.holder), "-m", *user, "podman", *args],
            user="root",
            env=env,
            cwd="/tmp",
            input=input,
            timeout_s=timeout_s,
            check=check,
        )


@pytest.fixture
def podman(scrun_cluster: Cluster) -> Iterator[Podman]:
    """bob's, which nothing of is left after, not even its own pause process."""
    if not isinstance(scrun_cluster, SandboxCluster):
        pytest.skip("only in a cluster of ours may a test change the cgroups that podman sees")
    scrun_cluster.site_script(MANUAL_EXAMPLE)
    scrun_cluster.kill_processes(r"^podman( pause)?$")
    mark = "/tmp/has-cgroup2"
    script = ENTER.format(mark=mark)
    holder = scrun_cluster.popen(["unshare", "-m", "sh", "-c", script], user="root")
    scrun_cluster.wait_until(scrun_cluster.root_path(mark).exists, timeout_s=60)
    sleeping = r"^sleep 86399$"
    scrun_cluster.wait_until(lambda: scrun_cluster.processes(sleeping), timeout_s=60)
    (process,) = scrun_cluster.processes(sleeping)
    PodmanOfV2.holder = process.pid
    try:
        yield PodmanOfV2(scrun_cluster, "bob")
    finally:
        scrun_cluster.kill_processes(r"^podman( pause)?$")
        scrun_cluster.kill_processes(r"^sleep 86399$")
        holder.wait()
        scrun_cluster.root_path(mark).unlink()


def last_number(podman: Podman) -> int:
    """Return how far the container has counted."""
    lines = podman.text("logs", "--tail", "1", "web").split()  # two, when one comes meanwhile
    return int(lines[-1]) if lines else -1


@pytest.mark.engine_command("podman", "pause")
@pytest.mark.engine_command("podman", "unpause")
def test_a_paused_container_does_nothing(podman: Podman) -> None:
    """It counts; paused it does not; unpaused it goes on where it was."""
    podman.run_detached(COUNT, "--name", "web")
    podman.cluster.wait_until(lambda: last_number(podman) > 5, timeout_s=60)
    podman.text("pause", "web")
    assert podman.state("web")["Status"] == "paused"
    before = last_number(podman)
    time.sleep(0.5)  # ten numbers, if it went on
    assert last_number(podman) <= before + 1
    podman.text("unpause", "web")
    podman.cluster.wait_until(lambda: last_number(podman) > before + 5, timeout_s=60)
    podman.text("rm", "-f", "-t", "0", "web")


@pytest.mark.engine_command("podman", "pause")
def test_a_paused_container_can_be_removed(podman: Podman) -> None:
    podman.run_detached(COUNT, "--name", "web")
    podman.text("pause", "web")
    podman.text("rm", "-f", "-t", "0", "web")


@pytest.mark.engine_command(
    "podman",
    "stats",
    note="but shows the cgroup of this machine's anchor, since podman asks no runtime: "
    "`scrun events --stats ID` asks the node",
)
def test_stats_are_of_this_machine(podman: Podman) -> None:
    """podman asks no runtime for them."""
    podman.run_detached(COUNT, "--name", "web")
    shown = json.loads(podman.text("stats", "--no-stream", "--format", "json", "web"))
    assert [entry["name"] for entry in shown] == ["web"]
    podman.text("rm", "-f", "-t", "0", "web")


@pytest.mark.engine_command("podman", "run --memory --cpus")
def test_limits_are_the_jobs(podman: Podman) -> None:
    """What podman hands on is what Slurm is asked for, unless somebody says more."""
    container_id = podman.text(
        *("run", "-d", "--memory=64m", "--cpus=1.5", "--name=web", IMAGE, "sleep", "60")
    )
    job = podman.cluster.job(podman.job(container_id).job_id)
    assert (job["CPUs/Task"], job["MinMemoryNode"]) == ("2", "64M")
    podman.text("rm", "-f", "-t", "0", "web")


@pytest.mark.engine_command(
    "podman",
    "update",
    refused="Slurm changes no memory and no cpus of a job that runs; the refusal names each limit",
)
def test_update_says_what_slurm_does_not_change(podman: Podman) -> None:
    podman.run_detached(COUNT, "--name", "web")
    done = podman("update", "--memory=200m", "web")
    assert done.returncode == 125
    assert b"memory.limit: Slurm does not change it while the job runs" in done.stderr
    podman.text("rm", "-f", "-t", "0", "web")
