"""Pods: their containers are steps of one job, which ends with them."""

from __future__ import annotations

import pytest

from tests.py.engines.engine import IMAGE, job_name
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

# The image's own command would end at once, and podman's own image needs catatonit here.
LED = ("--infra-image", IMAGE, "--infra-command", "sleep infinity")
ALONE = ("--infra=false",)
ANCHOR = r"scrun/__main__\.py .*create "
PRINT_JOB = "echo $SLURM_JOB_ID"
# Longer than a pod's first container takes, which podman stops at the same time.
SLEEP = f"trap 'sleep 0.5; exit 5' TERM; {PRINT_JOB}; while :; do sleep 0.05; done"


def running_jobs(podman: Podman) -> list[int]:
    """Return the jobs that are there."""
    return [job.job_id for job in podman.cluster.jobs()]


def first_line(podman: Podman, name: str) -> int:
    """Return the job that a container has written of."""
    podman.wait_for_log(name, b"\n")
    return int(podman.logs(name).split()[0])


@pytest.mark.engine_command("podman", "pod create")
@pytest.mark.engine_command("podman", "run --pod")
@pytest.mark.parametrize("options", [LED, ALONE], ids=["infra", "no infra"])
def test_the_containers_of_a_pod_share_one_job(podman: Podman, options: tuple[str, ...]) -> None:
    """Two that stay and one that ends: one job, whose number all of them see."""
    podman.text("pod", "create", *options, "--name", "p")
    podman.run_detached(SLEEP, "--pod", "p", "--name", "one")
    podman.run_detached(SLEEP, "--pod", "p", "--name", "two")
    short = podman("run", "--rm", "--pod", "p", IMAGE, "sh", "-c", PRINT_JOB + "; exit 3")
    assert short.returncode == 3
    (job_id,) = running_jobs(podman)
    assert {first_line(podman, "one"), first_line(podman, "two"), int(short.stdout)} == {job_id}
    assert podman("exec", "two", "sh", "-c", PRINT_JOB).stdout == b"%d\n" % job_id
    podman.text("pod", "stop", "p")
    assert (podman.wait("one"), podman.wait("two")) == (5, 5)
    podman.cluster.completed_job(job_id)
    podman.text("pod", "rm", "p")


@pytest.mark.engine_command("podman", "pod create --infra=false")
def test_the_job_of_a_pod_ends_with_the_last_container(podman: Podman) -> None:
    """Not with the first; what the last says is the job's status; the next gets another job."""
    podman.text("pod", "create", *ALONE, "--name", "p")
    first = podman.run_detached(SLEEP, "--pod", "p", "--name", "one")
    podman.run_detached(SLEEP, "--pod", "p", "--name", "two")
    job_id = podman.job(first).job_id
    assert first_line(podman, "two") == job_id
    podman.text("stop", "one")
    podman.text("rm", "one")
    assert running_jobs(podman) == [job_id]
    third = podman("run", "--rm", "--pod", "p", IMAGE, "sh", "-c", PRINT_JOB)
    assert int(third.stdout) == job_id
    podman.text("stop", "two")
    assert podman.cluster.completed_job(job_id)["ExitCode"] == "5:0"
    podman.text("start", "two")
    assert running_jobs(podman) != [job_id]
    podman.text("pod", "rm", "-f", "-t", "0", "p")


@pytest.mark.engine_command("podman", "pod start")
def test_a_pod_is_started_and_stopped_as_one(podman: Podman) -> None:
    """Its containers are started at the same time, and there is one job nevertheless."""
    podman.text("pod", "create", *ALONE, "--name", "p")
    names = ["a", "b", "c"]
    for name in names:
        podman.text("create", "--pod", "p", "--name", name, IMAGE, "sh", "-c", SLEEP)
    podman.text("pod", "start", "p")
    (job_id,) = {first_line(podman, name) for name in names}
    assert running_jobs(podman) == [job_id]
    podman.text("pod", "kill", "p")
    assert [podman.wait(name) for name in names] == [137] * len(names)
    podman.text("pod", "rm", "p")


