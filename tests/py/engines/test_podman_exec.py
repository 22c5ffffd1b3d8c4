"""podman exec, with a terminal and without, and what stands on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.py.engines.engine import IMAGE
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm


@pytest.fixture
def web(podman: Podman) -> Iterator[str]:
    """A container that runs."""
    podman.run_detached("echo up; exec sleep 300", "--name", "web")
    yield "web"
    podman("rm", "-f", "-t", "0", "web", check=True)


@pytest.mark.engine_command(
    "podman", "exec -u", refused="a user's container has one user, whom `run --user` names"
)
def test_as_another_user(podman: Podman, web: str) -> None:
    """A job is one user's; the node maps no subordinate ids for it."""
    done = podman("exec", "-u", "1000", web, "true")
    assert done.returncode != 0 and b"setresgid" in done.stderr


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
