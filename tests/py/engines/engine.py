"""What podman and docker have in common: their commands, and what is left of containers."""

from __future__ import annotations

import abc
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pexpect

from tests.py.cluster.base import Cluster, Job
from tests.py.cluster.sandbox import Process

IMAGE = "busy"
WAIT_S = 60.0
LEFT_TIMEOUT_S = 60.0
SHORT_ID = 12  # digits of a container's id in its job's name

# Says when it is ready to be signalled; the answers to USR1 and TERM are its own.
TRAPS = (
    "trap 'echo usr1' USR1; trap 'echo term; exit 5' TERM; echo up; while :; do sleep 0.05; done"
)
STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.05; done"


class Engine(abc.ABC):
    """Calls an engine as one user, and knows what there was before.

    Attributes:
        program: the engine's command.
        cluster: where it runs.
        user: who calls.
        environment: changes to a clean login's.
    """

    program: str

    def __init__(
        self, cluster: Cluster, user: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Note what there is; what is more of it later was left by us."""
        self.cluster = cluster
        self.user = user
        self.environment = dict(environment or {})
        self.uid = cluster.uid(user)
        self("ps", check=True)  # podman's pause process stays
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
        """Run the engine with ``args`` to its end."""
        return self.cluster.run(
            [self.program, *args],
            user=self.user,
            env={**self.environment, **(env or {})},
            input=input,
            timeout_s=timeout_s,
            check=check,
        )

    def text(self, *args: str) -> str:
        """Run what must succeed, and return its stdout without the line end."""
        return self(*args, check=True).stdout.decode().rstrip("\n")

    def popen(self, *args: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start the engine with ``args``; ``options`` are Popen's."""
        argv = [self.program, *args]
        return self.cluster.popen(argv, user=self.user, env=self.environment, **options)

    @contextmanager
    def at_a_terminal(self, *args: str) -> Iterator[Any]:
        """Run the engine as a person does: on a terminal of 33 rows and 77 columns."""
        environment = {**self.environment, "TERM": "xterm"}
        argv = self.cluster.command([self.program, *args], user=self.user, env=environment)
        child = pexpect.spawn(
            argv[0], argv[1:], timeout=WAIT_S, dimensions=(33, 77), encoding="utf-8"
        )
        try:
            yield child
        finally:
            child.close(force=True)

    def run_detached(self, script: str, *options: str) -> str:
        """Start a container that runs a shell script in the background; return its id."""
        return self.text("run", "-d", *options, IMAGE, "sh", "-c", script)

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what the engine knows of a container."""
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
        """Return the job of a container that is up, found by the name that is the default.

        The last of that name: of a restarted one the first may be listed as completing.
        """
        return self.cluster.wait_until(
            lambda: max(
                (j for j in self.cluster.jobs() if j.name == job_name(container_id)),
                key=lambda j: j.job_id,
                default=None,
            ),
            timeout_s=WAIT_S,
            what=f"job of {container_id}",
        )

    @abc.abstractmethod
    def directories(self) -> tuple[str, ...]:
        """Return where containers have a directory each on this host: our records, and more."""

    @abc.abstractmethod
    def may_be_left(self, process: Process) -> bool:
        """Tell whether a process that was not there before can be a container's."""

    @abc.abstractmethod
    def remove(self, name: str) -> None:
        """Kill and remove a container at once."""

    @abc.abstractmethod
    def remove_all(self) -> None:
        """Remove every container, by force."""

    def remains(self) -> list[str]:
        """Return what is there of containers: theirs, ours, Slurm's; one line each."""
        names = self.text("ps", "-a", "--format", "{{.Names}}").split()
        found = [f"container {name}" for name in names]
        for path in self.directories():
            if self.cluster.root_path(path).is_dir():
                found += [f"{path}/{name}" for name in os.listdir(self.cluster.root_path(path))]
        jobs = [job for job in self.cluster.jobs() if job.job_id not in self._known_jobs]
        found += [f"job {job.job_id} {job.state}" for job in jobs]
        for process in self.cluster.processes():
            if process.host_pid not in self._known_processes and self.may_be_left(process):
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

    def end_of_test(self) -> None:
        """Fail when something is left, and remove it."""
        left = self.wait_for_nothing()
        if left:
            self.cluster.restore_site()  # what a test made wrong must not keep us from cleaning up
            self.remove_all()
        assert not left, "left behind:\n" + "\n".join(left)


def job_name(container_id: str) -> str:
    """Return the name of a container's job when nobody gave one (setting ``job_name``)."""
    return f"scrun-{container_id[:SHORT_ID]}"


def only_line(stderr: bytes) -> str:
    """Return the one line that stderr must be."""
    text = stderr.decode()
    assert text.count("\n") == 1 and text.endswith("\n"), text
    return text.rstrip("\n")
