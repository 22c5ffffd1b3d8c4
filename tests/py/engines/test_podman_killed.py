"""podman or its conmon killed (-9) in the midst of something: ``podman rm -f`` cleans up all."""

from __future__ import annotations

import subprocess

import pytest

from tests.py.engines.engine import IMAGE, STUBBORN
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

# By these the tests find them; podman's command line comes after the name of its program.
PODMAN = r"^podman {verb} .*web"
CONMON = r"^/usr/bin/conmon .* -n web "
VICTIMS = {"podman": (PODMAN,), "conmon": (CONMON,), "both": (PODMAN, CONMON)}
who_dies = pytest.mark.parametrize("victims", VICTIMS.values(), ids=VICTIMS.keys())

SLOW = """\
function slurm_scrun_stage_in() {stage_in} return slurm.SUCCESS end
function slurm_scrun_stage_out() {stage_out} return slurm.SUCCESS end
"""
NO_CONMON = b"conmon exited prematurely, exit code could not be retrieved"
WAITS = "os.execute('exec sleep 4712')"
IS_IN_SCRIPT = r"^sleep 4712"


def kill(podman: Podman, victims: tuple[str, ...], verb: str) -> None:
    """Send SIGKILL to the victims, at least one of which is there."""
    found = [podman.cluster.kill_processes(pattern.format(verb=verb)) for pattern in victims]
    assert any(found), found


def wait_for_process(podman: Podman, pattern: str) -> None:
    """Wait until there is one of that command line."""
    podman.cluster.wait_until(
        lambda: podman.cluster.processes(pattern), timeout_s=60, what=f"process {pattern}"
    )


def remove(podman: Podman) -> None:
    """``podman rm -f``, after which nothing is left; a container that is not there is fine.

    It need be called once, but for `test_any_runtimes_container_needs_two_calls`.
    """
    done = podman("rm", "-f", "-t", "0", "web")
    if NO_CONMON in done.stderr and is_forgetful(podman):
        done = podman("rm", "-f", "-t", "0", "web")
    assert done.returncode == 0, done.stderr
    assert podman.wait_for_nothing() == []


def is_forgetful(podman: Podman) -> bool:
    """Tell whether podman takes the missing note of a killed conmon for a failed stop.

    Source: podman, commit c1cf4b0d89, "podman rm: handle case where conmon was killed".
    """
    version = podman.text("version", "--format", "{{.Client.Version}}").split(".")
    return (int(version[0]), int(version[1])) < (5, 6)


