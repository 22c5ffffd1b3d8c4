"""The job of a container: asked for, waited for, refused, shared; what accounting has of it."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from subprocess import DEVNULL
from typing import Any

import pytest

from tests.py.cluster.base import Job
from tests.py.lifecycle.runtimes import ClusterRuntime
from tests.py.lifecycle.test_crash import kill_anchor, running_job

WAIT = "while :; do sleep 0.05; done"


@pytest.mark.slurm
def test_accounting_has_the_containers_exit_code(slurm: ClusterRuntime) -> None:
    """The job ends with the status of the container."""
    slurm.create("web", slurm.make_bundle("exit 7"))
    job = running_job(slurm)
    assert slurm("start", "web").returncode == 0
    slurm.wait_status("web", "stopped")
    ended = slurm.cluster.completed_job(job.job_id)
    assert (ended["JobState"], ended["ExitCode"]) == ("FAILED", "7:0")
    assert slurm("delete", "web").returncode == 0


class Blocker:
    """A job that others can depend on."""

    def __init__(self, slurm: ClusterRuntime) -> None:
        self.process = slurm.cluster.popen(["salloc", "-Q", "-K", "-J", "blocker", "sleep", "600"])
        slurm.wait_until(slurm.jobs, "the blocker is there")
        self.job_id = running_job(slurm).job_id
        self._slurm = slurm

    def start_create(self, **variables: str) -> subprocess.Popen[bytes]:
        """Begin to create ``web``, which has to wait in the queue for the blocker's end."""
        slurm = self._slurm
        bundle = slurm.make_bundle("true")
        create = slurm.popen(
            slurm.argv("create", "-b", bundle.path, "web"),
            env={"SCRUN_DEPENDENCY": f"afterany:{self.job_id}", **variables},
            stdin=subprocess.DEVNULL,
        )
        slurm.wait_until(lambda: self.waiting(), "the job waits")
        return create

    def waiting(self) -> list[Job]:
        """Return the jobs that wait."""
        return [job for job in self._slurm.jobs() if job.state == "PENDING"]

    def end(self) -> None:
        """Let the waiting job run."""
        self._slurm.cluster.run(["scancel", str(self.job_id)], check=True)
        self.process.wait(60)


@pytest.fixture
def blocker(slurm: ClusterRuntime) -> Blocker:
    """A running job of alice's."""
    return Blocker(slurm)


@pytest.mark.slurm
def test_create_waits_for_its_job(slurm: ClusterRuntime, blocker: Blocker) -> None:
    """A pending job makes create wait; meanwhile state says creating."""
    create = blocker.start_create()
    assert slurm.state("web")["status"] == "creating"
    assert create.poll() is None
    blocker.end()
    assert create.wait(60) == 0
    assert slurm.state("web")["status"] == "created"
    assert slurm("delete", "--force", "web").returncode == 0


@pytest.mark.slurm
@pytest.mark.parametrize(
    "end",
    [
        lambda slurm, create: create.send_signal(signal.SIGINT),
        lambda slurm, create: create.send_signal(signal.SIGTERM),
        lambda slurm, create: create.send_signal(signal.SIGKILL),
        lambda slurm, create: slurm("kill", "web", "KILL"),
        lambda slurm, create: slurm("delete", "--force", "web"),
        lambda slurm, create: kill_anchor(slurm),
    ],
    ids=["SIGINT", "SIGTERM", "SIGKILL", "kill", "delete", "anchor killed"],
)
def test_a_pending_job_is_taken_back(
    slurm: ClusterRuntime,
    blocker: Blocker,
    end: Callable[[ClusterRuntime, subprocess.Popen[bytes]], object],
) -> None:
    """Whatever ends a creation that waits in the queue takes the job out of it."""
    create = blocker.start_create()
    end(slurm, create)
    assert create.wait(30) != 0
    slurm.wait_until(lambda: not blocker.waiting(), "the job is out of the queue")
    slurm.wait_until(lambda: slurm("state", "web").returncode == 1, "nothing is left of it")
    blocker.end()


