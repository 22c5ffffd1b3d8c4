"""A container on two nodes: one task on each, as srun has it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.py.lifecycle.runtimes import Bundle, ClusterRuntime

pytestmark = pytest.mark.slurm

TWO_NODES = {"SCRUN_JOB_NUM_NODES": "2"}
# Which node a process is on is in its environment; both of a line arrive, in any order.
LOOP = "trap 'echo term $SLURMD_NODENAME; exit 5' TERM; echo up $SLURMD_NODENAME; "
LOOP += "while :; do sleep 0.05; done"
# An exec'd process knows by that of the container's own.
FIND_NODE = "export $(tr '\\0' '\\n' </proc/1/environ | grep ^SLURMD_NODENAME=); "


def start(runtime: ClusterRuntime, script: str, **variables: str) -> Bundle:
    """Run a container ``web`` on two nodes."""
    bundle = runtime.make_bundle(script)
    argv = runtime.argv("create", "--bundle", bundle.path, "web")
    process = runtime.popen(
        argv,
        env=TWO_NODES | variables,
        stdin=subprocess.DEVNULL,
        stdout=(bundle.outside / "stdout").open("wb"),
        stderr=(bundle.outside / "stderr").open("wb"),
    )
    assert process.wait(60) == 0, bundle.read("stderr")
    done = runtime("start", "web")
    assert (done.returncode, done.stderr) == (0, "")
    return bundle


def lines(bundle: Bundle, name: str = "stdout") -> list[str]:
    """Return the lines of a stream, sorted."""
    return sorted(bundle.read(name).splitlines())


@pytest.fixture
def web(slurm: ClusterRuntime) -> Iterator[Bundle]:
    """A container that runs on n1 and n2."""
    bundle = start(slurm, LOOP)
    slurm.wait_until(lambda: lines(bundle) == ["up n1", "up n2"], "both tasks run")
    yield bundle
    assert slurm("delete", "--force", "web").returncode == 0


def test_output_of_both_arrives(slurm: ClusterRuntime) -> None:
    """stdout and stderr of each task, apart, without labels; the highest exit code."""
    script = "echo out $SLURM_PROCID; echo err $SLURM_PROCID >&2; exit $((SLURM_PROCID + 3))"
    bundle = start(slurm, script)
    slurm.wait_status("web", "stopped")
    assert lines(bundle) == ["out 0", "out 1"]
    assert lines(bundle, "stderr") == ["err 0", "err 1"]
    job = slurm.cluster.run(["scontrol", "-o", "show", "job"], user="root").stdout.decode()
    assert "ExitCode=4:0" in job.splitlines()[-1]
    assert slurm("delete", "web").returncode == 0


def test_labels_when_asked_for(slurm: ClusterRuntime) -> None:
    bundle = start(slurm, "echo out", SCRUN_LABELIO="1")
    slurm.wait_status("web", "stopped")
    assert lines(bundle) == ["0: out", "1: out"]
    assert slurm("delete", "web").returncode == 0


def test_a_signal_reaches_both_tasks(slurm: ClusterRuntime, web: Bundle) -> None:
    """Each process's own trap runs; the exit code is theirs."""
    assert slurm("kill", "web", "TERM").returncode == 0
    slurm.wait_status("web", "stopped")
    assert lines(web) == ["term n1", "term n2", "up n1", "up n2"]


def test_the_second_signal_reaches_both_as_well(slurm: ClusterRuntime) -> None:
    """Once the node knows the process, the runtime is not asked again."""
    script = "trap 'echo usr $SLURM_PROCID' USR1; trap 'exit 0' TERM; echo up; "
    bundle = start(slurm, script + "while :; do sleep 0.05; done")
    slurm.wait_until(lambda: lines(bundle) == ["up", "up"], "both tasks run")
    assert slurm("kill", "web", "USR1").returncode == 0
    slurm.wait_until(lambda: "usr 0" in lines(bundle) and "usr 1" in lines(bundle), "the first")
    assert slurm("kill", "web", "TERM").returncode == 0
    slurm.wait_status("web", "stopped")
    assert slurm("delete", "web").returncode == 0


def test_a_task_that_ends_first(slurm: ClusterRuntime) -> None:
    """The container runs as long as one of its tasks does, and is signalled and killed as ever."""
    script = 'echo up $SLURM_PROCID; [ "$SLURM_PROCID" = 0 ] || exit 3; exec sleep 100'
    bundle = start(slurm, script)
    slurm.wait_until(lambda: lines(bundle) == ["up 0", "up 1"], "both tasks run")

    def only_one() -> bool:
        return len(slurm.cluster.processes("^sleep 100")) == 1

    slurm.wait_until(only_one, "the second has ended")
    assert slurm.state("web")["status"] == "running"
    assert slurm("delete", "web").returncode != 0
    assert slurm("kill", "web", "USR2").returncode == 0  # pid 1 ignores it
    assert slurm("kill", "web", "KILL").returncode == 0
    slurm.wait_status("web", "stopped")
    assert slurm("delete", "web").returncode == 0