@pytest.mark.engine_command("podman", "pod create")
def test_the_end_of_its_first_container_is_the_pods(podman: Podman) -> None:
    """With an infra container the job is that one's: the others end with it."""
    podman.text("pod", "create", *LED, "--name", "p")
    podman.run_detached(SLEEP, "--pod", "p", "--name", "one")
    first_line(podman, "one")
    infra = podman.text("pod", "inspect", "--format", "{{.InfraContainerID}}", "p")
    job_id = podman.job(infra).job_id
    assert running_jobs(podman) == [job_id]
    podman.cluster.run(["scancel", str(job_id)], user=podman.user, check=True)
    assert podman.wait("one") != 0
    podman.text("pod", "rm", "-f", "-t", "0", "p")


@pytest.mark.parametrize(
    ("options", "victims"),
    [(LED, ANCHOR), (ALONE, rf"{ANCHOR}|^salloc ")],
    ids=["infra", "no infra, and salloc"],
)
def test_killed_anchors_take_the_pods_job_with_them(
    podman: Podman, options: tuple[str, ...], victims: str
) -> None:
    """SIGKILL for all of them at once: the job ends, and ``pod rm -f`` cleans up."""
    podman.text("pod", "create", *options, "--name", "p")
    for name in ("one", "two"):
        podman.run_detached(SLEEP, "--pod", "p", "--name", name)
        first_line(podman, name)
    assert podman.cluster.kill_processes(victims) >= 2 + (options == LED) + (victims != ANCHOR)
    podman.cluster.wait_until(lambda: not running_jobs(podman), timeout_s=60, what="no job is left")
    podman.text("pod", "rm", "-f", "-t", "0", "p")


def test_a_pods_first_container_may_be_killed(podman: Podman) -> None:
    """Who asked for the job need not be there for the others."""
    podman.text("pod", "create", *ALONE, "--name", "p")
    first = podman.run_detached(SLEEP, "--pod", "p", "--name", "one")
    podman.run_detached(SLEEP, "--pod", "p", "--name", "two")
    job_id = podman.job(first).job_id
    assert first_line(podman, "two") == job_id
    assert podman.cluster.kill_processes(rf"scrun/__main__\.py .*create .*{first}") == 1
    assert podman.wait("one") == 137
    podman.text("rm", "-f", "one")
    assert podman("exec", "two", "sh", "-c", PRINT_JOB).stdout == b"%d\n" % job_id
    assert running_jobs(podman) == [job_id]
    podman.text("pod", "rm", "-f", "-t", "0", "p")


def test_a_pods_job_is_asked_for_with_the_first_containers_options(podman: Podman) -> None:
    """``SCRUN_*`` of who runs the first one."""
    podman.text("pod", "create", *ALONE, "--name", "p")
    done = podman("run", "-d", "--pod", "p", "-e", "SCRUN_JOB_NAME=together", IMAGE, "sleep", "60")
    assert done.returncode == 0, done.stderr
    assert job_name(done.stdout.decode().strip()) != "together"
    assert [job.name for job in podman.cluster.jobs()] == ["together"]
    podman.text("pod", "rm", "-f", "-t", "0", "p")


def test_a_pods_next_container_ends_a_job_that_nobody_holds(podman: Podman) -> None:
    """Its salloc, its container and who would have cleaned up were killed: it is not forgotten."""
    podman.text("pod", "create", *ALONE, "--name", "p")
    first = podman.run_detached(SLEEP, "--pod", "p", "--name", "one")
    job_id = podman.job(first).job_id
    assert podman.cluster.kill_processes(rf"{ANCHOR}|^salloc |^/usr/bin/conmon ") >= 3
    podman.cluster.wait_until(
        lambda: not podman.cluster.processes(r"read -r rc"), timeout_s=60, what="its shell ends"
    )
    assert running_jobs(podman) == [job_id]
    second = podman("run", "--rm", "--pod", "p", IMAGE, "sh", "-c", PRINT_JOB, check=True)
    assert int(second.stdout) != job_id
    podman.cluster.completed_job(job_id)
    podman("rm", "-f", "-t", "0", "one")  # podman before 5.6 says that there is no conmon
    podman.text("pod", "rm", "-f", "-t", "0", "p")
