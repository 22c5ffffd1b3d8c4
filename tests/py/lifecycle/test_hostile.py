"""What an attacker of truth would try: odd directories, odd input, everything failing at once."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.py.cluster import package
from tests.py.cluster.sandboxed import SandboxCluster
from tests.py.lifecycle.runtimes import ClusterRuntime, Runtime
from tests.py.lifecycle.test_crash import ENTRY, kill_anchor, running_job

WAIT = "while :; do sleep 0.05; done"


@pytest.mark.parametrize("verb", ["state", "start", "kill", "delete"])
def test_a_directory_of_somebody_else_is_left_alone(runtime: Runtime, verb: str) -> None:
    """A directory below --root that no anchor made is no container, whatever is asked of it."""
    shell = f"mkdir -p {runtime.root}/work; echo ten years > {runtime.root}/work/thesis"
    assert runtime.popen(["sh", "-c", shell]).wait(60) == 0
    work = runtime.outside(runtime.root) / "work"
    answer = runtime(verb, "work")
    assert answer.returncode == 1 and 'container "work" does not exist' in answer.stderr
    assert [path.name for path in work.iterdir()] == ["thesis"]
    assert runtime.popen(["touch", f"{runtime.root}/work/lock"]).wait(60) == 0
    answer = runtime("delete", "--force", "work")  # even then it is not ours to remove
    assert answer.returncode == 1 and "thesis in it is not ours" in answer.stderr
    assert (work / "thesis").read_text() == "ten years\n"
    shutil.rmtree(work)


def test_the_path_of_a_bundle_on_a_node_may_be_a_trap_here(slurm: ClusterRuntime) -> None:
    """`start` writes to no file that somebody else's directory of the same path links to."""
    trap = f"{slurm.home}/trap"
    slurm.write_site("scrun.lua", ENTRY.format(f"slurm.set_bundle_path('{trap}')", ""))
    bundle = slurm.make_bundle("true")
    (bundle.outside / "hosts").write_text("127.0.0.1 localhost\n")
    mount = {"destination": "/etc/hosts", "type": "bind", "source": "hosts", "options": ["bind"]}
    bundle.edit(lambda config: config["mounts"].append(mount))
    slurm.cluster.write_file(f"{slurm.home}/thesis", "ten years\n", owner="alice")
    slurm.cluster.write_file(f"{trap}/files/.keep", "", owner="bob")
    (slurm.outside(trap) / "files/etc%2Fhosts").symlink_to("../../thesis")
    os.chown(slurm.outside(trap), slurm.cluster.uid("bob"), -1)
    slurm.create("web", bundle)
    slurm("start", "web")
    assert slurm.outside(f"{slurm.home}/thesis").read_text() == "ten years\n"
    assert slurm("delete", "--force", "web").returncode == 0


def test_a_failing_stage_out_after_a_crash_is_told(runtime: Runtime) -> None:
    """state still answers; delete fails and keeps the record, delete --force gives up, aloud."""
    runtime.write_site("scrun.lua", ENTRY.format("", "error('disk on fire')"))
    runtime.create("web", runtime.make_bundle("true"))
    kill_anchor(runtime)
    assert runtime.state("web")["status"] == "stopped"
    refused = runtime("delete", "web")
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "disk on fire" in refused.stderr and "delete --force gives them up" in refused.stderr
    assert runtime.state("web")["status"] == "stopped"
    forced = runtime("delete", "--force", "web")
    assert forced.returncode == 0 and "disk on fire" in forced.stderr


