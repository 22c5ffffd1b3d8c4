"""The local backend: no Slurm; containers run on this machine by crun or runc.

An allocation is a number. A step is the OCI runtime's ``run`` on the staged bundle, its stdio
the caller's; its exit status is the container's. Source: crun(1), runc-run(8), runc-kill(8).
"""

from __future__ import annotations

import os

from scrun.errors import ClusterError
from scrun.host.process import Process, find_program, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NO_CGROUPS = ("--cgroup-manager=disabled",)  # crun; a job's limits are not ours to set here
# Where systemd mounts version 2 beside version 1; crun refuses to run there, runc does not.
HYBRID_CGROUPS = "/sys/fs/cgroup/unified/cgroup.procs"


class LocalBackend:
    """Runs one container on this machine.

    Args:
        directory: the container's directory; the OCI runtime keeps its own state below it.
        environment: of the caller of ``create``; its PATH finds the OCI runtime.
    """

    name = "local"

    def __init__(self, directory: str, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.environment = dict(environment)
        self._runtime: list[str] = []

    def allocate(self) -> int:
        """Return a job number of this machine; nothing has to be given back.

        Raises:
            ClusterError: there is neither crun nor runc (code NO_RUNTIME).
        """
        path = self.environment.get("PATH")
        runtimes = [("crun", NO_CGROUPS), ("runc", ())]
        if os.path.exists(HYBRID_CGROUPS):
            runtimes.reverse()
        for name, options in runtimes:
            program = find_program(name, path) or find_program(name, None)
            if program:
                self._runtime = [program, *options, "--root", f"{self.directory}/runtime"]
                return os.getpid()
        raise ClusterError(
            "no Slurm configuration, and neither crun nor runc on this machine",
            code="NO_RUNTIME",
            hint="install crun (apt-get install crun) or give a slurm.conf by -f",
        )

    def run(self, container_id: str, bundle: str) -> Process:
        """Start the container's process on ``bundle``, with this process's stdio."""
        return spawn([*self._runtime, "run", "--bundle", bundle, container_id], self.environment)

    def signal(self, container_id: str, number: int) -> Process:
        """Start the delivery of a signal to the container's process."""
        with open(os.devnull, "r+b", buffering=0) as null:
            fd = null.fileno()
            argv = [*self._runtime, "kill", container_id, str(number)]
            return spawn(argv, self.environment, stdio=(fd, fd, fd))

    def remove(self, container_id: str) -> Process:
        """Start the removal of whatever the OCI runtime still has of the container."""
        with open(os.devnull, "r+b", buffering=0) as null:
            fd = null.fileno()
            argv = [*self._runtime, "delete", "--force", container_id]
            return spawn(argv, self.environment, stdio=(fd, fd, fd))
