"""root's docker in the cluster, with scrun as its default runtime."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from tests.py.cluster.sandbox import Process
from tests.py.engines.dockerd import NAMES, Daemons
from tests.py.engines.engine import WAIT_S, Engine

SOCKET = "/run/docker.sock"

# Our records, and containerd's bundles. Namespace moby is docker's, default is ctr's.
DIRECTORIES = (
    "/run/docker/runtime-runc/moby",
    "/run/containerd/runc/default",
    "/run/containerd/io.containerd.runtime.v2.task/moby",
    "/run/containerd/io.containerd.runtime.v2.task/default",
)


class Connection(http.client.HTTPConnection):
    """To dockerd's own interface, which tells more than its command line does."""

    def __init__(self, path: Path) -> None:
        """Take the path of its socket."""
        super().__init__("docker")
        self._path = path

    def connect(self) -> None:
        """See ``HTTPConnection``."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


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

    def wait_for_exec(self, name: str) -> None:
        """Wait until dockerd knows that the container's only exec runs.

        What it writes may come before: the runtime has then yet to return.
        """
        (exec_id,) = self.inspect(name)["ExecIDs"]
        self.cluster.wait_until(
            lambda: self._get(f"/exec/{exec_id}/json")["Pid"],
            timeout_s=WAIT_S,
            what="dockerd knows of the exec",
        )

    def _get(self, path: str) -> dict[str, Any]:
        """Ask dockerd for a document."""
        connection = Connection(self.cluster.root_path(SOCKET))
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == http.HTTPStatus.OK, answer.read()
            document: dict[str, Any] = json.load(answer)
            return document
        finally:
            connection.close()

    def may_be_left(self, process: Process) -> bool:
        """See `Engine.may_be_left`."""
        return process.command not in NAMES
