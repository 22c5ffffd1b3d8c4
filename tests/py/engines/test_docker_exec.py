"""docker exec and docker's terminals: typed at, resized, interrupted, left and come back to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import pytest

from tests.py.engines.docker import Docker
from tests.py.engines.podman import IMAGE
from tests.py.engines.test_podman_terminal import PROMPT, SHELL, end_of, expect_size

pytestmark = pytest.mark.slurm


@pytest.fixture
def web(docker: Docker) -> Iterator[str]:
    """A container that runs."""
    docker.run_detached("echo up; exec sleep 300", "--name", "web")
    yield "web"
    docker("rm", "-f", "web", check=True)


@pytest.mark.engine_command("docker", "exec")
def test_output_status_and_environment(docker: Docker, web: str) -> None:
    script = "echo $A; test $SLURM_JOB_ID; pwd; echo e >&2; exit 9"
    done = docker("exec", "-e", "A=b", "-w", "/tmp", web, "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (9, b"b\n/tmp\n", b"e\n")


@pytest.mark.engine_command("docker", "exec -u")
def test_as_another_user(docker: Docker, web: str) -> None:
    assert docker("exec", "-u", "1000", web, "id", "-u").stdout == b"1000\n"


@pytest.mark.engine_command("docker", "exec -i")
def test_input(docker: Docker, web: str) -> None:
    data = os.urandom(2 << 20)
    done = docker("exec", "-i", web, "sha256sum", input=data)
    assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


@pytest.mark.engine_command("docker", "exec -d")
def test_detached(docker: Docker, web: str) -> None:
    docker("exec", "-d", web, "sh", "-c", "echo done >/tmp/mark", check=True)
    docker.cluster.wait_until(
        lambda: docker("exec", web, "cat", "/tmp/mark").stdout == b"done\n", timeout_s=20
    )


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


@pytest.mark.engine_command("docker", "exec -it")
def test_exec_at_a_terminal(docker: Docker, web: str) -> None:
    """Type, resize, Ctrl-C, exit code."""
    with docker.at_a_terminal("exec", "-it", web, *SHELL) as child:
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
    assert docker.state(web)["Status"] == "running"


@pytest.mark.engine_command("docker", "exec")
def test_many_at_once(docker: Docker, web: str) -> None:
    calls = [docker.popen("exec", web, "sh", "-c", f"sleep 1; exit {n}") for n in range(5)]
    assert [call.wait(60) for call in calls] == [0, 1, 2, 3, 4]


@pytest.mark.engine_command("docker", "exec")
def test_an_exec_ends_with_its_container(docker: Docker) -> None:
    docker.run_detached("echo up; exec sleep 300", "--name", "web")
    call = docker.popen("exec", "web", "sleep", "300")
    docker.cluster.wait_until(
        lambda: b"sleep 300" in docker("exec", "web", "ps").stdout, timeout_s=20
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
            lambda: docker.state("web")["Health"]["Status"] == status, timeout_s=20, what=status
        )

    is_seen("unhealthy")
    docker("exec", "web", "touch", "/tmp/well", check=True)
    is_seen("healthy")
    docker("rm", "-f", "web", check=True)


@pytest.mark.engine_command("docker", "run -it")
def test_run_at_a_terminal(docker: Docker) -> None:
    """Type, resize, Ctrl-C, Ctrl-Z, exit 3."""
    with docker.at_a_terminal("run", "--rm", "-it", IMAGE, *SHELL) as child:
        child.expect_exact(PROMPT)
        child.send("echo $((6*7)) $SLURM_JOB_ID; tty\r")
        child.expect(r"\r\n42 \d+\r\n/dev/pts/0\r\n")
        child.expect_exact(PROMPT)
        expect_size(child, "33 77")
        child.setwinsize(40, 100)
        expect_size(child, "40 100")
        child.send("echo o''n; sleep 100\r")
        child.expect(r"\non\r\n")
        child.send("\x03")
        child.expect_exact(PROMPT)
        child.send("echo o''n; sleep 100\r")
        child.expect(r"\non\r\n")
        child.send("\x1a")
        child.expect("Stopped")
        child.expect_exact(PROMPT)
        child.send("kill -9 %1\r")
        child.expect_exact(PROMPT)
        child.send("exec sh -c 'exit 3'\r")
        assert end_of(child) == 3


@pytest.mark.engine_command("docker", "attach")
def test_detach_and_attach(docker: Docker) -> None:
    """The detach keys leave the container running; attach finds the same shell."""
    with docker.at_a_terminal("run", "-it", "--name", "web", IMAGE, *SHELL) as child:
        child.expect_exact(PROMPT)
        child.send("mark=kept\r")
        child.expect_exact(PROMPT)
        child.send("\x10\x11")  # Ctrl-P, Ctrl-Q
        end_of(child)
    assert docker.state("web")["Status"] == "running"
    with docker.at_a_terminal("attach", "web") as child:
        child.send("echo $mark\r")
        child.expect(r"\r\nkept\r\n")
        child.send("exit 4\r")
        assert end_of(child) == 4
    assert docker.wait("web") == 4
    docker("rm", "web", check=True)


@pytest.mark.engine_command("docker", "run -t")
def test_output_of_a_terminal_without_input(docker: Docker) -> None:
    """``-t`` alone: the output comes through a terminal, line ends and all, to a pipe as well."""
    done = docker("run", "--rm", "-t", IMAGE, "sh", "-c", "tty; echo last; exit 5")
    assert (done.returncode, done.stdout) == (5, b"/dev/pts/0\r\nlast\r\n")


@pytest.mark.engine_command("docker", "run -dt")
def test_detached_with_a_terminal(docker: Docker) -> None:
    """Its output is in the logs."""
    docker("run", "-dt", "--name", "web", IMAGE, "sh", "-c", "tty; exit 6", check=True)
    assert docker.wait("web") == 6
    assert docker.text("logs", "web").split() == ["/dev/pts/0"]
    docker("rm", "web", check=True)


@pytest.mark.engine_command("docker", "run -it")
def test_a_program_redraws_at_a_new_size(docker: Docker) -> None:
    """vi follows its terminal."""
    script = "i=0; while [ $i -lt 200 ]; do echo line$i; i=$((i+1)); done >/tmp/f; vi /tmp/f"
    with docker.at_a_terminal("run", "--rm", "-it", IMAGE, "sh", "-c", script) as child:
        child.expect(r"line31\b")
        child.setwinsize(50, 100)
        child.expect(r"line48\b")
        child.send(":q!\r")
        assert end_of(child) == 0


@pytest.mark.engine_command("docker", "run -it")
def test_a_command_that_is_not_there(docker: Docker) -> None:
    """127 with the reason, on a terminal too."""
    with docker.at_a_terminal("run", "--rm", "-it", IMAGE, "no-such-command") as child:
        child.expect("executable file not found")
        assert end_of(child) == 127
