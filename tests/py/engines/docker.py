"""root's docker in the cluster, with scrun as its default runtime."""

from __future__ import annotations

from tests.py.cluster.sandbox import Process
from tests.py.engines.dockerd import NAMES, Daemons
from tests.py.engines.engine import Engine

# Our records, and containerd's bundles. Namespace moby is docker's, default is ctr's.
DIRECTORIES = (
    "/run/docker/runtime-runc/moby",
    "/run/containerd/runc/default",
    "/run/containerd/io.containerd.runtime.v2.task/moby",
    "/run/containerd/io.containerd.runtime.v2.task/default",
)


class DockerClient(Engine):
    """Calls docker, whoever's. See `Engine`."""

    program = "docker"

    def remove(self, name: str) -> None:
        """See `Engine.remove`."""
        self("rm", "--force", name, check=True)

    def remove_all(self) -> None:
        """See `Engine.remove_all`; its jobs go too."""
        names = self.text("ps", "-aq").split()
        if names:
            self("rm", "--force", *names)
        self.cluster.run(["scancel", "--me"], user=self.user)


class Docker(DockerClient):
    """Calls root's. See `Engine`.

    Attributes:
        daemons: the containerd and dockerd it talks to.
    """

    def __init__(self, daemons: Daemons) -> None:
        """See `Engine`."""
        self.daemons = daemons
        super().__init__(daemons.cluster, "root")

    def directories(self) -> tuple[str, ...]:
        """See `Engine.directories`."""
        return DIRECTORIES

    def may_be_left(self, process: Process) -> bool:
        """See `Engine.may_be_left`."""
        return process.command not in NAMES
