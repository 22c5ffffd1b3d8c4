"""A cluster of our own in a sandbox: the usual kind."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.py.cluster import roots
from tests.py.cluster.base import Cluster, _parse_fields
from tests.py.cluster.config import DEFAULT_RUNTIME
from tests.py.cluster.errors import UserUnavailable
from tests.py.cluster.recipe import USERS
from tests.py.cluster.sandbox import FREEZER, Process, Sandbox
from tests.py.cluster.setup import (
    JOB_IDS_PER_CLUSTER,
    first_job_id,
    login_environment,
    read_logs,
    start_daemons,
    wait_for_nodes,
    write_configuration,
)

SLURMCTLD_TIMEOUT_S = 90.0


class SandboxCluster(Cluster):
    """slurmctld, slurmd n1 and n2, munge and podman in namespaces of their own."""

    scrun = DEFAULT_RUNTIME

    def __init__(self, sandbox: Sandbox, root: roots.Root, name: str) -> None:
        """Wrap a sandbox whose daemons run; ``start`` makes one."""
        super().__init__()
        self.sandbox = sandbox
        self.root = root
        self.name = name
        self.slurm_version = root.slurm
        self.description = f"Slurm {root.slurm} ({root.suite})"

    @classmethod
    def start(
        cls,
        suite: str = roots.DEFAULT_SUITE,
        *,
        name: str = "session",
        forever: bool = False,
        runtime: str = DEFAULT_RUNTIME,
    ) -> "SandboxCluster":
        """Start a cluster, building its root first if it is not cached.

        Args:
            suite: Debian suite of its root.
            name: how developers call it.
            forever: outlive this process; otherwise it ends with it at the latest.
            runtime: what podman's default runtime ``slurm`` is.

        Raises:
            ClusterUnavailable: this machine cannot have one.
            ClusterError: its daemons do not come up.
        """
        root = roots.find_or_build(suite)
        sandbox = Sandbox.enter(root.path, roots.mountpoint(), direct=False, forever=forever)
        cluster = cls(sandbox, root, name)
        try:
            job_id = first_job_id(sandbox.pid)
            write_configuration(sandbox.root, job_id=job_id, runtime=runtime)
            start_daemons(sandbox)
        except BaseException:
            cluster.stop()
            raise
        return cluster

    def stop(self) -> None:
        """End everything inside; nothing of the cluster is left."""
        self.sandbox.end()
        _remove_freezers(first_job_id(self.sandbox.pid))

    def command(
        self,
        argv: Sequence[str],
        *,
        user: str = "alice",
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
    ) -> list[str]:
        """See ``Cluster.command``."""
        if user != "root" and user not in USERS:
            raise UserUnavailable(f"no user {user!r} in the cluster")
        clean = login_environment(user)
        merged = {**clean, **(env or {})}
        variables = {name: value for name, value in merged.items() if value is not None}
        uid = USERS.get(user, 0)
        return self.sandbox.command(
            argv, uid=uid, user=user, env=variables, cwd=cwd or clean["HOME"]
        )

    def root_path(self, path: str) -> Path:
        """See ``Cluster.root_path``."""
        return self.sandbox.root / path.lstrip("/")

    def processes(self, pattern: str = "") -> list[Process]:
        """See ``Cluster.processes``."""
        return self.sandbox.processes(pattern)

    def site_dir(self) -> str:
        """See ``Cluster.site_dir``."""
        return "/etc/slurm"

    def restart_slurmctld(self, *, kill: bool = False) -> None:
        """See ``Cluster.restart_slurmctld``."""
        self.stop_slurmctld(kill=kill)
        self.start_slurmctld()

    def stop_slurmctld(self, *, kill: bool = False) -> None:
        """Stop slurmctld (SIGKILL if ``kill``) and wait until it is gone."""
        if kill:
            self._let_state_be_saved()
        pid_file = self.root_path("/run/slurmctld.pid")
        number = int(pid_file.read_text())
        pids = [p.host_pid for p in self.processes("slurmctld") if p.pid == number]
        for pid in pids:
            os.kill(pid, signal.SIGKILL if kill else signal.SIGTERM)
        self.wait_until(
            lambda: not any(p.pid == number and p.state != "Z" for p in self.processes()),
            timeout_s=SLURMCTLD_TIMEOUT_S,
            what="slurmctld has ended",
        )

    def start_slurmctld(self) -> None:
        """Start slurmctld and wait until it answers."""
        start = "exec slurmctld >> /var/log/slurm/start.log 2>&1"
        self.run(["sh", "-c", start], user="root", check=True)
        self.wait_until(
            lambda: b"is UP" in self.run(["scontrol", "ping"]).stdout,
            timeout_s=SLURMCTLD_TIMEOUT_S,
            what="slurmctld answers",
        )

    def _let_state_be_saved(self) -> None:
        """Wait until slurmctld has written down what it knows: it does so every few seconds.

        One that is killed before comes up with what was true then: ended jobs run again.
        """
        saved = self.root_path("/var/spool/slurmctld/job_state")
        began = time.time()
        self.run(["salloc", "-Q", "true"], user="root", check=True)  # something to write down
        self.wait_until(
            lambda: saved.exists() and saved.stat().st_mtime > began,
            timeout_s=SLURMCTLD_TIMEOUT_S,
            what="slurmctld has saved its state",
        )

    def wait_for_nodes(self) -> None:
        """Wait until both nodes are idle."""
        wait_for_nodes(self.sandbox)

    def log_tail(self) -> str:
        """See ``Cluster.log_tail``."""
        return read_logs(self.sandbox.root)

    def completion_record(self, job_id: int) -> dict[str, str]:
        """Return what slurmctld wrote down at a job's end (JobCompType), empty until then."""
        log = self.root_path("/var/log/slurm/jobcomp.log")
        lines = log.read_text().splitlines() if log.exists() else []
        for line in reversed(lines):
            if line.startswith(f"JobId={job_id} "):
                return _parse_fields(line)
        return {}

    def _forgotten_job(self, job_id: int) -> dict[str, str]:
        return self.completion_record(job_id)


def _remove_freezers(first: int) -> None:
    """Remove the empty freezer cgroups of the steps of jobs ``first`` and following."""
    ours = range(first, first + JOB_IDS_PER_CLUSTER)
    while True:
        try:
            for job in FREEZER.glob("slurm_n[12]/uid_*/job_*"):
                if int(job.name.removeprefix("job_")) in ours:
                    for directory in [*sorted(job.rglob("*/"), reverse=True), job]:
                        directory.rmdir()
            return
        except FileNotFoundError:
            continue  # another cluster's, whose job has just ended


@contextlib.contextmanager
def running(suite: str = roots.DEFAULT_SUITE) -> Iterator[SandboxCluster]:
    """Start a cluster for a with statement and stop it after."""
    cluster = SandboxCluster.start(suite)
    try:
        yield cluster
    finally:
        cluster.stop()
