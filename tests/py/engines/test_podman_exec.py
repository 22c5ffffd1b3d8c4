"""podman exec, with a terminal and without, and what stands on it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator

import pytest

from tests.py.engines.podman import IMAGE, Podman
from tests.py.engines.test_podman_terminal import PROMPT, SHELL, at_a_terminal, end_of, expect_size

pytestmark = pytest.mark.slurm


@pytest.fixture
def web(podman: Podman) -> Iterator[str]:
    """A container that runs."""
    podman.run_detached("echo up; exec sleep 300", "--name", "web")
    yield "web"
    podman("rm", "-f", "-t", "0", "web", check=True)


@pytest.mark.engine_command("podman", "exec")
def test_output_status_and_environment(podman: Podman, web: str) -> None:
    done = podman(
        "exec", "-e", "A=b", web, "sh", "-c", "echo $A; test $SLURM_JOB_ID; echo e >&2; exit 9"
    )
    assert (done.returncode, done.stdout, done.stderr) == (9, b"b\n", b"e\n")


@pytest.mark.engine_command("podman", "exec")
def test_input(podman: Podman, web: str) -> None:
    data = os.urandom(2 << 20)
    done = podman("exec", "-i", web, "sha256sum", input=data)
    assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


@pytest.mark.engine_command("podman", "exec")
def test_detached(podman: Podman, web: str) -> None:
    podman("exec", "-d", web, "sh", "-c", "sleep 0.5; echo done >/tmp/mark", check=True)
    deadline = time.monotonic() + 20
    while podman("exec", web, "cat", "/tmp/mark").stdout != b"done\n":
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("command", "status", "reason"),
    [
        ("no-such-command", 127, b"not found"),
        ("/etc/passwd", 126, b"ermission denied"),
    ],
)
def test_a_command_that_cannot_run(
    podman: Podman, web: str, command: str, status: int, reason: bytes
) -> None:
    """127 and 126 with the reason, as with any runtime."""
    done = podman("exec", web, command)
    assert done.returncode == status and reason in done.stderr


@pytest.mark.engine_command("podman", "exec -it")
def test_at_a_terminal(podman: Podman, web: str) -> None:
    """Type, resize, Ctrl-C, exit code."""
    with at_a_terminal(podman, "exec", "-it", web, *SHELL) as child:
        child.expect_exact(PROMPT)
        expect_size(child, "33 77")
        child.setwinsize(40, 100)
        expect_size(child, "40 100")
        child.send("echo o''n; sleep 100\r")
        child.expect(r"\non\r\n")
        child.send("\x03")
        child.expect_exact(PROMPT)
        child.send("exec sh -c 'exit 6'\r")
        assert end_of(child) == 6
    assert podman.state(web)["Status"] == "running"


def test_many_at_once(podman: Podman, web: str) -> None:
    calls = [podman.popen("exec", web, "sh", "-c", f"sleep 1; exit {n}") for n in range(5)]
    assert [call.wait(60) for call in calls] == [0, 1, 2, 3, 4]


@pytest.mark.engine_command("podman", "healthcheck run")
def test_healthcheck(podman: Podman) -> None:
    """podman runs it by exec."""
    podman.run_detached(
        "exec sleep 300",
        "--name",
        "web",
        "--health-cmd",
        "test -e /tmp/well",
        "--health-interval",
        "disable",
    )
    assert podman("healthcheck", "run", "web").returncode == 1
    podman("exec", "web", "touch", "/tmp/well", check=True)
    assert podman("healthcheck", "run", "web").returncode == 0
    podman("rm", "-f", "-t", "0", "web", check=True)


def test_a_container_that_has_ended(podman: Podman) -> None:
    podman("run", "--name", "web", IMAGE, "true", check=True)
    done = podman("exec", "web", "true")
    assert done.returncode != 0 and b"can only create exec sessions on running" in done.stderr
    podman("rm", "web", check=True)
