"""A user's rootless podman in the cluster, with scrun as its default runtime."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.py.cluster.base import Cluster, Job

IMAGE = "busy"
LEFT_TIMEOUT_S = 10.0
WAIT_S = 15.0
SHORT_ID = 12  # digits of a container's id in its job's name

# Says when it is ready to be signalled; the answers to USR1 and TERM are its own.
TRAPS = (
    "trap 'echo usr1' USR1; trap 'echo term; exit 5' TERM; echo up; while :; do sleep 0.05; done"
)
STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.05; done"


class Podman:
    """Calls podman as one user, and knows what he had before.

    Attributes:
        cluster: where it runs.
        user: whose podman it is.
    """

    def __init__(self, cluster: Cluster, user: str = "alice") -> None:
        """Note what there is; what is more of it later was left by us."""
        self.cluster = cluster
        self.user = user
        self.uid = cluster.uid(user)
        self("ps", check=True)  # starts podman's pause process, which stays
        self._known_processes = {p.host_pid for p in cluster.processes()}
        self._known_jobs = {job.job_id for job in cluster.jobs()}

    def __call__(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        input: bytes | None = None,
        timeout_s: float = 60,
        check: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run ``podman ARGS`` to its end."""
        return self.cluster.run(
            ["podman", *args],
            user=self.user,
            env=env,
            input=input,
            timeout_s=timeout_s,
            check=check,
        )

    def text(self, *args: str) -> str:
        """Run ``podman ARGS``, which must succeed, and return its stdout without the line end."""
        return self(*args, check=True).stdout.decode().rstrip("\n")

    def popen(self, *args: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start ``podman ARGS``; ``options`` are Popen's."""
        return self.cluster.popen(["podman", *args], user=self.user, **options)

    def run_detached(self, script: str, *options: str) -> str:
        """Start a container that runs a shell script in the background; return its id."""
        return self.text("run", "-d", *options, IMAGE, "sh", "-c", script)

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what ``podman inspect`` knows of a container."""
        document: list[dict[str, Any]] = json.loads(self.text("container", "inspect", name))
        return document[0]

    def state(self, name: str) -> dict[str, Any]:
        """Return its part ``State``."""
        found: dict[str, Any] = self.inspect(name)["State"]
        return found

    def logs(self, name: str) -> bytes:
        """Return a container's stdout and stderr so far."""
        done = self("logs", name, check=True)
        return done.stdout + done.stderr

    def wait_for_log(self, name: str, text: bytes) -> None:
        """Wait until a container has written a text."""
        self.cluster.wait_until(
            lambda: text in self.logs(name), timeout_s=WAIT_S, what=f"{name} writes {text!r}"
        )

    def wait(self, name: str) -> int:
        """Wait until a container has ended and return its exit status."""
        return int(self.text("wait", name))

    def job(self, container_id: str) -> Job:
        """Return the job of a container that is up, found by the name that is the default."""
        return self.cluster.wait_until(
            lambda: next(
                (j for j in self.cluster.jobs() if j.name == job_name(container_id)), None
            ),
            timeout_s=WAIT_S,
            what=f"job of {container_id}",
        )

    def job_ids(self) -> set[int]:
        """Return the numbers of the jobs that slurmctld remembers, ended ones too."""
        shown = self.cluster.run(["scontrol", "-o", "show", "job"]).stdout.decode()
        words = (line.partition(" ")[0] for line in shown.splitlines())
        return {int(word.removeprefix("JobId=")) for word in words if word.startswith("JobId=")}

    def remains(self) -> list[str]:
        """Return what is there of containers: theirs, ours, Slurm's; one line each."""
        names = self.text("ps", "-a", "--format", "{{.Names}}").split()
        found = [f"container {name}" for name in names]
        for directory in ("scrun", "slurm/scrun"):
            path = f"/run/user/{self.uid}/{directory}"
            if self.cluster.root_path(path).is_dir():
                found += [f"{path}/{name}" for name in os.listdir(self.cluster.root_path(path))]
        jobs = [job for job in self.cluster.jobs() if job.job_id not in self._known_jobs]
        found += [f"job {job.job_id} {job.state}" for job in jobs]
        for process in self.cluster.processes():
            if process.uid == self.uid and process.host_pid not in self._known_processes:
                found.append(f"process {process.pid} {process.state} {process.command}")
        return found

    def wait_for_nothing(self) -> list[str]:
        """Wait until nothing remains; return what still does."""
        left: list[str] = []

        def nothing() -> bool:
            left[:] = self.remains()
            return not left

        try:
            self.cluster.wait_until(nothing, timeout_s=LEFT_TIMEOUT_S)
        except AssertionError:
            return left
        return []

    def remove_all(self) -> None:
        """Remove every container, by force."""
        self("rm", "--all", "--force", "--time", "0")


def job_name(container_id: str) -> str:
    """Return the name of a container's job when nobody gave one (setting ``job_name``)."""
    return f"scrun-{container_id[:SHORT_ID]}"


def only_line(stderr: bytes) -> str:
    """Return the one line that stderr must be."""
    text = stderr.decode()
    assert text.count("\n") == 1 and text.endswith("\n"), text
    return text.rstrip("\n")
