"""What commands have to stand in a real cluster: wrong surroundings, and Slurm that is silent."""

import pytest

from scrun.errors import ClusterError
from tests.py.cluster.base import Cluster
from tests.py.cluster_queries.sites import ClusterSite, RemoteQueries
from tests.py.waiting import least_s

pytestmark = pytest.mark.slurm

MUTE = """
import os, socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(16)
with open("/etc/slurm/slurm.conf") as file:
    kept = [line for line in file if not line.startswith("SlurmctldPort")]
with open(sys.argv[1], "w") as file:
    file.write("".join(kept) + f"SlurmctldPort={listener.getsockname()[1]}\\n")
print("ready", flush=True)
sys.stdin.read()
"""


def test_what_pyslurm_is_compared_with(remote: RemoteQueries, cluster: Cluster) -> None:
    """The version of Slurm, and that slurmctld answers: with its ClusterName."""
    assert remote.ask("version") == cluster.slurm_version
    shown = cluster.run(["scontrol", "show", "config"], check=True).stdout.decode()
    line = next(line for line in shown.splitlines() if line.startswith("ClusterName"))
    assert remote.ask("cluster_name") == line.split("=")[1].strip()


def test_no_accounting_is_no_error(remote: RemoteQueries) -> None:
    """Without slurmdbd there are no priorities; a debug line tells so."""
    assert remote.qos_priority("normal") is None
    assert "debug: no priority for QOS normal" in remote.log
    assert "accounting_storage" in remote.log


def test_a_path_without_slurm(remote: RemoteQueries) -> None:
    """ENOENT, with the name of the command that is missing."""
    with pytest.raises(ClusterError) as caught:
        remote.ask("job", 1, env={"PATH": "/usr/games"})
    assert caught.value.code == "ENOENT"
    assert caught.value.message == "query job 1: no command squeue in PATH"


@pytest.mark.parametrize("operation", ["job", "cancel"])
def test_a_silent_slurmctld_costs_no_more_than_the_time_limit(
    remote: RemoteQueries, cluster: Cluster, operation: str
) -> None:
    """It accepts connections and says nothing: ETIMEDOUT, and no command is left behind."""
    conf = "/tmp/mute-slurm.conf"
    command = ["python3", "-c", MUTE, conf]
    with cluster.popen(command, stdin=-1, stdout=-1) as mute:
        assert mute.stdout and mute.stdout.readline() == b"ready\n"

        def ask() -> None:
            with pytest.raises(ClusterError) as caught:
                remote.ask(operation, 4711, env={"SLURM_CONF": conf}, timeout_s=1)
            assert caught.value.code == "ETIMEDOUT"
            assert "gave no answer in 1 s" in caught.value.message

        assert least_s(ask, 5) < 5
        asker = "^s(queue|cancel) .*4711"
        cluster.wait_until(lambda: not cluster.processes(asker), timeout_s=30, what="it is gone")
        mute.communicate()  # its stdin ends, and so does it


def test_no_slurmctld(remote: RemoteQueries, cluster: Cluster) -> None:
    """Slurm's own reason and its name; scontrol tries for nine seconds."""
    conf = "/tmp/closed-slurm.conf"
    change = 'grep -v ^SlurmctldPort /etc/slurm/slurm.conf > "$0"; echo SlurmctldPort=1 >> "$0"'
    cluster.run(["sh", "-c", change, conf], check=True)
    with pytest.raises(ClusterError) as caught:
        remote.ask("cluster_name", env={"SLURM_CONF": conf}, timeout_s=30)
    assert caught.value.code == "SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR"
    assert caught.value.message.endswith("Unable to contact slurm controller (connect failure)")


def test_the_caller_s_options_do_not_count(
    remote: RemoteQueries, cluster_site: ClusterSite
) -> None:
    """SQUEUE_* and SCANCEL_* are options of people: a filter, a format, a question to confirm."""
    job_id = cluster_site.running_job("main")
    env = {
        **{"SQUEUE_USERS": "bob", "SQUEUE_FORMAT": "%u", "SQUEUE_STATES": "PENDING"},
        **{"SCANCEL_INTERACTIVE": "1", "SCANCEL_USER": "bob", "SCANCEL_STATE": "PENDING"},
    }
    assert remote.ask("job", job_id, env=env)["state"] == "RUNNING"
    assert [step["name"] for step in remote.ask("steps", job_id, env=env)][:1] == ["main"]
    remote.ask("cancel", job_id, env=env)
    cluster_site.wait_until_over(job_id)


def test_the_job_of_another_user_is_not_ours_to_end(
    remote: RemoteQueries, cluster_site: ClusterSite
) -> None:
    """A refusal by slurmctld is an error with its name."""
    job_id = cluster_site.pending_job()
    with pytest.raises(ClusterError) as caught:
        remote.ask("cancel", job_id, user="bob")
    assert caught.value.code == "ESLURM_ACCESS_DENIED"
    assert caught.value.message == f"cancel job {job_id}: Access/permission denied"


def test_commands_are_logged_as_one_can_paste_them(remote: RemoteQueries) -> None:
    """Style guide, messages: every command run is a debug line."""
    remote.ask("cluster_name")
    assert "debug: run scontrol show config\n" in remote.log
    remote.job(1)
    line = next(line for line in remote.log.splitlines() if "run squeue" in line)
    pasted = remote.cluster.run(["sh", "-c", line.partition("run ")[2]])
    assert b"Invalid job id" in pasted.stderr


def test_cancelling_a_step_leaves_the_job(remote: RemoteQueries, cluster: Cluster) -> None:
    """One step of an allocation that is not ours ends; the allocation goes on."""
    argv = ["salloc", "-Q", "-K", "sh", "-c", "srun -Q -J one sleep 60; sleep 60"]
    job = cluster.popen(argv)
    steps = cluster.wait_until(
        lambda: [s for j in cluster.jobs() for s in remote.steps(j.job_id) if s.name == "one"],
        timeout_s=20,
        what="the step runs",
    )
    job_id = cluster.jobs()[0].job_id
    remote.cancel_step(job_id, steps[0].step_id)
    cluster.wait_until(lambda: not remote.steps(job_id), timeout_s=20, what="the step is over")
    found = remote.job(job_id)
    assert found is not None and found.state == "RUNNING"
    remote.cancel(job_id)
    job.wait(20)