def test_a_stage_out_that_hangs_can_be_ended(runtime: Runtime) -> None:
    """The anchor that is asked to end while it stages out ends that, and says so."""
    marker = f"{runtime.home}/out"
    body = f"slurm.allocator_command('echo > {marker}; exec sleep 53')"
    runtime.write_site("scrun.lua", ENTRY.format("", body))
    bundle = runtime.make_bundle("true")
    pid = runtime.anchor_pid(runtime.create("web", bundle))
    assert runtime("kill", "web", "KILL").returncode == 0
    runtime.wait_until(runtime.outside(marker).exists, "stage_out runs")
    os.kill(pid, signal.SIGTERM)
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_a_spool_directory_that_was_removed_keeps_the_status(runtime: Runtime) -> None:
    """Who removes /run/user/UID takes the record, not the container's exit status."""
    bundle = runtime.make_bundle("echo up; cat >/dev/null; exit 7")
    reader, writer = os.pipe()
    with os.fdopen(reader) as stdin:
        pid = runtime.anchor_pid(runtime.create("web", bundle, stdin=stdin))
    assert runtime("start", "web").returncode == 0
    runtime.wait_output(bundle, "up\n")
    anchor = os.pidfd_open(pid)
    shutil.rmtree(runtime.outside(f"{runtime.root}/web"))
    os.close(writer)
    assert select.select([anchor], [], [], 30)[0], "the anchor has ended"
    os.close(anchor)
    for path in runtime.outside(runtime.home).glob("bundle-*/.scrun-*"):
        shutil.rmtree(path)  # the stager's note was in the spool directory
    # runc makes the directory of its state anew, to look for the container there.
    shutil.rmtree(runtime.outside(f"{runtime.root}/web"), ignore_errors=True)


