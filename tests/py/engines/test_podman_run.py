"""``podman run``: a command, its job, and its exit status."""

from __future__ import annotations

import subprocess

import pytest

from tests.py.cluster.sandboxed import SandboxCluster
from tests.py.engines.engine import IMAGE, only_line
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm


@pytest.mark.parametrize(
    ("status", "job_state"), [(0, "COMPLETED"), (7, "FAILED"), (255, "FAILED")]
)
@pytest.mark.engine_command("podman", "run")
def test_a_command_runs_in_a_job_and_its_status_comes_back(
    podman: Podman, status: int, job_state: str
) -> None:
    """The process is root inside; its status is podman's, and the job's in accounting."""
    script = f"echo $SLURM_JOB_ID; id -u; exit {status}"
    done = podman("run", "--rm", IMAGE, "sh", "-c", script)
    assert (done.returncode, done.stderr) == (status, b"")
    job_id, uid = done.stdout.split()
    assert uid == b"0"
    job = podman.cluster.completed_job(int(job_id))
    assert (job["JobState"], job["ExitCode"]) == (job_state, f"{status}:0")
    assert job["UserId"] == f"alice({podman.uid})"


def test_accounting_keeps_the_status(podman: Podman) -> None:
    """In the record that slurmctld writes at a job's end: the job's, and its worst step's."""
    cluster = podman.cluster
    if not isinstance(cluster, SandboxCluster):
        pytest.skip("where this cluster keeps its records is not known")
    done = podman("run", "--rm", IMAGE, "sh", "-c", "echo $SLURM_JOB_ID; exit 7")
    assert done.returncode == 7
    record = cluster.wait_until(
        lambda: cluster.completion_record(int(done.stdout)), timeout_s=60, what="it is written"
    )
    assert (record["JobState"], record["UserId"]) == ("FAILED", f"alice({podman.uid})")
    assert (record["ExitCode"], record["DerivedExitCode"]) == ("7:0", "7:0")


@pytest.mark.parametrize(
    ("command", "status", "reason"),
    [
        ("nosuch", 127, 'exec: "nosuch": executable file not found in $PATH'),
        ("rsync", 127, 'exec: "rsync": executable file not found in $PATH'),
        ("/bin/nosuch", 127, "/bin/nosuch: no such file or directory"),
        ("/etc/passwd", 126, 'exec: "/etc/passwd": permission denied'),
        ("/etc", 126, 'exec: "/etc": is a directory: permission denied'),
    ],
)
def test_a_command_that_cannot_run_is_refused_before_there_is_a_job(
    podman: Podman, command: str, status: int, reason: str
) -> None:
    """127 and 126 with the reason, as with crun; that the node has an rsync does not count."""
    before = podman.job_ids()
    done = podman("run", "--rm", IMAGE, command)
    assert (done.returncode, done.stdout) == (status, b"")
    assert reason in only_line(done.stderr)
    assert podman.job_ids() == before


@pytest.mark.parametrize(
    ("command", "output"),
    [(("uname",), b"Linux\n"), (("readlink", "/proc/self/exe"), b"/bin/busybox\n")],
)
def test_a_bare_name_is_looked_up_in_the_image(
    podman: Podman, command: tuple[str, ...], output: bytes
) -> None:
    """The node has both in /usr/bin, where the image has nothing."""
    done = podman("run", "--rm", IMAGE, *command)
    assert (done.returncode, done.stdout, done.stderr) == (0, output, b"")


def test_the_images_own_path_variable_counts(podman: Podman) -> None:
    """A command that is not in the container's PATH is not found, though it is in the image."""
    done = podman("run", "--rm", "-e", "PATH=/etc", IMAGE, "uname")
    assert done.returncode == 127
    assert "$PATH" in only_line(done.stderr)


def test_arguments_arrive_as_they_are(podman: Podman) -> None:
    """No shell on the way reads them; an empty one stays."""
    words = ["a b", "$HOME", "", "'", '"', "*", "\\", "line\nbreak", "ü", "--", "-x"]
    done = podman("run", "--rm", IMAGE, "printf", "[%s]", *words)
    assert done.stdout.decode() == "".join(f"[{word}]" for word in words)


@pytest.mark.engine_command("podman", "run --workdir")
@pytest.mark.engine_command("podman", "run --user")
@pytest.mark.engine_command("podman", "run --env")
def test_the_process_gets_directory_user_and_environment(podman: Podman) -> None:
    """-w, -u and -e are the container's; what the caller has in his environment is not."""
    script = "pwd; id -u; echo $GIVEN; echo ${LOGNAME-unset}"
    done = podman(
        "run", "--rm", "-w", "/tmp", "-u", "user", "-e", "GIVEN=a  b", IMAGE, "sh", "-c", script
    )
    assert done.stdout == b"/tmp\n1000\na b\nunset\n"


def test_eight_at_once_succeed(podman: Podman) -> None:
    """Each has a job of its own and gets its own status and output."""
    running = [
        podman.popen(
            *("run", "--rm", IMAGE, "sh", "-c", f"echo {n} $SLURM_JOB_ID; exit {n}"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for n in range(8)
    ]
    outputs = [process.communicate(timeout=300) for process in running]
    assert [err for _, err in outputs] == [b""] * 8
    assert [process.returncode for process in running] == list(range(8))
    words = [out.split() for out, _ in outputs]
    assert [int(word[0]) for word in words] == list(range(8))
    assert len({word[1] for word in words}) == 8
