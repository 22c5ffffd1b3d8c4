"""Call ``scrun lua run`` in the cluster, as alice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.py.cluster.base import Cluster
from tests.py.workbench.run_script import OUT_PARAMETERS, PARAMETERS, Done


class Remote:
    """Calls ``scrun lua run`` in the cluster as alice, in a directory of her own."""

    def __init__(self, cluster: Cluster, directory: str) -> None:
        self.cluster = cluster
        self.directory = directory
        self.backend = "slurm"

    def write(self, text: str) -> str:
        """Write the script."""
        path = f"{self.directory}/scrun.lua"
        self.cluster.write_file(path, text, owner="alice")
        return path

    def write_stage_in(self, body: str) -> str:
        """Write a script whose stage_in has this body on line 2."""
        return self.write(
            f"function slurm_scrun_stage_in({PARAMETERS})\n{body}\nend\n"
            f"function slurm_scrun_stage_out({OUT_PARAMETERS}) return 0 end\n"
        )

    def argv(self, *args: str) -> list[str]:
        """Return the command line."""
        script = f"{self.directory}/scrun.lua"
        return [self.cluster.scrun, "lua", "run", script, f"--{self.backend}", *args]

    def __call__(self, *args: str, env: dict[str, str] | None = None) -> Done:
        """Run it to its end."""
        done = self.cluster.run(self.argv(*args), env=env, cwd=self.directory)
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def kill(self) -> None:
        """Kill the process of a run that shows it, and none of those that it has made."""
        runs = self.cluster.processes(f"lua run {self.directory}/scrun.lua --{self.backend}")
        pids = {run.host_pid for run in runs}
        (first,) = (pid for pid in pids if parent_of(pid) not in pids)
        os.kill(first, signal.SIGKILL)

    def jobs(self) -> list[int]:
        """Return alice's jobs."""
        name = self.cluster.name_of("alice")
        return [job.job_id for job in self.cluster.jobs() if job.user == name]


def parent_of(pid: int) -> int:
    """Return the parent of a process of this machine."""
    with open(f"/proc/{pid}/stat") as file:  # the name before it may have any character
        return int(file.read().rpartition(")")[2].split()[1])


def serve_remote(cluster: Cluster, tmp_path: Path) -> Iterator[Remote]:
    """Yield a `Remote`; nothing of a run may be left in the cluster then."""
    directory = f"{cluster.home('alice')}/run-{os.getpid()}-{tmp_path.name}"
    cluster.write_file(f"{directory}/work/.keep", "", owner="alice")
    ours = Remote(cluster, directory)
    yield ours
    cluster.wait_until(lambda: not ours.jobs(), timeout_s=30, what="no job is left")
    assert list(cluster.root_path(f"{directory}/work").glob("scrun-run-*")) == []
