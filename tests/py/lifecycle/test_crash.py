"""What is killed in mid-life: the next verbs tell the truth, and nothing leaks."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess

import pytest

from tests.py.cluster.base import Job
from tests.py.cluster.sandboxed import SandboxCluster
from tests.py.lifecycle.runtimes import ClusterRuntime, Runtime

WAIT = "while :; do sleep 0.05; done"
ENTRY = (
    "function slurm_scrun_stage_in(...) {} return slurm.SUCCESS end\n"
    "function slurm_scrun_stage_out(...) {} return slurm.SUCCESS end\n"
)


def kill_anchor(runtime: Runtime, name: str = "web") -> None:
    """SIGKILL the anchor of a container, and wait until it is gone."""
    pid = runtime.anchor_pid(runtime.state(name)["pid"])
    os.kill(pid, signal.SIGKILL)
    runtime.wait_until(lambda: not alive(pid), "the anchor is dead")


def alive(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_process(slurm: ClusterRuntime, pattern: str) -> None:
    """SIGKILL what matches, which must be there."""
    assert slurm.cluster.kill_processes(pattern) > 0


def test_state_after_the_anchor_was_killed(runtime: Runtime) -> None:
    """The container is stopped, and so is its process; delete removes the rest."""
    bundle = runtime.run("web", f"echo up; {WAIT}")
    runtime.wait_output(bundle, "up\n")
    kill_anchor(runtime)
    assert runtime.state("web")["status"] == "stopped"
    late = runtime("kill", "web", "TERM")
    assert late.returncode == 1 and "container not running" in late.stderr
    assert runtime("start", "web").returncode == 1
    runtime.wait_until(
        lambda: not [line for line in runtime.leftovers() if "sleep 0.05" in line], "it ended"
    )
    assert runtime("delete", "web").returncode == 0


def test_nobody_has_to_ask_for_the_job_to_end(runtime: Runtime) -> None:
    """A killed anchor takes job and process along, without a further verb."""
    bundle = runtime.run("web", "echo up; exec sleep 4711")
    runtime.wait_output(bundle, "up\n")
    kill_anchor(runtime)
    runtime.wait_until(
        lambda: all(line.startswith("/") for line in runtime.leftovers()), "only files are left"
    )
    assert runtime("delete", "web").returncode == 0


@pytest.mark.parametrize("verb", ["kill", "start"])
def test_a_verb_that_meets_a_dead_anchor_answers_truthfully(runtime: Runtime, verb: str) -> None:
    """Recovery comes first, then the answer that a stopped container gives."""
    runtime.create("web", runtime.make_bundle("true"))
    kill_anchor(runtime)
    answer = runtime(verb, "web")
    assert answer.returncode == 1 and answer.stderr.count("\n") == 1
    assert ("container not running" in answer.stderr) == (verb == "kill")
    assert runtime("delete", "web").returncode == 0


def test_delete_of_a_dead_anchors_container(runtime: Runtime) -> None:
    """delete --force, as engines call it, cleans up what the anchor has left."""
    runtime.run("web", WAIT)
    kill_anchor(runtime)
    assert runtime("delete", "--force", "web").returncode == 0
    assert runtime("state", "web").returncode == 1


def test_create_of_a_dead_anchors_id_says_what_to_do(runtime: Runtime) -> None:
    """The ID is in use until somebody has finished what the anchor left."""
    bundle = runtime.make_bundle("true")
    runtime.create("web", bundle)
    again = runtime("create", "-b", bundle.path, "web")
    assert "already exists" in again.stderr and "died" not in again.stderr
    kill_anchor(runtime)
    again = runtime("create", "-b", bundle.path, "web")
    assert again.returncode == 1 and "its anchor died: scrun delete --force web" in again.stderr
    assert runtime("delete", "--force", "web").returncode == 0
    runtime.create("web", bundle)
    assert runtime("delete", "--force", "web").returncode == 0


def test_two_verbs_recover_at_once(runtime: Runtime) -> None:
    """The lock lets one finish it; both get the true answer."""
    runtime.run("web", WAIT)
    kill_anchor(runtime)
    calls = [
        runtime.popen(
            runtime.argv("state", "web"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(4)
    ]
    outputs = [call.communicate(timeout=60)[0] for call in calls]
    assert [b'"status": "stopped"' in output for output in outputs] == [True] * 4, outputs
    assert runtime("delete", "web").returncode == 0


def test_the_script_stages_out_after_a_crash(runtime: Runtime) -> None:
    """Recovery finishes what stage_in began: stage_out runs, once, with the recorded paths."""
    told = f"{runtime.home}/told"
    note = f"local f = io.open('{told}', 'a'); f:write(select(1, ...), '\\n'); f:close()"
    runtime.write_site("scrun.lua", ENTRY.format("", note))
    bundle = runtime.make_bundle("true")
    runtime.create("web", bundle)
    kill_anchor(runtime)
    assert runtime.state("web")["status"] == "stopped"  # at once: it stages nothing out
    assert runtime("start", "web").returncode == 1
    assert runtime.outside(told).read_text() == "web\n"
    assert runtime("delete", "web").returncode == 0
    assert runtime.outside(told).read_text() == "web\n"


def test_an_anchor_killed_while_it_creates(runtime: Runtime) -> None:
    """create says so, and nothing is left: not the job, not the script's command."""
    marker = f"{runtime.home}/staging"
    body = f"slurm.allocator_command('echo > {marker}; exec sleep 4712')"
    runtime.write_site("scrun.lua", ENTRY.format(body, ""))
    bundle = runtime.make_bundle("true")
    create = runtime.start_create("web", bundle)
    runtime.wait_until(runtime.outside(marker).exists, "stage_in runs")
    kill_anchor(runtime)
    assert create.wait(60) == 1
    assert "create web: the anchor died" in bundle.read("stderr")
    assert runtime("state", "web").returncode == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_anchor_that_is_asked_to_end_ends_the_container(
    runtime: Runtime, number: signal.Signals
) -> None:
    """scrun(1): on SIGINT it cancels the job gracefully; the process hears of it as it does."""
    bundle = runtime.run("web", f"trap 'echo bye; exit 4' TERM INT; echo up; {WAIT}")
    runtime.wait_output(bundle, "up\n")
    os.kill(runtime.anchor_pid(runtime.state("web")["pid"]), number)
    runtime.wait_status("web", "stopped")
    assert bundle.read("stdout") == "up\nbye\n"
    assert runtime("delete", "web").returncode == 0


