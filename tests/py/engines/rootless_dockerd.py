"""A user's own dockerd in the cluster, with scrun as its default runtime (dockerd-rootless.sh)."""

from __future__ import annotations

import json
import subprocess

from tests.py.cluster.base import Cluster
from tests.py.cluster.recipe import BUSY_TAR
from tests.py.cluster.sandbox import Process
from tests.py.engines.docker import DockerClient
from tests.py.engines.dockerd import START_TIMEOUT_S
from tests.py.engines.engine import IMAGE

PROGRAM = "/usr/share/docker.io/contrib/dockerd-rootless.sh"
CONFIGURATION = "/etc/docker/rootless.json"
LOG = "/var/log/dockerd-rootless.log"
# srun must be called back by the nodes: it needs the network of this machine.
NETWORK = {
    "DOCKERD_ROOTLESS_ROOTLESSKIT_NET": "host",
    "DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER": "none",
    "DOCKERD_ROOTLESS_ROOTLESSKIT_MTU": "0",
}


class RootlessDaemon:
    """RootlessKit, and the dockerd and containerd that it starts as one user."""

    def __init__(self, cluster: Cluster, user: str = "alice") -> None:
        """Start it, and wait until it answers."""
        self.cluster = cluster
        self.user = user
        self.environment = {"DOCKER_HOST": f"unix:///run/user/{cluster.uid(user)}/docker.sock"}
        configuration = {
            "runtimes": {"scrun": {"path": cluster.scrun}},
            "default-runtime": "scrun",
            "storage-driver": "vfs",
            "bridge": "none",
            "iptables": False,
            "ip6tables": False,
            "ip-forward": False,
        }
        cluster.write_file(CONFIGURATION, json.dumps(configuration))
        path = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        argv = ["sh", PROGRAM, "--config-file", CONFIGURATION]
        with cluster.root_path(LOG).open("ab") as log:
            self._process = cluster.popen(
                argv,
                user=user,
                env={**NETWORK, **path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            cluster.wait_until(self._answers, timeout_s=START_TIMEOUT_S, what="dockerd answers")
        except AssertionError as err:
            err.add_note(cluster.root_path(LOG).read_text(errors="replace")[-4000:])
            self.stop()
            raise
        self._run("docker", "import", "-c", 'CMD ["/bin/sh"]', BUSY_TAR, IMAGE)

    def stop(self) -> None:
        """End it, and what it started."""
        self._process.terminate()
        self._process.wait(START_TIMEOUT_S)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "it has ended"
        return self._run("docker", "ps").returncode == 0  # `version` makes docker 26.1 panic

    def _run(self, *argv: str) -> subprocess.CompletedProcess[bytes]:
        return self.cluster.run(argv, user=self.user, env=self.environment)


class RootlessDocker(DockerClient):
    """Calls it. See `Engine`."""

    def __init__(self, daemon: RootlessDaemon) -> None:
        """See `Engine`."""
        super().__init__(daemon.cluster, daemon.user, daemon.environment)

    def directories(self) -> tuple[str, ...]:
        """See `Engine.directories`."""
        place = f"/run/user/{self.uid}/docker"
        bundles = f"{place}/containerd/daemon/io.containerd.runtime.v2.task/moby"
        return (f"{place}/runtime-runc/moby", bundles)

    def may_be_left(self, process: Process) -> bool:
        """See `Engine.may_be_left`."""
        return process.uid == self.uid
