"""The test cluster itself: what every other test takes for granted."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.py.cluster.base import Cluster
from tests.py.cluster.bundle import write_bundle
from tests.py.cluster.errors import ClusterUnavailable
from tests.py.cluster.sandbox import FREEZER
from tests.py.cluster.sandboxed import SandboxCluster

pytestmark = pytest.mark.slurm

PODMAN = ["podman", "--runtime", "crun"]


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[SandboxCluster]:
    """A cluster of this test alone, beside the session's."""
    try:
        cluster = SandboxCluster.start(request.config.getoption("--cluster-suite"))
    except ClusterUnavailable as err:
        if request.config.getoption("--require-slurm"):
            pytest.fail(str(err), pytrace=False)
        pytest.skip(str(err))
    yield cluster
    cluster.stop()


def test_a_job_runs_on_two_nodes(cluster: Cluster) -> None:
    """srun reaches both slurmd."""
    done = cluster.run(["srun", "-N2", "sh", "-c", "echo $SLURMD_NODENAME"], check=True)
    assert sorted(done.stdout.split()) == [b"n1", b"n2"]


def test_rootless_podman_runs_a_container_by_crun(cluster: Cluster) -> None:
    """The engine works before our runtime comes in, and says nothing on stderr."""
    done = cluster.run([*PODMAN, "run", "--rm", "busy", "echo", "hi"])
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hi\n", b"")


def test_podman_hands_on_the_exit_status(cluster: Cluster) -> None:
    """The chain podman, conmon, crun keeps a status."""
    assert cluster.run([*PODMAN, "run", "--rm", "busy", "sh", "-c", "exit 7"]).returncode == 7


def test_srun_runs_a_bundle(cluster: Cluster) -> None:
    """oci.conf is right: a step's container sees the bundle's rootfs as uid 0."""
    bundle = write_bundle(cluster, "/home/alice/hello", ["/bin/sh", "-c", "id -u; ls /bin/busybox"])
    done = cluster.run(["srun", "--container", bundle, "/bin/sh", "-c", "id -u; ls /bin/busybox"])
    assert (done.returncode, done.stdout) == (0, b"0\n/bin/busybox\n")


def test_the_exit_code_of_a_job_is_known(cluster: Cluster) -> None:
    """A job keeps the status of the command that salloc ran."""
    command = ["salloc", "-Q", "sh", "-c", "echo $SLURM_JOB_ID; exit 7"]
    done = cluster.run(command)
    job = cluster.completed_job(int(done.stdout))
    assert done.returncode == 7
    assert (job["JobState"], job["ExitCode"]) == ("FAILED", "7:0")


