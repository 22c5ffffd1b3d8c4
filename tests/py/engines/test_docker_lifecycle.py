"""Containers that docker starts, watches, signals, stops and starts again."""

from __future__ import annotations

import hashlib
import json
import os
from subprocess import PIPE

import pytest

from tests.py.engines.docker import Docker
from tests.py.engines.engine import IMAGE, STUBBORN, TRAPS

pytestmark = pytest.mark.slurm

KILLED = (137, 143)  # 128 + SIGKILL, SIGTERM


@pytest.mark.engine_command("docker", "run")
def test_run(docker: Docker) -> None:
    """The process runs in a job; its streams are apart and its status is docker's."""
    script = "echo $SLURM_JOB_ID; id -u; echo error >&2; exit 7"
    done = docker("run", "--rm", IMAGE, "sh", "-c", script)
    job_id, uid = done.stdout.split()
    assert (done.returncode, uid, done.stderr) == (7, b"0", b"error\n")
    assert docker.cluster.completed_job(int(job_id))["ExitCode"] == "7:0"


@pytest.mark.engine_command("docker", "run", note="as root: docker's jobs are root's")
@pytest.mark.parametrize("options", [("--net=none",), ("--net=host",), ("--privileged",)])
def test_run_with_options_that_need_a_host(docker: Docker, options: tuple[str, ...]) -> None:
    """What would be set up on docker's host is left out on the node; the container runs."""
    done = docker("run", "--rm", *options, IMAGE, "echo", "there")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"there\n", b"")


@pytest.mark.engine_command("docker", "run -u")
def test_run_as_another_user(docker: Docker) -> None:
    done = docker("run", "--rm", "-u", "1000:1000", IMAGE, "sh", "-c", "id -u; id -g")
    assert (done.returncode, done.stdout) == (0, b"1000\n1000\n")


@pytest.mark.engine_command("docker", "run -i")
def test_run_with_input(docker: Docker) -> None:
    """What goes in comes whole, and its end ends the process."""
    data = os.urandom(8 << 20)
    done = docker("run", "--rm", "-i", IMAGE, "sha256sum", input=data)
    assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


@pytest.mark.engine_command("docker", "run -v")
def test_run_with_a_directory_of_the_host(docker: Docker) -> None:
    """A bind mount is what the node has under the same path."""
    docker.cluster.write_file("/srv/share/word", "there\n")
    script = "cat /data/word; echo back > /data/answer"
    done = docker("run", "--rm", "-v", "/srv/share:/data", IMAGE, "sh", "-c", script)
    assert (done.returncode, done.stdout) == (0, b"there\n")
    assert docker.cluster.root_path("/srv/share/answer").read_text() == "back\n"


@pytest.mark.engine_command("docker", "run")
@pytest.mark.parametrize(
    ("command", "status", "reason"),
    [
        ("no-such-command", 127, b'exec: "no-such-command": executable file not found in $PATH'),
        ("/etc/passwd", 126, b'exec: "/etc/passwd": permission denied'),
    ],
)
def test_a_command_that_cannot_run(
    docker: Docker, command: str, status: int, reason: bytes
) -> None:
    """127 and 126 with the reason, as with any runtime."""
    done = docker("run", "--rm", IMAGE, command)
    assert (done.returncode, done.stdout) == (status, b"")
    assert reason in done.stderr


@pytest.mark.engine_command("docker", "run")
def test_slurms_reason_reaches_the_user(docker: Docker) -> None:
    """It comes to docker through ``--log``, as JSON."""
    options = ("--annotation", "slurm.job.partition=nosuch")
    done = docker("run", "--rm", *options, IMAGE, "true")
    assert done.returncode == 125
    assert b"allocation refused: Invalid partition name specified" in done.stderr


@pytest.mark.engine_command("docker", "run -d")
def test_the_pid_is_our_anchor(docker: Docker) -> None:
    """What docker watches is the process that holds the job, a child of the shim."""
    container_id = docker.run_detached(TRAPS, "--name", "web")
    pid = docker.state("web")["Pid"]
    path = f"/run/docker/runtime-runc/moby/{container_id}/state.json"
    document = json.loads(docker.cluster.root_path(path).read_text())
    assert (document["pid"], document["status"]) == (pid, "running")
    parent = docker.cluster.run(["ps", "-o", "ppid=", "-p", str(pid)]).stdout
    command = docker.cluster.run(["ps", "-o", "args=", "-p", parent.decode().strip()]).stdout
    assert b"containerd-shim-runc-v2" in command
    docker.text("rm", "-f", "web")


@pytest.mark.engine_command("docker", "stop")
def test_a_process_that_ignores_term_is_killed_after_the_timeout(docker: Docker) -> None:
    docker.run_detached(STUBBORN, "--name", "web")
    docker.wait_for_log("web", b"up\n")
    assert docker.text("stop", "-t", "1", "web") == "web"
    assert docker.wait("web") == 137
    docker.text("rm", "web")


