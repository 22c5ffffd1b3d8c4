"""root's docker in the cluster, with scrun as its default runtime."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pexpect

from tests.py.cluster.base import Job
from tests.py.engines.dockerd import NAMES, Daemons
from tests.py.engines.podman import IMAGE, job_name

LEFT_TIMEOUT_S = 15.0
WAIT_S = 20.0
TERMINAL_TIMEOUT_S = 20

# What containers have on this host: our records, containerd's bundles. Namespace moby is
# docker's, default is ctr's.
DIRECTORIES = (
    "/run/docker/runtime-runc/moby",
    "/run/containerd/runc/default",
    "/run/containerd/io.containerd.runtime.v2.task/moby",
    "/run/containerd/io.containerd.runtime.v2.task/default",
)


class Docker:
    """Calls docker, and knows what there was before.

    Attributes:
        daemons: the containerd and dockerd it talks to.
        cluster: where they run.
    """

    def __init__(self, daemons: Daemons) -> None:
        """Note what there is; what is more of it later was left by us."""
        self.daemons = daemons
        self.cluster = daemons.cluster
        self._known_processes = {p.host_pid for p in self.cluster.processes()}
        self._known_jobs = {job.job_id for job in self.cluster.jobs()}

    def __call__(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        input: bytes | None = None,
        timeout_s: float = 60,
        check: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run ``docker ARGS`` to its end."""
        return self.cluster.run(
            ["docker", *args],
            user="root",
            env=env,
            input=input,
            timeout_s=timeout_s,
            check=check,
        )

    def text(self, *args: str) -> str:
        """Run ``docker ARGS``, which must succeed, and return its stdout without the line end."""
        return self(*args, check=True).stdout.decode().rstrip("\n")

    def popen(self, *args: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start ``docker ARGS``; ``options`` are Popen's."""
        return self.cluster.popen(["docker", *args], user="root", **options)

    @contextmanager
    def at_a_terminal(self, *args: str) -> Iterator[Any]:
        """Run ``docker ARGS`` as a person does: on a terminal of 33 rows and 77 columns."""
        argv = self.cluster.command(["docker", *args], user="root", env={"TERM": "xterm"})
        child = pexpect.spawn(
            argv[0],
            argv[1:],
            timeout=TERMINAL_TIMEOUT_S,
            dimensions=(33, 77),
            encoding="utf-8",
        )
        try:
            yield child
        finally:
            child.close(force=True)

    def run_detached(self, script: str, *options: str) -> str:
        """Start a container that runs a shell script in the background; return its id."""
        return self.text("run", "-d", *options, IMAGE, "sh", "-c", script)

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what docker knows of a container."""
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

    def remains(self) -> list[str]:
        """Return what is there of containers: theirs, ours, Slurm's; one line each."""
        names = self.text("ps", "-a", "--format", "{{.Names}}").split()
        found = [f"container {name}" for name in names]
        for path in DIRECTORIES:
            if self.cluster.root_path(path).is_dir():
                found += [f"{path}/{name}" for name in os.listdir(self.cluster.root_path(path))]
        jobs = [job for job in self.cluster.jobs() if job.job_id not in self._known_jobs]
        found += [f"job {job.job_id} {job.state}" for job in jobs]
        for process in self.cluster.processes():
            known = process.host_pid in self._known_processes or process.command in NAMES
            if not known:
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
        names = self.text("ps", "-aq").split()
        if names:
            self("rm", "--force", *names)
