"""A user's rootless podman in the cluster, with scrun as its default runtime."""

from __future__ import annotations

from tests.py.cluster.base import Cluster
from tests.py.cluster.sandbox import Process
from tests.py.engines.engine import Engine


class Podman(Engine):
    """Calls podman as one user. See `Engine`."""

    program = "podman"

    def __init__(self, cluster: Cluster, user: str = "alice") -> None:
        """See `Engine`."""
        super().__init__(cluster, user)

    def job_ids(self) -> set[int]:
        """Return the numbers of the jobs that slurmctld remembers, ended ones too."""
        shown = self.cluster.run(["scontrol", "-o", "show", "job"]).stdout.decode()
        words = (line.partition(" ")[0] for line in shown.splitlines())
        return {int(word.removeprefix("JobId=")) for word in words if word.startswith("JobId=")}

    def directories(self) -> tuple[str, ...]:
        """See `Engine.directories`."""
        return (f"/run/user/{self.uid}/scrun", f"/run/user/{self.uid}/slurm/scrun")

    def may_be_left(self, process: Process) -> bool:
        """See `Engine.may_be_left`."""
        return process.uid == self.uid

    def remove(self, name: str) -> None:
        """See `Engine.remove`."""
        self("rm", "--force", "--time", "0", name, check=True)

    def remove_all(self) -> None:
        """See `Engine.remove_all`."""
        self("rm", "--all", "--force", "--time", "0")