@pytest.mark.parametrize(
    ("options", "node"),
    [
        ((), "n1"),
        (("--node", "n2"), "n2"),
        (("--node", "1"), "n2"),
        (("--env", "SCRUN_EXEC_NODE=n2"), "n2"),
        (("--env", "SCRUN_EXEC_NODE=n2", "--node", "n1"), "n1"),
    ],
    ids=["default", "name", "place", "variable", "option-wins"],
)
def test_exec_on_a_node(
    slurm: ClusterRuntime, web: Bundle, options: tuple[str, ...], node: str
) -> None:
    """In the container of that node: its own process is the same as there."""
    done = slurm("exec", *options, "web", "sh", "-c", FIND_NODE + "echo $SLURMD_NODENAME")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{node}\n", "")


def test_exec_on_a_node_by_annotation(slurm: ClusterRuntime) -> None:
    bundle = slurm.make_bundle("exec sleep 100")
    bundle.edit(lambda config: config.update(annotations={"scrun.exec.node": "n2"}))
    argv = slurm.argv("create", "--bundle", bundle.path, "web")
    assert slurm.popen(argv, env=TWO_NODES, stdin=subprocess.DEVNULL).wait(60) == 0
    assert slurm("start", "web").returncode == 0
    done = slurm("exec", "web", "sh", "-c", FIND_NODE + "echo $SLURMD_NODENAME")
    assert (done.returncode, done.stdout, done.stderr) == (0, "n2\n", "")
    assert slurm("delete", "--force", "web").returncode == 0


def test_exec_on_a_node_that_is_not_the_containers(slurm: ClusterRuntime, web: Bundle) -> None:
    done = slurm("exec", "--node", "n9", "web", "true")
    assert done.returncode == 1
    assert 'not on node "n9", but on n1, n2' in done.stderr and done.stderr.count("\n") == 1


def test_a_signal_to_a_process_on_the_second_node(slurm: ClusterRuntime, web: Bundle) -> None:
    """Its trap runs there; the container's own processes get nothing of it."""
    process = slurm.popen(
        slurm.argv("exec", "--node", "n2", "web", "sh", "-c", FIND_NODE + LOOP),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up n2\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == b"term n2\n"
    assert process.wait(60) == 5
    assert slurm.state("web")["status"] == "running"


def test_a_command_that_is_not_there_on_the_second_node(slurm: ClusterRuntime, web: Bundle) -> None:
    done = slurm("exec", "--node", "n2", "web", "no-such-command")
    assert done.returncode == 255 and "not found in $PATH" in done.stderr


def test_several_tasks_on_a_node(slurm: ClusterRuntime) -> None:
    """Three tasks on two nodes: signals reach them all, exec finds one on each node."""
    script = "trap 'echo term; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    bundle = start(slurm, script, SCRUN_NTASKS="3")
    slurm.wait_until(lambda: lines(bundle) == ["up"] * 3, "all tasks run")
    for node in ("n1", "n2"):
        script = FIND_NODE + "echo $SLURMD_NODENAME"
        done = slurm("exec", "--node", node, "web", "sh", "-c", script)
        assert (done.returncode, done.stdout) == (0, f"{node}\n"), done.stderr
    assert slurm("kill", "web", "TERM").returncode == 0
    slurm.wait_status("web", "stopped")
    assert lines(bundle) == ["term"] * 3 + ["up"] * 3
    assert slurm("delete", "web").returncode == 0


def test_remote_commands_run_on_both_nodes(slurm: ClusterRuntime) -> None:
    """``slurm.remote_command`` runs once on each, however many tasks the job has."""
    report = f"{slurm.home}/report"
    slurm.write_site(
        "scrun.lua",
        f"""
        function slurm_scrun_stage_in(id, bundle, spool_dir, config_file, job_id)
          local status, output = slurm.remote_command('echo on $SLURMD_NODENAME')
          local file = assert(io.open('{report}', 'w'))
          file:write(status, '\\n', output)
          file:close()
          return slurm.SUCCESS
        end
        function slurm_scrun_stage_out() return slurm.SUCCESS end
        return slurm.SUCCESS
        """,
    )
    start(slurm, "true", SCRUN_NTASKS="3")
    slurm.wait_status("web", "stopped")
    assert slurm("delete", "web").returncode == 0
    assert sorted(slurm.outside(report).read_text().splitlines()) == ["0", "on n1", "on n2"]


def test_the_state_document_is_one(slurm: ClusterRuntime, web: Bundle) -> None:
    document = json.loads(slurm("state", "web").stdout)
    assert (document["id"], document["status"]) == ("web", "running")


def test_pause_holds_the_tasks_of_all_nodes(slurm: ClusterRuntime, web: Bundle) -> None:
    """And resume lets all of them go on; ps shows those of both."""

    def states() -> str:
        table = slurm("ps", "web", "-eo", "pid,stat,args").stdout.splitlines()
        return "".join(sorted(line.split()[1][0] for line in table if "term $SLURMD" in line))

    # A loop of short sleeps is seen at work now and then, a child of it before it is a sleep.
    slurm.wait_until(lambda: len(states()) == 2, "both tasks")
    assert slurm("pause", "web").returncode == 0
    held = states()
    assert len(held) >= 2 and set(held) == {"T"}
    assert slurm("resume", "web").returncode == 0
    going = states()
    assert len(going) >= 2 and "T" not in going
    event = json.loads(slurm("events", "--stats", "web").stdout)
    assert event["data"]["pids"]["current"] >= 2
