"""docker exec and docker's terminals: typed at, resized, interrupted, left and come back to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.py.engines.docker import Docker

pytestmark = pytest.mark.slurm


@pytest.fixture
def web(docker: Docker) -> Iterator[str]:
    """A container that runs."""
    docker.run_detached("echo up; exec sleep 300", "--name", "web")
    yield "web"
    docker("rm", "-f", "web", check=True)


@pytest.mark.engine_command("docker", "exec -u")
def test_as_another_user(docker: Docker, web: str) -> None:
    assert docker("exec", "-u", "1000", web, "id", "-u").stdout == b"1000\n"


@pytest.mark.engine_command("docker", "exec")
@pytest.mark.parametrize(
    ("command", "reason"),
    [("no-such-command", b"not found"), ("/etc/passwd", b"ermission denied")],
)
def test_a_command_that_cannot_run(docker: Docker, web: str, command: str, reason: bytes) -> None:
    """docker 26 answers 126 to both, with any runtime; the reason is the node's."""
    done = docker("exec", web, command)
    shown = done.stdout + done.stderr
    assert (done.returncode, b"OCI runtime exec failed" in shown) == (126, True)
    assert reason in shown


@pytest.mark.engine_command("docker", "exec")
def test_an_error_is_not_shown_again(docker: Docker, web: str) -> None:
    """The shim's log file is one for all calls: what the next one succeeds in has no reason."""
    assert docker("exec", web, "no-such-command").returncode == 126
    assert docker("exec", web, "true").returncode == 0
    done = docker("exec", web, "/etc/passwd")
    assert b"no-such-command" not in done.stdout + done.stderr


def test_exec_waits_for_the_node_to_make_the_container(docker: Docker) -> None:
    """docker's start returns before that, and so does anybody's."""
    conf = docker.cluster.root_path(f"{docker.cluster.site_dir()}/oci.conf")
    before = conf.read_text()
    try:
        conf.write_text(before.replace('RunTimeRun="', 'RunTimeRun="sleep 1; '))
        docker.run_detached("exec sleep 300", "--name", "web")
        done = docker("exec", "web", "echo", "there")
        assert (done.returncode, done.stdout) == (0, b"there\n"), done.stderr
    finally:
        conf.write_text(before)
    docker("rm", "-f", "web", check=True)


@pytest.mark.engine_command("docker", "exec")
def test_an_exec_ends_with_its_container(docker: Docker) -> None:
    docker.run_detached("echo up; exec sleep 300", "--name", "web")
    call = docker.popen("exec", "web", "sleep", "300")
    docker.cluster.wait_until(
        lambda: b"sleep 300" in docker("exec", "web", "ps").stdout, timeout_s=60
    )
    docker("rm", "-f", "web", check=True)
    assert call.wait(30) != 0


@pytest.mark.engine_command("docker", "run --health-cmd")
def test_healthcheck(docker: Docker) -> None:
    """dockerd runs it by exec."""
    health = ("--health-cmd", "test -e /tmp/well", "--health-interval", "200ms")
    docker.run_detached("exec sleep 300", "--name", "web", *health, "--health-retries", "1")

    def is_seen(status: str) -> None:
        docker.cluster.wait_until(
            lambda: docker.state("web")["Health"]["Status"] == status, timeout_s=60, what=status
        )

    is_seen("unhealthy")
    docker("exec", "web", "touch", "/tmp/well", check=True)
    is_seen("healthy")
    docker("rm", "-f", "web", check=True)