def started(podman: Podman, *args: str) -> subprocess.Popen[bytes]:
    """Start ``podman ARGS``; what it says does not matter."""
    return podman.popen(*args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_or_miss(podman: Podman, victim: str, runs: subprocess.Popen[bytes]) -> None:
    """Kill what matches as soon as it is there, or let ``runs`` be over before."""
    podman.cluster.wait_until(
        lambda: podman.cluster.kill_processes(victim) > 0 or runs.poll() is not None, timeout_s=60
    )


@who_dies
def test_while_it_creates(podman: Podman, victims: tuple[str, ...]) -> None:
    """In stage_in, the job is there already."""
    podman.cluster.site_script(SLOW.format(stage_in=WAITS, stage_out=""))
    runs = started(podman, "run", "-d", "--name", "web", IMAGE, "sleep", "600")
    wait_for_process(podman, IS_IN_SCRIPT)
    kill(podman, victims, "run")
    runs.wait(60)
    remove(podman)


@who_dies
def test_while_the_job_waits(podman: Podman, victims: tuple[str, ...]) -> None:
    """It is in the queue, and nothing else is there."""
    closed = "SCRUN_PARTITION=closed"
    runs = started(podman, "run", "-d", "-e", closed, "--name", "web", IMAGE, "true")
    podman.cluster.wait_until(
        lambda: [job for job in podman.cluster.jobs() if job.state == "PENDING"],
        timeout_s=60,
        what="a pending job",
    )
    kill(podman, victims, "run")
    runs.wait(60)
    remove(podman)


@who_dies
def test_before_it_is_created(podman: Podman, victims: tuple[str, ...]) -> None:
    """The creation goes on to its end, and nobody waits for it."""
    go = f"{podman.cluster.home('alice')}/go-on"
    waits = f"os.execute('until [ -e {go} ]; do sleep 0.05; done')"
    podman.cluster.site_script(SLOW.format(stage_in=waits, stage_out=""))
    runs = started(podman, "run", "-d", "--name", "web", IMAGE, "sleep", "600")
    wait_for_process(podman, r"until .*/go-on")
    kill(podman, victims, "run")
    podman.cluster.write_file(go, "", owner="alice")
    runs.wait(60)
    create = r"scrun/__main__\.py .*create "
    podman.cluster.wait_until(
        lambda: len(podman.cluster.processes(create)) < 2, timeout_s=60, what="it was created"
    )
    podman.cluster.root_path(go).unlink()
    remove(podman)


def test_conmon_of_a_created_container(podman: Podman) -> None:
    podman.text("create", "--name", "web", IMAGE, "true")
    podman.text("init", "web")
    kill(podman, (CONMON,), "")
    remove(podman)


@who_dies
def test_while_it_runs(podman: Podman, victims: tuple[str, ...]) -> None:
    """In the foreground, so that there is a podman."""
    runs = started(podman, "run", "--name", "web", IMAGE, "sh", "-c", STUBBORN)
    podman.cluster.wait_until(
        lambda: podman("container", "exists", "web").returncode == 0, timeout_s=60
    )
    podman.wait_for_log("web", b"up\n")
    kill(podman, victims, "run")
    runs.wait(60)
    remove(podman)


@pytest.mark.engine_command(
    "podman",
    "rm --force",
    note="where conmon was killed under a running container, with podman before 5.6, when called "
    "twice, whatever the runtime: the first call misses conmon's note of the exit status",
)
def test_any_runtimes_container_needs_two_calls(podman: Podman) -> None:
    """So is crun's, word for word, and ours needs no more: podman asks no runtime about it."""
    answers = []
    for runtime in ("crun", podman.cluster.scrun):
        podman.text("--runtime", runtime, "run", "-d", "--name", "web", IMAGE, "sleep", "600")
        kill(podman, (CONMON,), "")
        done = podman("rm", "-f", "-t", "0", "web")
        answers.append((done.returncode, NO_CONMON in done.stderr))
        assert podman("rm", "-f", "-t", "0", "web").returncode == 0
        assert podman.wait_for_nothing() == []
    assert answers == [(125, True) if is_forgetful(podman) else (0, False)] * 2


@pytest.mark.parametrize("victim", [r"^podman exec web", r"^/usr/bin/conmon .* -e "])
def test_while_it_executes(podman: Podman, victim: str) -> None:
    """The process is in the container, its step in the job."""
    podman.run_detached("exec sleep 600", "--name", "web")
    runs = started(podman, "exec", "web", "sh", "-c", "echo in >/in; exec sleep 4711")
    wait_for_process(podman, r"^sleep 4711")
    kill(podman, (victim,), "")
    runs.kill()  # without conmon it would wait for a note of the exit status, 5 s
    runs.wait()
    remove(podman)


@who_dies
def test_while_it_stops(podman: Podman, victims: tuple[str, ...]) -> None:
    """TERM was sent, KILL is to come."""
    podman.run_detached(
        "trap 'echo term' TERM; echo up; while :; do sleep 0.05; done", "--name", "web"
    )
    podman.wait_for_log("web", b"up\n")
    runs = started(podman, "stop", "-t", "600", "web")
    podman.wait_for_log("web", b"term\n")
    kill(podman, victims, "stop")
    if victims != (CONMON,):
        runs.wait(60)
    remove(podman)
    runs.kill()
    runs.wait()


@who_dies
def test_while_it_stages_out(podman: Podman, victims: tuple[str, ...]) -> None:
    """The process has ended, its files come back: nobody wants them any more."""
    podman.cluster.site_script(SLOW.format(stage_in="", stage_out=WAITS))
    runs = started(podman, "run", "--name", "web", IMAGE, "true")
    wait_for_process(podman, IS_IN_SCRIPT)
    kill(podman, victims, "run")
    runs.wait(60)
    podman.cluster.kill_processes(IS_IN_SCRIPT)
    remove(podman)


@pytest.mark.parametrize(
    "victim", [r"^podman rm -f -t 0 web", r"scrun/__main__\.py .*delete --force"]
)
def test_while_it_deletes(podman: Podman, victim: str) -> None:
    """podman, or the runtime that it called: at whatever point the signal meets it."""
    for _ in range(3):
        podman.run_detached("exec sleep 600", "--name", "web")
        runs = started(podman, "rm", "-f", "-t", "0", "web")
        kill_or_miss(podman, victim, runs)
        runs.wait(30)
        remove(podman)