@pytest.mark.engine_command("docker", "create")
@pytest.mark.engine_command("docker", "start")
def test_a_created_container_starts_and_starts_again(docker: Docker) -> None:
    """``create`` asks for no job; each start is a job of its own."""
    script = "read word; echo $word $SLURM_JOB_ID; echo error >&2; exit 3"
    container_id = docker.text("create", "-i", "--name", "web", IMAGE, "sh", "-c", script)
    assert not docker.cluster.jobs(), container_id
    jobs = []
    for word in (b"one", b"two"):
        done = docker("start", "-a", "-i", "web", input=word + b"\n")
        assert (done.returncode, done.stderr) == (3, b"error\n")
        said, job_id = done.stdout.split()
        assert said == word
        jobs.append(int(job_id))
    assert jobs[0] != jobs[1]
    for number in jobs:
        assert docker.cluster.completed_job(number)["ExitCode"] == "3:0"
    docker.text("rm", "web")


@pytest.mark.engine_command("docker", "attach")
def test_attach_joins_a_running_container(docker: Docker) -> None:
    """Input and output go through, and so does the status."""
    script = "read word; echo got $word; echo error >&2; exit 4"
    docker.text("run", "-d", "-i", "--name", "web", IMAGE, "sh", "-c", script)
    client = docker.popen("attach", "web", stdin=PIPE, stdout=PIPE, stderr=PIPE)
    assert client.stdin and client.stdout and client.stderr
    client.stdin.write(b"something\n")
    client.stdin.flush()  # docker shows no more output after the end of its input
    assert client.stdout.readline() == b"got something\n"
    assert client.stderr.readline() == b"error\n"
    assert client.communicate(timeout=30) == (b"", b"")
    assert client.returncode == 4
    docker.text("rm", "web")


@pytest.mark.engine_command("docker", "events")
def test_events_tell_a_containers_life(docker: Docker) -> None:
    """The end comes from our anchor's, with its exit status."""
    container_id = docker.run_detached("exit 6", "--name", "web")
    assert docker.wait("web") == 6
    docker.text("rm", "web")
    form = "{{.Action}} {{.Actor.Attributes.exitCode}}"
    filters = ("--filter", f"container={container_id}", "--filter", "type=container")
    events = docker.popen("events", "--since", "5m", *filters, "--format", form, stdout=PIPE)
    assert events.stdout
    said = [events.stdout.readline().decode().removesuffix(" <no value>\n") for _ in range(4)]
    events.terminate()
    events.communicate(timeout=30)
    assert [word.rstrip() for word in said] == ["create", "start", "die 6", "destroy"]


@pytest.mark.parametrize("script", [TRAPS, STUBBORN], ids=["has traps", "ignores TERM"])
def test_scancel_ends_a_container(docker: Docker, script: str) -> None:
    """docker sees a container that was killed, whatever its process thinks of signals."""
    container_id = docker.run_detached(script, "--name", "web")
    docker.wait_for_log("web", b"up\n")
    job_id = docker.job(container_id).job_id
    docker.cluster.run(["scancel", str(job_id)], user="root", check=True)
    assert docker.wait("web") in KILLED
    assert docker.state("web")["Status"] == "exited"
    assert docker.cluster.completed_job(job_id)["JobState"] == "CANCELLED"
    docker.text("rm", "web")


@pytest.mark.engine_command("docker", "cp")
@pytest.mark.engine_command("docker", "diff")
@pytest.mark.engine_command("docker", "export")
def test_files_of_a_container_that_has_ended(docker: Docker) -> None:
    """What the process wrote is in docker's own copy of the root file system."""
    docker("run", "--name", "web", IMAGE, "sh", "-c", "echo written > /root/new", check=True)
    assert "A /root/new" in docker.text("diff", "web").splitlines()
    assert b"written\n" in docker("cp", "web:/root/new", "-", check=True).stdout
    assert b"root/new" in docker("export", "web", check=True).stdout
    docker.text("rm", "web")


@pytest.mark.engine_command("docker", "build", note="the legacy builder; BuildKit runs runc itself")
@pytest.mark.engine_command("docker", "commit")
def test_the_legacy_builder_runs_its_commands_as_jobs(docker: Docker) -> None:
    """RUN is a container of the default runtime; what it wrote is in the image."""
    lines = [f"FROM {IMAGE}", "RUN echo $SLURM_JOB_ID > /job", 'CMD ["cat", "/job"]']
    docker.cluster.write_file("/root/build/Dockerfile", "\n".join(lines) + "\n")
    legacy = {"DOCKER_BUILDKIT": "0"}
    docker("build", "-t", "built", "/root/build", env=legacy, check=True)
    job_id = int(docker("run", "--rm", "built", check=True).stdout)
    assert docker.cluster.completed_job(job_id)["JobState"] == "COMPLETED"
    docker("rmi", "built", check=True)


@pytest.mark.engine_command("docker", "build")
def test_the_legacy_builder_stops_at_a_command_that_fails(docker: Docker) -> None:
    lines = [f"FROM {IMAGE}", "RUN exit 9"]
    docker.cluster.write_file("/root/build/Dockerfile", "\n".join(lines) + "\n")
    options = ("--force-rm", "-t", "built", "/root/build")
    done = docker("build", *options, env={"DOCKER_BUILDKIT": "0"})
    assert done.returncode == 9 and b"returned a non-zero code: 9" in done.stderr