def test_a_user_has_a_clean_login_environment(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the tester's environment comes in; changes asked for do."""
    monkeypatch.setenv("TESTERS_OWN", "1")
    env = cluster.run(["env"], env={"ADDED": "x", "LANG": None}, check=True).stdout.decode()
    lines = env.splitlines()
    assert "HOME=/home/alice" in lines and "ADDED=x" in lines
    assert "XDG_RUNTIME_DIR=/run/user/1000" in lines
    assert not any(line.startswith(("TESTERS_OWN=", "LANG=")) for line in lines)


def test_signals_reach_the_command_inside(cluster: Cluster) -> None:
    """A Popen's signal goes to the command, not to what entered the namespaces."""
    script = "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.1; done"
    process = cluster.popen(["sh", "-c", script], stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.stdout.read() == b"got it\n"
    assert process.wait(60) == 3
    process.stdout.close()


def test_a_command_that_times_out_is_killed(cluster: Cluster) -> None:
    """A hanging command fails the test that ran it and leaves nothing running."""
    with pytest.raises(subprocess.TimeoutExpired):
        cluster.run(["sleep", "4711"], timeout_s=0.5)
    cluster.wait_until(lambda: not cluster.processes("4711"), timeout_s=60, what="sleep is gone")


def test_a_pty_belongs_to_the_user(cluster: Cluster) -> None:
    """The user can open his terminal again by its name."""
    child = cluster.pexpect_spawn(["sh", "-c", "echo again > $(tty); stty size"])
    child.expect("again\r\n24 80\r\n")
    child.expect(child_eof())
    child.close()
    assert child.exitstatus == 0


def child_eof() -> object:
    """Return pexpect's end-of-file pattern."""
    return pytest.importorskip("pexpect").EOF


def test_site_files_are_undone(cluster: Cluster) -> None:
    """What a test writes as the site's Lua is gone after, what was there is back."""
    script = cluster.root_path(f"{cluster.site_dir()}/scrun.lua")
    module = cluster.root_path(f"{cluster.site_dir()}/scrun.d/verbs/kill.lua")
    before = script.read_bytes() if script.exists() else None
    cluster.site_script("-- first")
    cluster.site_script("-- second")
    cluster.override("verbs.kill", "return {}")
    assert (script.read_text(), module.read_text()) == ("-- second", "return {}")
    cluster.restore_site()
    assert (script.read_bytes() if script.exists() else None) == before
    assert not module.exists()


def test_the_checkout_is_installed(scrun_cluster: Cluster) -> None:
    """Users can run the runtime that podman's configuration names."""
    done = scrun_cluster.run([scrun_cluster.scrun, "--version"], user="bob")
    assert done.stdout.startswith(b"scrun version ") and not done.returncode


def test_init_reaps_what_is_left_to_it(cluster: Cluster) -> None:
    """A test that looks for left-over processes finds no zombies."""
    cluster.run(["sh", "-c", "setsid sh -c 'sleep 0.2 & exec sleep 0.3' & :"], check=True)
    cluster.wait_until(lambda: not cluster.processes("^sleep 0"), timeout_s=60, what="ended")
    cluster.wait_until(
        lambda: not [p for p in cluster.processes() if p.state == "Z"],
        timeout_s=30,
        what="no zombie is left",
    )


def test_a_restarted_slurmctld_knows_its_jobs(own: SandboxCluster) -> None:
    """Jobs outlive slurmctld, even one that was killed."""
    job = own.popen(["salloc", "-Q", "--kill-command", "-J", "survivor", "sleep", "60"])
    own.wait_until(own.jobs, timeout_s=60, what="the job is listed")
    own.restart_slurmctld(kill=True)
    assert [found.name for found in own.jobs()] == ["survivor"]
    own.cancel_jobs()
    job.wait(60)


def test_two_clusters_do_not_disturb_each_other(cluster: Cluster, own: SandboxCluster) -> None:
    """Ending a job in one leaves the job of the other alone."""
    jobs = [c.popen(["srun", "-J", "long", "sleep", "60"]) for c in (cluster, own)]
    for c in (cluster, own):
        c.wait_until(lambda c=c: c.processes("sleep 60"), timeout_s=60, what="sleeps")  # type: ignore[misc]
    own.cancel_jobs()
    jobs[1].wait(60)
    assert [p.argv for p in cluster.processes("^[^ ]*sleep 60")]
    assert jobs[0].poll() is None
    jobs[0].send_signal(signal.SIGKILL)
    cluster.run(["scancel", "-n", "long"], check=True)
    jobs[0].wait(60)


def test_nothing_is_left_of_a_stopped_cluster(own: SandboxCluster) -> None:
    """With a container and a job running: no process, no mount, no job's cgroup."""
    own.run([*PODMAN, "run", "-d", "busy", "sleep", "600"], check=True)
    own.popen(["srun", "sleep", "600"])
    own.wait_until(lambda: own.jobs() and own.jobs()[0].state == "RUNNING", timeout_s=60)
    job_id = own.jobs()[0].job_id
    pids = [process.host_pid for process in own.processes()]
    assert len(pids) > 6  # daemons, conmon, two containers' processes
    own.stop()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert "scrun-test" not in Path("/proc/mounts").read_text()
    assert not list(FREEZER.glob(f"slurm_n*/uid_*/job_{job_id}"))


def test_a_killed_tester_takes_its_cluster_along(tmp_path: Path) -> None:
    """SIGKILL of the process that started a cluster ends the cluster."""
    pid_file = tmp_path / "pid"
    script = (
        "import pathlib, sys, time\n"
        "from tests.py.cluster.sandboxed import SandboxCluster\n"
        "cluster = SandboxCluster.start()\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "path.with_suffix('.new').write_text(str(cluster.sandbox.pid))\n"
        "path.with_suffix('.new').rename(path)\n"
        "time.sleep(600)\n"
    )
    tester = subprocess.Popen(["python3", "-c", script, pid_file], start_new_session=True)
    try:
        _wait_for(pid_file.exists, 120)
    finally:
        tester.kill()
        tester.wait(60)
    init = int(pid_file.read_text())
    _wait_for(lambda: not Path(f"/proc/{init}/root").exists())


def _wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
