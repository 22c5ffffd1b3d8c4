"""Containers that an engine starts, watches, signals, stops and starts again."""

from __future__ import annotations

from subprocess import PIPE

import pytest

from tests.py.engines.each import on_each
from tests.py.engines.engine import IMAGE, STUBBORN, TRAPS, Engine

pytestmark = pytest.mark.slurm


@on_each("run -d", "ps", "inspect", "logs", "stop", "wait", "rm")
def test_a_detached_container_is_seen_until_it_is_removed(engine: Engine) -> None:
    """Stop sends TERM first: the trap's exit code comes back."""
    container_id = engine.run_detached(TRAPS, "--name", "web")
    engine.wait_for_log("web", b"up")
    assert engine.text("ps", "--format", "{{.Names}} {{.State}}") == "web running"
    assert engine.state("web")["Status"] == "running"
    job = engine.job(container_id)
    assert (job.state, job.user) == ("RUNNING", engine.user)
    assert engine.text("stop", "web") == "web"
    assert engine.wait("web") == 5
    state = engine.state("web")
    assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 5, 0)
    assert engine.text("ps", "-a", "--format", "{{.Names}} {{.State}}") == "web exited"
    assert engine.logs("web") == b"up\nterm\n"
    assert engine.cluster.completed_job(job.job_id)["ExitCode"] == "5:0"
    assert engine.text("rm", "web") == "web"


@on_each("logs -f", "kill -s")
def test_logs_can_be_followed_to_the_end(engine: Engine) -> None:
    """``logs -f`` shows what is written later, and ends with the container.

    USR1 runs the trap, and the process goes on: it can be sent again.
    """
    engine.run_detached(TRAPS, "--name", "web")
    follower = engine.popen("logs", "-f", "web", stdout=PIPE)
    assert follower.stdout
    assert follower.stdout.readline() == b"up\n"
    for _ in range(2):
        assert engine.text("kill", "-s", "USR1", "web") == "web"
        assert follower.stdout.readline() == b"usr1\n"
    engine.text("stop", "web")
    assert follower.communicate(timeout=30)[0] == b"term\n"
    engine.text("rm", "web")


@on_each("kill")
def test_kill_without_a_name_of_a_signal_is_kill(engine: Engine) -> None:
    """No trap runs, and the status is that of SIGKILL; a second one finds nothing running."""
    engine.run_detached(TRAPS, "--name", "web")
    engine.wait_for_log("web", b"up\n")
    engine.text("kill", "web")
    assert engine.wait("web") == 137
    assert engine.logs("web") == b"up\n"
    assert engine("kill", "web").returncode != 0
    engine.text("rm", "web")


@on_each("restart")
def test_restart_stops_and_starts(engine: Engine) -> None:
    """The first process gets its TERM, the second one runs in another job."""
    container_id = engine.run_detached(TRAPS, "--name", "web")
    engine.wait_for_log("web", b"up\n")
    first = engine.job(container_id).job_id
    assert engine.text("restart", "web") == "web"
    engine.wait_for_log("web", b"up\nterm\nup\n")
    second = engine.job(container_id).job_id
    assert first != second
    assert engine.cluster.completed_job(first)["ExitCode"] == "5:0"
    engine.remove("web")


@on_each("rm -f")
def test_rm_by_force_ends_what_runs(engine: Engine) -> None:
    """A running container is killed and removed, its job ended; the second time is an error."""
    container_id = engine.run_detached(STUBBORN, "--name", "web")
    engine.wait_for_log("web", b"up\n")
    job_id = engine.job(container_id).job_id
    engine.remove("web")
    assert engine.cluster.completed_job(job_id)["ExitCode"] == "137:0"
    done = engine("rm", "web")
    assert done.returncode == 1 and b"no such container" in done.stderr.lower()


@on_each("run")
def test_a_signal_to_the_engine_is_the_containers(engine: Engine) -> None:
    """SIGTERM to a ``run`` in the foreground runs the process's trap."""
    process = engine.popen("run", "--rm", IMAGE, "sh", "-c", TRAPS, stdout=PIPE)
    assert process.stdout and process.stdout.readline() == b"up\n"
    process.terminate()
    assert process.communicate(timeout=30)[0] == b"term\n"
    assert process.returncode == 5