def test_the_runtimes_process_is_killed(runtime: Runtime) -> None:
    """Whatever runs the container here dies: the container is stopped, and gone."""
    number = 40000 + os.getpid() % 1000  # other tests' clusters are visible from here
    bundle = runtime.run("web", f"echo up; exec sleep {number}")
    runtime.wait_output(bundle, "up\n")
    pattern = f"(crun|runc) .*run --bundle {runtime.root}|srun .*--container {runtime.home}"
    victims = processes(runtime, pattern)
    assert victims
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):  # srun's child goes with srun
            os.kill(pid, signal.SIGKILL)
    runtime.wait_status("web", "stopped")
    runtime.wait_until(lambda: not processes(runtime, f"sleep {number}$"), "its process is gone")
    assert runtime("delete", "web").returncode == 0


def processes(runtime: Runtime, pattern: str) -> list[int]:
    """Return this machine's pids of what matches."""
    if isinstance(runtime, ClusterRuntime):
        return [p.host_pid for p in runtime.cluster.processes(pattern)]
    found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def running_job(slurm: ClusterRuntime) -> Job:
    """Return alice's one job."""
    (job,) = slurm.jobs()
    return job


@pytest.mark.slurm
def test_salloc_is_killed(slurm: ClusterRuntime) -> None:
    """Who holds the job dies: the job is ended, the container stopped, by itself."""
    bundle = slurm.run("web", f"echo up; {WAIT}")
    slurm.wait_output(bundle, "up\n")
    job = running_job(slurm)
    kill_process(slurm, "^salloc ")
    slurm.wait_status("web", "stopped")
    assert slurm.cluster.completed_job(job.job_id)["JobState"] == "CANCELLED"
    assert slurm("delete", "web").returncode == 0


@pytest.mark.slurm
@pytest.mark.parametrize("started", [True, False])
def test_scancel_ends_the_container(slurm: ClusterRuntime, started: bool) -> None:
    """A job that the user or Slurm ends is a container that was killed, not one that succeeded."""
    bundle = slurm.make_bundle(f"echo up; {WAIT}")
    slurm.create("web", bundle)
    if started:
        assert slurm("start", "web").returncode == 0
        slurm.wait_output(bundle, "up\n")
    slurm.cluster.run(["scancel", str(running_job(slurm).job_id)], check=True)
    slurm.wait_status("web", "stopped")
    assert slurm("delete", "web").returncode == 0


@pytest.mark.slurm
@pytest.mark.parametrize("crash", [False, True], ids=["restart", "crash"])
def test_slurmctld_restarts_in_mid_run(slurm: ClusterRuntime, crash: bool) -> None:
    """A container does not notice; its signals and its end go on as ever."""
    cluster = slurm.cluster
    assert isinstance(cluster, SandboxCluster) or pytest.skip("not ours to restart")
    bundle = slurm.run("web", f"trap 'echo bye; exit 5' TERM; echo up; {WAIT}")
    slurm.wait_output(bundle, "up\n")
    job = running_job(slurm)
    # A slurmctld that comes up starts no new step for a while: the control step is there before.
    assert slurm("kill", "web", "CONT").returncode == 0
    cluster.restart_slurmctld(kill=crash)
    assert slurm.state("web")["status"] == "running"
    assert slurm("kill", "web", "TERM").returncode == 0
    slurm.wait_status("web", "stopped")
    assert bundle.read("stdout") == "up\nbye\n"
    assert cluster.completed_job(job.job_id)["ExitCode"] == "5:0"
    assert slurm("delete", "web").returncode == 0


@pytest.mark.slurm
def test_kill_works_while_no_step_can_be_started(slurm: ClusterRuntime) -> None:
    """SIGKILL ends the container by its job's end, when the node cannot be reached by a step."""
    assert isinstance(slurm.cluster, SandboxCluster) or pytest.skip("not our oci.conf")
    oci_conf = slurm.cluster.root_path(f"{slurm.cluster.site_dir()}/oci.conf")
    before = oci_conf.read_text()
    oci_conf.write_text(re.sub("RunTimeKill=.*", 'RunTimeKill="/usr/bin/false KILL"', before))
    try:
        bundle = slurm.run("web", f"echo up; {WAIT}")
        slurm.wait_output(bundle, "up\n")
        refused = slurm("kill", "web", "TERM")
        assert refused.returncode == 1 and "the node did not deliver it" in refused.stderr
        assert slurm.state("web")["status"] == "running"
        assert slurm("kill", "web", "KILL").returncode == 0
        slurm.wait_status("web", "stopped")
    finally:
        oci_conf.write_text(before)
    assert slurm("delete", "web").returncode == 0
