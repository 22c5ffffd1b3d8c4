"""``scrun lua run --slurm``: a real job, recorded, and replayed where there is no cluster."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.py.cluster.base import Cluster
from tests.py.cluster.bundle import write_bundle
from tests.py.engines.conftest import MANUAL_EXAMPLE
from tests.py.engines.engine import IMAGE, only_line
from tests.py.engines.podman import Podman
from tests.py.workbench.remote_run import Remote, serve_remote
from tests.py.workbench.run_script import PARAMETERS, Done, Runner

pytestmark = pytest.mark.slurm


@pytest.fixture
def remote(scrun_cluster: Cluster, tmp_path: Path) -> Iterator[Remote]:
    """The cluster; nothing of a run may be left in it."""
    yield from serve_remote(scrun_cluster, tmp_path)


def test_recorded_on_the_cluster_replayed_without(
    remote: Remote, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The manual's example makes the same config.json, with no Slurm and no rsync."""
    remote.write(MANUAL_EXAMPLE.read_text())
    bundle = write_bundle(remote.cluster, f"{remote.directory}/bundle", ["sh", "-c", "true"])
    work = f"{remote.directory}/work"
    options = ["--bundle", bundle, "--work-dir", work, "--record", "cassette.cbor", "--json"]
    first = remote(*options)
    assert first.status == 0, first.err
    job = first.document["job"]
    assert job["user"] == remote.cluster.name_of("alice") and job["id"] > 1
    statuses = [command["status"] for command in first.events("command")]
    assert all(command["ran"] for command in first.events("command")) and not any(statuses)
    fields = remote.cluster.completed_job(job["id"])
    assert (fields["JobState"], fields["ExitCode"]) == ("COMPLETED", "0:0")

    runner = Runner(tmp_path, capfd)
    tmp_path.chmod(0o755)
    runner.write(MANUAL_EXAMPLE.read_text())
    cassette = tmp_path / "cassette.cbor"
    source = remote.cluster.root_path(f"{remote.directory}/cassette.cbor")
    cassette.write_bytes(source.read_bytes())
    again = runner.json("--replay", str(cassette))
    assert again.document["job"] == job
    assert again.document["paths"]["bundle"] == first.document["paths"]["bundle"]
    before, after = (config_of(done) for done in (first, again))
    assert before == after
    assert f"SLURM_JOB_ID={job['id']}" in json.loads(after)["process"]["env"]


def config_of(done: Done) -> str:
    """Return the staged config.json, with names for the directories of the run."""
    config = done.document["config"]
    text: str = config["after"]
    bundle = config["before_path"].removesuffix("/config.json")
    return text.replace(bundle, "BUNDLE").replace(bundle.removesuffix("/bundle"), "WORK")


def test_commands_run_in_the_job(remote: Remote) -> None:
    """Here and on the nodes; more of the job's environment is an option."""
    remote.write_stage_in(
        "slurm.remote_command 'echo $SLURM_JOB_ID $SLURM_STEP_ID $SLURMD_NODENAME' "
        "slurm.allocator_command 'echo $SLURM_JOB_ID $MORE'"
    )
    done = remote("--json", "--job-env", "MORE=this", env={"SCRUN_NUM_NODES": "1"})
    assert done.status == 0, done.err
    job, (there, here) = done.document["job"], done.events("command")
    job_id, step, node = there["output"].split()
    assert (int(job_id), int(step), node) == (job["id"], 0, job["nodes"])
    assert here["output"].split() == [str(job["id"]), "this"]


def test_a_job_that_is_there_already(remote: Remote) -> None:
    """It is used, and neither ended nor cancelled."""
    remote.write_stage_in("slurm.remote_command 'echo $SLURM_JOB_ID $SLURMD_NODENAME'")
    holder = remote.cluster.popen(
        ["salloc", "--quiet", "sh", "-c", "echo $SLURM_JOB_ID; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None and holder.stdout is not None
    job_id = int(holder.stdout.readline())
    done = remote("--json", "--job-id", str(job_id))
    assert done.status == 0, done.err
    assert int(done.events("command")[0]["output"].split()[0]) == job_id
    assert done.document["job"]["nodes"]
    assert remote.jobs() == [job_id]
    holder.stdin.close()
    holder.wait(30)


def test_a_refused_job_is_one_line(remote: Remote) -> None:
    """Slurm's reason, before anything of the script was run."""
    remote.write_stage_in("return 0")
    done = remote(env={"SCRUN_PARTITION": "no-such"})
    assert done.status == 1
    assert only_line(done.err.encode()).startswith("scrun: allocation refused: ")
    assert done.out == ""


def test_a_failure_ends_the_job_as_failed(remote: Remote) -> None:
    script = remote.write_stage_in("slurm.log_info(job_id) error('no disk')")
    done = remote("--json")
    assert (done.status, done.err) == (1, f"scrun: {script}:2: no disk\n")
    job = remote.cluster.completed_job(done.document["job"]["id"])
    assert job["JobState"] == "FAILED"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_job(remote: Remote, number: signal.Signals) -> None:
    """Whatever the script waits for."""
    up = f"{remote.directory}/up"
    script = remote.write_stage_in(f"slurm.remote_command 'touch {up}; sleep 600'")
    process = remote.cluster.popen(
        remote.argv("--work-dir", f"{remote.directory}/work"), stderr=subprocess.PIPE
    )
    remote.cluster.wait_until(
        lambda: remote.cluster.root_path(up).exists(), timeout_s=30, what="the command runs"
    )
    assert remote.cluster.kill_processes(f"lua run {script} --slurm", number)
    err = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 1
    assert only_line(err.encode()) == f"scrun: {script}:2: ended by {number.name}"


@pytest.mark.parametrize("stage", ["load", "stage_in", "stage_out"])
def test_the_users_line_is_podmans(
    scrun_cluster: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str], stage: str
) -> None:
    """What ``lua run`` says that a user would see is what podman shows its user."""
    script = (
        f"function slurm_scrun_stage_in({PARAMETERS})\nslurm.user_msg('hello')\n"
        f"{'error([[no disk]])' if stage == 'stage_in' else 'return 0'}\nend\n"
        f"function slurm_scrun_stage_out()\n"
        f"{'error([[no disk]])' if stage == 'stage_out' else 'return 0'}\nend\n"
        f"{'error([[no disk]])' if stage == 'load' else ''}\n"
    )
    scrun_cluster.site_script(script)
    podman = Podman(scrun_cluster)
    shown = podman("run", "--name", "seen", IMAGE, "true").stderr.decode()
    name = podman.text("ps", "-a", "--no-trunc", "--format", "{{.ID}}").split()[0]
    logs = podman("logs", "seen").stderr.decode()
    podman("rm", "-f", "seen")
    tmp_path.chmod(0o755)
    runner = Runner(tmp_path, capfd)
    runner.write(script)
    document = runner("--json", "--id", name).document
    (expected,) = document["user_sees"]
    where = f"{scrun_cluster.site_dir()}/scrun.lua"
    # podman calls the runtime as its own configuration does.
    shown = shown.replace("OCI runtime error: slurm: ", "OCI runtime error: scrun: ")
    told = document["in_logs"]
    lines = [line for line in shown.splitlines() if line not in told]  # if podman is early
    assert lines == [expected.replace(str(runner.script), where)]
    if stage == "stage_out":  # else there is no log
        assert told == ["scrun: hello"] and told[0] in logs.splitlines(), logs