def test_verbs_during_the_creation_do_it_no_harm(runtime: Runtime) -> None:
    """A loop over state, or another delete, meets a container that is just being made."""
    bundle = runtime.make_bundle("true")
    for number in range(5):
        create = runtime.start_create(f"web{number}", bundle)
        states = [
            runtime.popen(
                runtime.argv("state", f"web{number}"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for _ in range(3)
        ]
        assert create.wait(60) == 0, bundle.read("stderr")
        for state in states:
            state.wait(60)
        assert runtime.state(f"web{number}")["status"] == "created"
        assert runtime("delete", "--force", f"web{number}").returncode == 0


def test_a_container_that_ends_cannot_be_started(runtime: Runtime) -> None:
    """After the kill of a created container nothing of it runs, not even during stage_out."""
    marker, go = f"{runtime.home}/out", f"{runtime.home}/go"
    wait = f"i=0; until [ -e {go} ] || [ $i -ge 1200 ]; do i=$((i+1)); sleep 0.05; done"
    runtime.write_site("scrun.lua", ENTRY.format("", f"os.execute('echo > {marker}; {wait}')"))
    bundle = runtime.make_bundle("echo ran")
    runtime.create("web", bundle)
    assert runtime("kill", "web", "KILL").returncode == 0
    runtime.wait_until(runtime.outside(marker).exists, "stage_out runs")
    answer = runtime("start", "web")
    assert answer.returncode == 1 and "it is ending" in answer.stderr
    runtime.outside(go).touch()
    runtime.wait_status("web", "stopped")
    assert bundle.read("stdout") == ""
    assert runtime("delete", "web").returncode == 0


@pytest.mark.parametrize(
    "annotations",
    [{"a=b": "v"}, {"a": "v\u0000w"}, {"a": "\ud800"}, {"a": "x" * 150_000}, {"a b\nc": "d"}],
    ids=["equals", "NUL", "surrogate", "long", "blanks"],
)
def test_odd_annotations_harm_nobody(runtime: Runtime, annotations: dict[str, str]) -> None:
    """What cannot be a variable is none; the container runs all the same, or is refused."""
    bundle = runtime.make_bundle("echo ran")
    bundle.edit(lambda config: config.update(annotations=annotations))
    create = runtime.start_create("web", bundle)
    if create.wait(60):
        assert bundle.read("stderr").count("\n") == 1
        assert "internal error" not in bundle.read("stderr")
        return
    assert runtime("start", "web").returncode == 0
    runtime.wait_status("web", "stopped")
    assert bundle.read("stdout") == "ran\n", bundle.read("stderr")
    assert runtime("delete", "web").returncode == 0


def test_a_record_that_was_cut_does_not_keep_a_container(runtime: Runtime) -> None:
    """delete --force ends the job and removes the rest, without a usable record."""
    runtime.create("web", runtime.make_bundle("true"))
    kill_anchor(runtime)
    record = runtime.outside(f"{runtime.root}/web/record.cbor")
    record.write_bytes(record.read_bytes()[:100])
    assert runtime("delete", "--force", "web").returncode == 0
    assert runtime("state", "web").returncode == 1
    for path in runtime.outside(runtime.home).glob("bundle-*/.scrun-*/config.json"):
        path.unlink()  # nobody can know of the staged bundle any more
        path.parent.rmdir()


def dead_pid(runtime: Runtime) -> int:
    """Return the number of a process that has ended."""
    process = runtime.popen(["sh", "-c", "echo $$"], stdout=subprocess.PIPE)
    return int(process.communicate(timeout=60)[0])


def test_what_a_killed_delete_has_left_is_swept(runtime: Runtime) -> None:
    """A half removed directory goes with the next container; what is not ours or lives stays."""
    root = runtime.outside(runtime.root)
    runtime.run("old", "true")
    runtime.wait_status("old", "stopped")
    (root / "old/lock").unlink()
    (root / "old").rename(root / f"~{dead_pid(runtime)}")
    kept = [root / "~1", root / f"~{dead_pid(runtime)}", root / "~backup"]
    for path in kept:
        path.mkdir()
        (path / ("lock" if path.name == "~1" else "thesis")).touch()
    runtime.run("new", "true")
    runtime.wait_status("new", "stopped")
    assert runtime("delete", "new").returncode == 0
    runtime.wait_until(lambda: set(root.iterdir()) == set(kept), "it is swept")
    for path in kept:
        shutil.rmtree(path)


def test_another_config_file(runtime: Runtime) -> None:
    """create --config FILE, as crun has it: in place of the bundle's config.json."""
    bundle = runtime.make_bundle("echo first")
    config = bundle.outside / "config.json"
    (bundle.outside / "other.json").write_text(config.read_text().replace("first", "other"))
    runtime.create("web", bundle, "--config", f"{bundle.path}/other.json")
    assert runtime("start", "web").returncode == 0
    runtime.wait_status("web", "stopped")
    assert bundle.read("stdout") == "other\n"
    assert runtime("delete", "web").returncode == 0


@pytest.mark.slurm
@pytest.mark.parametrize(
    "setting",
    [
        *("SRUN_OUTPUT=/tmp/elsewhere", "SRUN_INPUT=none", "SRUN_CONTAINER=/x", "SLURM_LABELIO=1"),
        *("SLURM_DEBUG=5", "SLURM_NTASKS=3", "SLURM_DISTRIBUTION=arbitrary", "SQUEUE_USERS=root"),
    ],
)
def test_the_callers_defaults_for_srun_do_not_count(slurm: ClusterRuntime, setting: str) -> None:
    """What a user's shell has set for his own srun changes nothing of a container."""
    bundle = slurm.make_bundle(f"cat; trap 'echo usr1; exit 3' USR1; echo up; {WAIT}")
    (bundle.outside / "input").write_text("input\n")
    name, _, value = setting.partition("=")
    argv = slurm.argv("create", "-b", bundle.path, "web")
    create = slurm.popen(
        argv,
        env={name: value},
        stdin=(bundle.outside / "input").open("rb"),
        stdout=(bundle.outside / "stdout").open("wb"),
        stderr=(bundle.outside / "stderr").open("wb"),
    )
    assert create.wait(60) == 0, bundle.read("stderr")
    assert slurm("start", "web").returncode == 0
    slurm.wait_output(bundle, "up\n")
    assert slurm("kill", "web", "USR1").returncode == 0
    slurm.wait_status("web", "stopped")
    assert bundle.read("stdout") == "input\nup\nusr1\n"
    assert slurm("delete", "web").returncode == 0


@pytest.mark.slurm
def test_nothing_is_staged_out_under_a_running_process(slurm: ClusterRuntime) -> None:
    """All of srun is killed: the step is ended first, then stage_out runs."""
    told = f"{slurm.home}/told"
    body = f"os.execute('squeue -h -s -o %j >{told}')"
    slurm.write_site("scrun.lua", ENTRY.format("", body))
    bundle = slurm.make_bundle("true")
    bundle.edit(lambda config: config["process"].update(args=["/bin/sh", "-c", f"echo up; {WAIT}"]))
    slurm.create("web", bundle)
    assert slurm("start", "web").returncode == 0
    slurm.wait_output(bundle, "up\n")
    assert slurm.cluster.kill_processes(f"srun .*--container {slurm.home}")
    slurm.wait_status("web", "stopped")
    assert "web" not in slurm.outside(told).read_text().split()
    assert slurm("delete", "web").returncode == 0


@pytest.fixture
def own(slurm: ClusterRuntime) -> Iterator[ClusterRuntime]:
    """A cluster of this test alone: a slurmctld that was away is slow for minutes after."""
    if not isinstance(slurm.cluster, SandboxCluster):
        pytest.skip("not ours to stop")
    cluster = SandboxCluster.start(slurm.cluster.root.suite)
    try:
        package.install(cluster)
        yield ClusterRuntime(cluster, "slurm")
    finally:
        cluster.stop()


@pytest.mark.slurm
def test_the_job_ends_though_slurmctld_was_away_when_it_should(own: ClusterRuntime) -> None:
    """A container ends while nobody takes its job back: the anchor stays until somebody has."""
    cluster = own.cluster
    assert isinstance(cluster, SandboxCluster)
    bundle = own.run("web", f"trap 'exit 3' TERM; echo up; {WAIT}")
    own.wait_output(bundle, "up\n")
    job = running_job(own)
    assert own("kill", "web", "CONT").returncode == 0  # the control step is there
    cluster.stop_slurmctld(kill=True)
    assert own("kill", "web", "TERM").returncode == 0
    own.wait_until(lambda: not cluster.processes("^salloc "), "salloc gave up", 60)
    assert own.state("web")["status"] == "running"  # its job is
    cluster.start_slurmctld()
    own.wait_status("web", "stopped", 60)
    assert cluster.job(job.job_id)["JobState"] in ("COMPLETING", "CANCELLED", "FAILED")
    assert own("delete", "web").returncode == 0


@pytest.mark.slurm
def test_a_control_step_that_cannot_be_started(slurm: ClusterRuntime) -> None:
    """A signal then fails, truthfully; the container goes on, and SIGKILL ends it by its job."""
    wrapper = f"{slurm.home}/srun"
    text = '#!/bin/sh\ncase "$*" in *scrun-control*) exit 1 ;; esac\nexec srun "$@"\n'
    slurm.cluster.write_file(wrapper, text, mode=0o755, owner="alice")
    assert isinstance(slurm.cluster, SandboxCluster) or pytest.skip("not our oci.conf")
    oci_conf = slurm.outside(f"{slurm.cluster.site_dir()}/oci.conf")
    before = oci_conf.read_text()
    oci_conf.write_text(f"{before}SrunPath={wrapper}\n")
    try:
        bundle = slurm.run("web", f"echo up; {WAIT}")
        slurm.wait_output(bundle, "up\n")
        refused = slurm("kill", "web", "USR1")
        assert refused.returncode == 1 and "the node does not answer" in refused.stderr
        assert slurm.state("web")["status"] == "running"
        assert slurm("kill", "web", "KILL").returncode == 0
        slurm.wait_status("web", "stopped")
    finally:
        oci_conf.write_text(before)
    assert slurm("delete", "web").returncode == 0
