"""What a user asks of his job through podman, and what Slurm refuses."""

from __future__ import annotations

import subprocess

import pytest

from tests.py.engines.engine import IMAGE, STUBBORN, only_line
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

COMMENT = "slurm.job.comment=two words, and more"


def refuse(podman: Podman, *options: str, env: dict[str, str | None] | None = None) -> str:
    """Run something with options; return the only line of its refusal."""
    done = podman("run", "--rm", *options, IMAGE, "true", env=env)
    assert (done.returncode, done.stdout) == (126, b"")
    return only_line(done.stderr)


def finished_job(
    podman: Podman, *options: str, env: dict[str, str | None] | None = None
) -> dict[str, str]:
    """Run something with options that are granted; return its job."""
    done = podman("run", "--rm", *options, IMAGE, "sh", "-c", "echo $SLURM_JOB_ID", env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    return podman.cluster.completed_job(int(done.stdout))


def test_options_from_all_three_places_reach_the_job(podman: Podman) -> None:
    """The caller's environment, ``podman run -e`` and annotations are one request."""
    options = [
        "-e",
        "SCRUN_PARTITION=main",
        "-e",
        "SCRUN_JOB_NAME=x",
        "-e",
        "SCRUN_JOB_NODELIST=n2",
    ]
    job = finished_job(podman, *options, "--annotation", COMMENT, env={"SCRUN_TIMELIMIT": "2"})
    assert job["JobName"] == "x"
    assert (job["Partition"], job["NodeList"]) == ("main", "n2")
    assert job["TimeLimit"] == "00:02:00"
    assert job["Comment"] == "two words, and more"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ([], "callers"),
        (["-e", "SCRUN_JOB_NAME=containers"], "containers"),
        (
            ["-e", "SCRUN_JOB_NAME=containers", "--annotation", "slurm.job.job-name=annotations"],
            "annotations",
        ),
    ],
)
def test_what_is_closer_to_the_container_wins(
    podman: Podman, options: list[str], name: str
) -> None:
    """The caller's environment, then the container's own, then its annotations."""
    assert finished_job(podman, *options, env={"SCRUN_JOB_NAME": "callers"})["JobName"] == name


def test_the_job_is_named_after_the_container(podman: Podman) -> None:
    """Without a wish for a name, squeue shows the digits that podman ps shows."""
    container_id = podman.run_detached(STUBBORN, "--name", "web")
    assert podman.job(container_id).user == "alice"
    podman.text("rm", "-f", "-t", "0", "web")


@pytest.mark.parametrize(
    ("options", "env", "reason"),
    [
        (["-e", "SCRUN_PARTITION=nosuch"], {}, "Invalid partition name specified"),
        ([], {"SCRUN_PARTITION": "nosuch"}, "Invalid partition name specified"),
        ([], {"SCRUN_TIMELIMIT": "nonsense"}, "Invalid --time specification"),
        (["-e", "SCRUN_NTASKS=-1"], {}, 'Invalid numeric value "-1" for --ntasks'),
        (["-e", "SCRUN_JOB_NUM_NODES=17"], {}, "Requested node configuration is not available"),
        (
            ["-e", "SCRUN_PARTITION=closed", "--annotation", "slurm.job.immediate=1"],
            {},
            "Partition in DOWN state",
        ),
    ],
)
def test_a_refusal_gives_slurms_own_reason(
    podman: Podman, options: list[str], env: dict[str, str | None], reason: str
) -> None:
    """One line through podman; no process has run, and nothing is left."""
    assert f"allocation refused: {reason}" in refuse(podman, *options, env=env)


@pytest.mark.parametrize("inside", [True, False])
def test_an_option_that_this_slurm_lacks_names_variable_and_version(
    podman: Podman, inside: bool
) -> None:
    """Slurm 24.11 has no ``--power``, which scrun(1) lists."""
    options = ["-e", "SCRUN_POWER=level"] if inside else []
    line = refuse(podman, *options, env={} if inside else {"SCRUN_POWER": "level"})
    assert f"SCRUN_POWER: Slurm {podman.cluster.slurm_version} has no option --power" in line


def test_an_annotation_that_means_nothing_is_refused(podman: Podman) -> None:
    """A typing error is not passed over: it is named before there is a job."""
    before = podman.job_ids()
    line = refuse(podman, "--annotation", "slurm.job.partitoin=main")
    assert "annotation slurm.job.partitoin: scrun knows no option --partitoin" in line
    assert podman.job_ids() == before


def test_a_job_that_waits_can_be_cancelled(podman: Podman) -> None:
    """While Slurm has no resources podman waits; the end of the job is the end of the wait."""
    process = podman.popen(
        *("run", "--rm", "-e", "SCRUN_PARTITION=closed", IMAGE, "true"), stderr=subprocess.PIPE
    )
    job = podman.cluster.wait_until(
        lambda: next((j for j in podman.cluster.jobs() if j.partition == "closed"), None),
        timeout_s=60,
        what="the job waits",
    )
    assert (job.state, process.poll()) == ("PENDING", None)
    podman.cluster.run(["scancel", str(job.job_id)], check=True)
    stderr = process.communicate(timeout=30)[1]
    assert process.returncode == 126
    assert "allocation refused: " in only_line(stderr)
    assert podman.cluster.completed_job(job.job_id)["JobState"] == "CANCELLED"