HANGING = """\
#!/bin/sh
trap : TERM INT
echo "salloc: Granted job allocation $(cat %s)" >&2
while :; do sleep 1; done
"""


@pytest.mark.slurm
def test_a_salloc_that_hangs_holds_nobody_up(slurm: ClusterRuntime, blocker: Blocker) -> None:
    """So the real one does when a signal comes just as it has got the job: both are ended."""
    programs = f"{slurm.home}/programs"
    slurm.cluster.write_file(f"{programs}/id", str(blocker.job_id), owner="alice")
    hanging = HANGING % f"{programs}/id"
    slurm.cluster.write_file(f"{programs}/salloc", hanging, mode=0o755, owner="alice")
    bundle = slurm.make_bundle("true")
    argv = slurm.argv("create", "--bundle", bundle.path, "web")
    create = slurm.popen(argv, env={"PATH": f"{programs}:/usr/bin:/bin"})
    log = slurm.outside(f"{slurm.root}/web/salloc.log")
    slurm.wait_until(lambda: log.exists() and log.read_text(), "salloc has a job")
    create.send_signal(signal.SIGTERM)
    assert create.wait(40) == -signal.SIGTERM
    assert blocker.process.wait(60) != 0  # its job is over


@pytest.mark.slurm
def test_an_existing_allocation_is_used_and_left_alone(slurm: ClusterRuntime) -> None:
    """With SLURM_JOB_ID the container is a step of that job, which goes on after it."""
    bundle = slurm.make_bundle(f"echo $SLURM_JOB_ID; trap 'exit 0' TERM; {WAIT}")
    create = " ".join(slurm.argv("create", "-b", bundle.path, "web"))
    script = (
        f"echo $SLURM_JOB_ID; {create} >{bundle.path}/stdout 2>{bundle.path}/stderr </dev/null"
        " && exec sleep 600"
    )
    holder = slurm.popen(["salloc", "-Q", "-K", "sh", "-c", script], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    job_id = holder.stdout.readline().decode().strip()
    slurm.wait_until(lambda: bundle.outside.joinpath("stderr").exists(), "create runs")
    slurm.wait_until(lambda: slurm("state", "web").returncode == 0, bundle.read("stderr"))
    slurm.wait_status("web", "created")
    assert slurm("start", "web").returncode == 0
    slurm.wait_output(bundle, f"{job_id}\n")
    assert [job.job_id for job in slurm.jobs()] == [int(job_id)]
    assert slurm("kill", "web", "TERM").returncode == 0
    slurm.wait_status("web", "stopped")
    assert slurm("delete", "web").returncode == 0
    assert slurm.cluster.job(int(job_id))["JobState"] == "RUNNING"
    slurm.cluster.run(["scancel", job_id], check=True)
    holder.wait(60)
    holder.stdout.close()


@pytest.mark.slurm
@pytest.mark.parametrize(("wanted", "count"), [("", 2), ("SCRUN_JOB_NUM_NODES=1 ", 1)])
def test_how_much_of_an_existing_allocation(slurm: ClusterRuntime, wanted: str, count: int) -> None:
    """The container has a task on each of its nodes, or on as many as are asked for."""
    bundle = slurm.make_bundle("echo up")
    create = " ".join(slurm.argv("create", "-b", bundle.path, "web"))
    start = " ".join(slurm.argv("start", "web"))
    script = f"{wanted}{create} >{bundle.path}/stdout </dev/null && {start} && sleep 600"
    holder = slurm.popen(["salloc", "-Q", "-K", "-N2", "sh", "-c", script], stderr=DEVNULL)
    try:
        slurm.wait_until(lambda: slurm("state", "web").returncode == 0, "it is there")
        slurm.wait_status("web", "stopped")
        assert bundle.read("stdout").splitlines() == ["up"] * count
        assert slurm("delete", "web").returncode == 0
    finally:
        slurm.cluster.cancel_jobs()
        holder.wait(60)


@pytest.mark.slurm
@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        (
            "SCRUN_PARTITION",
            "nosuch",
            "Invalid partition name specified (invalid partition specified: nosuch)",
        ),
        ("SCRUN_TIMELIMIT", "nonsense", "Invalid --time specification"),
        ("SCRUN_JOB_NODELIST", "n99", "Invalid node name specified"),
    ],
)
def test_a_refused_job_is_told_in_slurms_words(
    slurm: ClusterRuntime, variable: str, value: str, reason: str
) -> None:
    """One line with Slurm's own reason, and nothing left."""
    bundle = slurm.make_bundle("true")
    process = slurm.popen(
        slurm.argv("create", "-b", bundle.path, "web"),
        env={variable: value},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    text = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 1 and text.count("\n") == 1
    assert "create web: allocation refused: " in text and reason.lower() in text.lower(), text


@pytest.mark.slurm
def test_what_srun_refuses_is_told_before_there_is_a_job(slurm: ClusterRuntime) -> None:
    """Options of the step are read by srun first: its reason in one line, and nothing left."""
    bundle = slurm.make_bundle("true")
    process = slurm.popen(
        slurm.argv("create", "-b", bundle.path, "web"),
        env={"SCRUN_SLURMD_DEBUG": "1"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    text = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 1 and text.count("\n") == 1
    assert "create web: step refused: Use of --slurmd-debug is allowed only for root" in text


@pytest.mark.slurm
def test_options_of_the_step_arrive(slurm: ClusterRuntime) -> None:
    """SCRUN_LABELIO labels the output as srun --label does; a flag is on when it is 1."""
    bundle = slurm.make_bundle("echo out")
    create = slurm.popen(
        slurm.argv("create", "-b", bundle.path, "web"),
        env={"SCRUN_LABELIO": "1"},
        stdin=subprocess.DEVNULL,
        stdout=(bundle.outside / "stdout").open("wb"),
    )
    assert create.wait(60) == 0
    assert slurm("start", "web").returncode == 0
    slurm.wait_status("web", "stopped")
    assert bundle.read("stdout") == "0: out\n"
    assert slurm("delete", "web").returncode == 0


@pytest.mark.slurm
def test_many_lifecycles_at_once(slurm: ClusterRuntime) -> None:
    """Sixteen containers side by side all succeed."""
    bundles = [slurm.make_bundle(f"exit {number}") for number in range(16)]
    creates = [slurm.start_create(f"web{number}", bundle) for number, bundle in enumerate(bundles)]
    assert [create.wait(300) for create in creates] == [0] * 16
    starts = [slurm.popen(slurm.argv("start", f"web{number}")) for number in range(16)]
    assert [start.wait(300) for start in starts] == [0] * 16
    deadline = time.monotonic() + 300
    for number in range(16):
        slurm.wait_status(f"web{number}", "stopped", deadline - time.monotonic())
        assert slurm("delete", f"web{number}").returncode == 0


TALKATIVE = """#!/bin/sh
echo "Welcome to the cluster."
printf 'no line end'
/usr/bin/salloc "$@"
status=$?
echo "Goodbye."
exit $status
"""


@pytest.mark.slurm
def test_a_site_whose_salloc_writes_lines_of_its_own(slurm: ClusterRuntime) -> None:
    """A wrapper around it, or print() of a cli_filter.lua: the job is granted all the same."""
    programs = f"{slurm.home}/programs"
    slurm.cluster.write_file(f"{programs}/salloc", TALKATIVE, mode=0o755, owner="alice")
    bundle = slurm.make_bundle("exit 7")
    argv = slurm.argv("create", "--bundle", bundle.path, "web")
    environment = {"PATH": f"{programs}:/usr/bin:/bin"}
    silent: dict[str, Any] = {"stdin": DEVNULL, "stdout": DEVNULL, "stderr": DEVNULL}
    assert slurm.popen(argv, env=environment, **silent).wait(60) == 0
    (job,) = slurm.jobs()
    assert slurm("start", "web").returncode == 0
    slurm.wait_status("web", "stopped")
    assert slurm.cluster.job(job.job_id)["ExitCode"] == "7:0"
    assert slurm("delete", "web").returncode == 0


ELSEWHERE = r"""#!/bin/sh
host=$(/usr/bin/scontrol show config | sed -n 's/^SlurmctldHost\[0\] *= *\([^( ]*\).*/\1/p')
set -- "$host" "$@"
version=$(/usr/bin/srun --version)
year=${version##* } year=${year%%.*} month=${version#*.} month=${month%%.*}
protocol=$((42 + 2 * (year - 24) - (${month#0} < 11))) # 24.11 has 42, each release one more
export SLURM_WORKING_CLUSTER="other:[$1]:6817:$((protocol * 256))"
shift
for word; do # there is no accounting that would know where that is
  shift
  case $word in --clusters=*) ;; *) set -- "$@" "$word" ;; esac
done
exec /usr/bin/salloc "$@"
"""
ASKED_THERE = """#!/bin/sh
# Else as the user's own cluster, which has no such job.
[ "$SLURM_CLUSTERS" = other ] || { echo "error: Invalid job id specified" >&2; exit 1; }
unset SLURM_CLUSTERS
exec /usr/bin/%s "$@"
"""


def write_programs(slurm: ClusterRuntime) -> str:
    """Write the commands for another cluster; returns the PATH that has them."""
    programs = f"{slurm.home}/programs"
    texts = {name: ASKED_THERE % name for name in ("squeue", "scancel", "scontrol")}
    for name, text in (texts | {"salloc": ELSEWHERE}).items():
        slurm.cluster.write_file(f"{programs}/{name}", text, mode=0o755, owner="alice")
    return f"{programs}:/usr/bin:/bin"


@pytest.mark.slurm
def test_a_job_that_waits_on_another_cluster(slurm: ClusterRuntime, blocker: Blocker) -> None:
    """An anchor is killed before there is anything of the job but its number."""
    create = blocker.start_create(PATH=write_programs(slurm), SCRUN_CLUSTERS="other")
    kill_anchor(slurm)
    assert create.wait(30) != 0
    slurm.wait_until(lambda: not blocker.waiting(), "the job is out of the queue")
    slurm.wait_until(lambda: slurm("state", "web").returncode == 1, "nothing is left of it")
    blocker.end()


@pytest.mark.slurm
@pytest.mark.parametrize("ending", ["TERM", "KILL", "a dead anchor"])
def test_a_job_on_another_cluster(slurm: ClusterRuntime, ending: str) -> None:
    """Of salloc --clusters (SCRUN_CLUSTERS): whatever is asked or cancelled is so there.

    Two clusters need an accounting database. Here the other one is ours under another name.
    """
    environment = {"PATH": write_programs(slurm), "SLURM_CLUSTERS": "nowhere"}
    bundle = slurm.make_bundle(f"trap 'exit 9' TERM; echo up; {WAIT}")
    argv = slurm.argv("create", "--bundle", bundle.path, "web")
    output = bundle.outside.joinpath("stdout").open("wb")
    silent: dict[str, Any] = {"stdin": DEVNULL, "stdout": output, "stderr": DEVNULL}
    assert slurm.popen(argv, env=environment, **silent).wait(60) == 0
    assert slurm("start", "web").returncode == 0
    slurm.wait_output(bundle, "up\n")
    if ending == "a dead anchor":
        kill_anchor(slurm)
    else:
        assert slurm("kill", "web", ending).returncode == 0
    slurm.wait_status("web", "stopped")
    slurm.wait_until(lambda: not slurm.jobs(), "its job is over")
    assert slurm("delete", "web").returncode == 0
