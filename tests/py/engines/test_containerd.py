"""containerd without docker: its own client runs containers by our runtime."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pexpect
import pytest

from tests.py.cluster.recipe import BUSY_ROOTFS
from tests.py.engines.docker import Docker
from tests.py.engines.engine import TRAPS
from tests.py.engines.terminal import PROMPT, SHELL, end_of

pytestmark = pytest.mark.slurm

ROOTFS = "/srv/ctr/rootfs"


class Ctr:
    """Calls ctr on a root file system of its own."""

    def __init__(self, docker: Docker) -> None:
        """Copy the root file system: a container writes into it."""
        self.docker = docker
        self.cluster = docker.cluster
        script = f"rm -rf {ROOTFS}; mkdir -p {ROOTFS}; cp -a {BUSY_ROOTFS}/. {ROOTFS}"
        self.cluster.run(["sh", "-c", script], user="root", check=True)
        self.run = ("run", "--runc-binary", self.cluster.scrun, "--rootfs")

    def __call__(self, *args: str) -> subprocess.CompletedProcess[bytes]:
        """Run ``ctr ARGS`` to its end."""
        return self.cluster.run(["ctr", *args], user="root")

    def status(self, name: str) -> str:
        """Return what ``ctr task list`` says of a container, empty when nothing."""
        lines = self("task", "list").stdout.decode().splitlines()
        return next((line.split()[2] for line in lines if line.split()[0] == name), "")

    def wait_for_output(self, name: str, text: bytes) -> None:
        """Wait until a detached container has written a text into ``/said``."""
        said = self.cluster.root_path(f"{ROOTFS}/said")
        self.cluster.wait_until(
            lambda: said.exists() and text in said.read_bytes(), timeout_s=60, what=name
        )


@pytest.fixture
def ctr(docker: Docker) -> Iterator[Ctr]:
    """ctr; what is left of its containers fails the test."""
    ctr = Ctr(docker)
    yield ctr
    names = ctr("container", "list", "-q").stdout.decode().split()
    for name in names:
        ctr("task", "delete", "--force", name)
        ctr("container", "delete", name)
    assert not names, "left behind"


@pytest.mark.engine_command("containerd", "ctr run --runc-binary")
def test_run(ctr: Ctr) -> None:
    """Output and status are those of a process in a job."""
    script = "test $SLURM_JOB_ID && echo out; exit 7"
    done = ctr(*ctr.run, "--rm", ROOTFS, "web", "/bin/sh", "-c", script)
    assert (done.returncode, done.stdout) == (7, b"out\n"), done.stderr


@pytest.mark.engine_command("containerd", "ctr run --runc-binary")
def test_a_command_that_is_not_there(ctr: Ctr) -> None:
    done = ctr(*ctr.run, "--rm", ROOTFS, "web", "no-such-command")
    assert done.returncode == 1 and b"executable file not found in $PATH" in done.stderr
    ctr("container", "delete", "web")


@pytest.mark.engine_command("containerd", "ctr run -t")
def test_run_at_a_terminal(ctr: Ctr) -> None:
    argv = ctr.cluster.command(["ctr", *ctr.run, "--rm", "-t", ROOTFS, "web", *SHELL], user="root")
    child = pexpect.spawn(argv[0], argv[1:], timeout=60, dimensions=(33, 77), encoding="utf-8")
    try:
        child.expect_exact(PROMPT)
        until_size = "until [ \"$(stty size)\" = '%s' ]; do usleep 50000; done; echo is''so\r"
        child.send(until_size % "33 77")
        child.expect_exact("\nisso\r")
        child.setwinsize(40, 100)
        child.send(until_size % "40 100")
        child.expect_exact("\nisso\r")
        child.send("exit 3\r")
        assert end_of(child) == 3
    finally:
        child.close(force=True)


@pytest.mark.engine_command("containerd", "ctr run -d")
@pytest.mark.engine_command("containerd", "ctr task exec")
@pytest.mark.engine_command("containerd", "ctr task ps")
@pytest.mark.engine_command("containerd", "ctr task pause")
@pytest.mark.engine_command("containerd", "ctr task resume")
@pytest.mark.engine_command("containerd", "ctr task kill")
@pytest.mark.engine_command("containerd", "ctr task delete")
def test_a_tasks_life(ctr: Ctr) -> None:
    """Exec, ps, pause, resume, kill with the trap's exit code, delete."""
    script = f"exec >/said; {TRAPS}"
    done = ctr(*ctr.run, "-d", ROOTFS, "web", "/bin/sh", "-c", script)
    assert done.returncode == 0, done.stderr
    ctr.wait_for_output("web", b"up\n")
    assert ctr.status("web") == "RUNNING"
    done = ctr("task", "exec", "--exec-id", "x", "web", "/bin/sh", "-c", "echo in; exit 9")
    assert (done.returncode, done.stdout) == (9, b"in\n"), done.stderr
    numbers = [line.split()[0] for line in ctr("task", "ps", "web").stdout.decode().splitlines()]
    assert len(numbers) == 2 and numbers[0] == "PID"
    assert ctr("task", "pause", "web").returncode == 0
    assert ctr.status("web") == "PAUSED"
    assert ctr("task", "resume", "web").returncode == 0
    assert ctr.status("web") == "RUNNING"
    assert ctr("task", "kill", "-s", "USR1", "web").returncode == 0
    ctr.wait_for_output("web", b"up\nusr1\n")
    assert ctr("task", "kill", "-s", "TERM", "web").returncode == 0
    ctr.cluster.wait_until(lambda: ctr.status("web") == "STOPPED", timeout_s=60, what="it stops")
    done = ctr("task", "delete", "web")
    assert b"non-zero exit code 5" in done.stderr
    assert ctr("container", "delete", "web").returncode == 0


@pytest.mark.engine_command(
    "containerd", "ctr task checkpoint", refused="a job's process cannot be saved"
)
def test_checkpoint_is_refused(ctr: Ctr) -> None:
    """With the reason, and the container runs on."""
    done = ctr(*ctr.run, "-d", ROOTFS, "web", "/bin/sleep", "300")
    assert done.returncode == 0, done.stderr
    done = ctr("task", "checkpoint", "--image-path", "/srv/checkpoint", "web")
    assert done.returncode == 1 and b"checkpoint" in done.stderr
    assert ctr.status("web") == "RUNNING"
    assert ctr("task", "delete", "--force", "web").returncode in (0, 137)
    assert ctr("container", "delete", "web").returncode == 0
