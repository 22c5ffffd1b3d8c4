"""``scrun lua run FILE VERB --local`` and ``--slurm``: the verb's module on a real container."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.py.cluster.base import Cluster
from tests.py.cluster.bundle import write_bundle
from tests.py.engines.engine import only_line
from tests.py.workbench.remote_run import Remote, serve_remote
from tests.py.workbench.run_script import Done

pytestmark = pytest.mark.slurm

LIVES = ["sh", "-c", "trap 'exit 7' TERM; trap 'exit 8' USR1; echo up; while :; do sleep 0.1; done"]
TRANSLATES = """local kill = require 'luastd.verbs.kill'
kill.translate.TERM = 'USR1'
return kill
"""
BACKENDS = ("local", "slurm")


@pytest.fixture
def remote(scrun_cluster: Cluster, tmp_path: Path) -> Iterator[Remote]:
    """The cluster; neither a job nor a process of a run may be left in it."""
    for ours in serve_remote(scrun_cluster, tmp_path):
        ours.write(
            "function slurm_scrun_stage_in(id) slurm.allocator_command('echo in') return 0 end\n"
            "function slurm_scrun_stage_out() slurm.allocator_command('echo out') return 0 end\n"
        )
        write_bundle(scrun_cluster, f"{ours.directory}/bundle", LIVES)
        yield ours
    scrun_cluster.wait_until(
        lambda: not scrun_cluster.processes("scrun-run-"), timeout_s=30, what="nothing is left"
    )


def call(remote: Remote, backend: str, *args: str) -> Done:
    """Run a verb on a container of the bundle; it must print JSON."""
    remote.backend = backend
    at = args.index("--") if "--" in args else len(args)
    more = ("--json", "--bundle", f"{remote.directory}/bundle")
    return remote(*args[:at], *more, "--work-dir", f"{remote.directory}/work", *args[at:])


def override(remote: Remote, verb: str, text: str) -> str:
    """Write a module of the site's; returns its path."""
    path = f"{remote.directory}/scrun.d/verbs/{verb}.lua"
    remote.cluster.write_file(path, text, owner="alice")
    return path


def primitives(done: Done) -> list[str]:
    """Return the names of the primitives that were called."""
    return [event["name"] for event in done.events("primitive")]


def output_of(done: Done, source: str) -> str:
    """Return what one of them has printed to stdout."""
    events = done.events("output")
    return "".join(e["text"] for e in events if (e["source"], e["stream"]) == (source, "stdout"))


def last_status(done: Done) -> dict[str, Any]:
    """Return what the container was at last."""
    return done.events("became")[-1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_create(remote: Remote, backend: str) -> None:
    """Its primitives in order, the script's functions among them, the programs, the job."""
    done = call(remote, backend, "create")
    assert done.status == 0, done.err
    names = primitives(done)
    assert names == ["resolve_command", "load_script", "allocate", "stage_in"]
    began = [event["function"] for event in done.events("began")]
    assert sorted(began) == ["create", "load", "stage_in"]
    assert done.commands() == ["echo in"]  # stage_out was the workbench's own cleaning up
    (allocate,) = (event for event in done.events("primitive") if event["name"] == "allocate")
    document = done.document
    assert allocate["results"] == [document["job"]["id"]] and allocate["seconds"] > 0
    assert document["user_sees"] == [] and last_status(done)["status"] == "created"
    if backend == "slurm":
        assert any(event["argv"][0] == "salloc" for event in done.events("started"))
        assert document["job"]["nodes"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_start_shows_what_the_container_prints(remote: Remote, backend: str) -> None:
    """And its end, when it ends by itself, with stage_out."""
    write_bundle(remote.cluster, f"{remote.directory}/bundle", ["sh", "-c", "echo hello; exit 3"])
    done = call(remote, backend, "start")
    assert done.status == 0, done.err
    assert primitives(done)[0] == "start_step"
    assert [event["text"] for event in done.events("output")] == ["hello"]
    assert last_status(done) == {"event": "became", "status": "stopped", "exit_status": 3}
    assert done.commands() == ["echo out"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_kill_by_the_sites_module(remote: Remote, backend: str) -> None:
    """What a site that has changed kill.lua wants to know: the signal that came, and the end."""
    override(remote, "kill", TRANSLATES)
    done = call(remote, backend, "kill")
    assert done.status == 0, done.err
    (kill,) = (event for event in done.events("primitive") if event["name"] == "signal")
    assert (kill["arguments"], kill["results"]) == (["USR1"], [True])
    assert last_status(done)["exit_status"] == 8
    assert done.events("began")[0]["arguments"] == {"signal": "TERM"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_exec(remote: Remote, backend: str) -> None:
    """The process's output and status are its own: the verb has succeeded."""
    done = call(remote, backend, "exec", "--", "sh", "-c", "echo in; echo err >&2; exit 5")
    assert done.status == 0, done.err
    output = {(e["source"], e["stream"]): e["text"].strip() for e in done.events("output")}
    assert output["exec", "stdout"] == "in" and output["exec", "stderr"] == "err"
    assert (done.events("exited")[-1]["program"], done.events("exited")[-1]["status"]) == (
        "exec",
        5,
    )
    assert "exec" in primitives(done)


@pytest.mark.parametrize("backend", BACKENDS)
def test_verbs_of_a_container_that_runs(remote: Remote, backend: str) -> None:
    """Each with what it needs before, which is not shown."""
    paused = call(remote, backend, "pause")
    assert primitives(paused) == ["on_node", "set_status"], paused.err
    assert last_status(paused)["status"] == "paused"
    resumed = call(remote, backend, "resume")
    assert last_status(resumed)["status"] == "running" and not resumed.commands()
    shown = call(remote, backend, "ps", "--", "-o", "pid,args")
    assert "sleep 0.1" in output_of(shown, "ps")
    events = call(remote, backend, "events")
    assert json.loads(output_of(events, "events"))["type"] == "stats"
    state = call(remote, backend, "state")
    assert state.events("document")[0]["value"]["status"] == "running"


@pytest.mark.parametrize("backend", BACKENDS)
def test_delete(remote: Remote, backend: str) -> None:
    """With --force of one that runs; of one that has ended scrun asks nobody, which is told."""
    forced = call(remote, backend, "delete", "--force")
    assert primitives(forced) == ["signal", "wait_ended", "remove"], forced.err
    assert forced.commands() == ["echo out"]
    ended = call(remote, backend, "delete")
    assert ended.status == 0 and "without Lua" in ended.document["notes"][0]
    refused = call(remote, backend, "delete", "--status", "running")
    assert refused.status == 1
    assert refused.err == 'scrun: cannot delete container "lua-run": it is running\n'


def test_errors_of_modules(remote: Remote) -> None:
    """File and line, with -v a traceback without the host's frames.

    The container goes all the same, though it is by that module that a delete would have ended it.
    """
    module = override(
        remote, "kill", "local M = {}\nfunction M.run() M.no.such = 1 end\nreturn M\n"
    )
    done = call(remote, "local", "kill", "-v")
    assert done.status == 1
    *trace, line = done.err.splitlines()
    assert line.startswith(f"scrun: {module}:2: attempt to index a nil value")
    assert trace[0] == "stack traceback:" and module in trace[1] and ".py" not in done.err
    assert done.document["user_sees"] == [f"Error: OCI runtime error: {line}"]
    override(remote, "kill", "local M = {\n")
    broken = call(remote, "local", "start")
    assert broken.err.startswith(f"scrun: {module}:2: ")
    override(remote, "kill", TRANSLATES)
    module = override(remote, "state", "return { document = function()\nerror 'odd' end }\n")
    assert call(remote, "local", "state").err == f"scrun: {module}:2: odd\n"


def test_what_cannot_end_is_ended(remote: Remote) -> None:
    """A loop in a verb by --timeout, with its line; a site's delete that loops holds nobody up."""
    text = "local M = {}\nfunction M.run()\nwhile true do end\nend\nreturn M\n"
    override(remote, "delete", text)
    module = override(remote, "kill", text.replace("return M", "M.deliver = M.run return M"))
    done = call(remote, "local", "kill", "--timeout", "2")
    assert done.err == f"scrun: {module}:3: took longer than 2 s (--timeout)\n"
    assert done.document["error"]["code"] == "ETIMEDOUT"
    module = override(remote, "kill", "\nwhile true do end\n")  # the anchor loads it at create
    done = call(remote, "local", "kill", "--timeout", "2")
    assert done.err == f"scrun: {module}:2: took longer than 2 s (--timeout)\n"


def test_commands_of_a_module(remote: Remote) -> None:
    """They are shown with their output and status, and ended with the verb."""
    text = "local M = {}\nfunction M.run()\nos.execute 'echo out; exit 3'\nos.execute 'sleep 600'\n"
    module = override(remote, "kill", f"{text}end\nreturn M\n")
    done = call(remote, "local", "kill", "--timeout", "2")
    assert done.err == f"scrun: {module}:4: took longer than 2 s (--timeout)\n"
    first, second = done.events("command")
    assert (first["status"], first["output"], first["ran"]) == (3, "out\n", True)
    assert (second["text"], second["status"]) == ("sleep 600", 137)
    for wrong in ("coroutine.yield()", "return true, print"):  # podman kill waited for ever
        override(remote, "kill", f"return {{ run = function() {wrong} end }}\n")
        assert call(remote, "local", "kill").status == 1
    module = override(remote, "kill", "return { run = function()\nos.exit(3) end }\n")
    ended = call(remote, "local", "kill").err
    assert ended.startswith(f"scrun: {module}:2: os.exit would end scrun itself")


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_interrupted_run_leaves_nothing(remote: Remote, backend: str) -> None:
    """Whatever it waits for: here a stage_in."""
    remote.backend = backend
    up = f"{remote.directory}/up"
    remote.write_stage_in(f"slurm.allocator_command('touch {up}; sleep 600')")
    more = ("--bundle", f"{remote.directory}/bundle", "--work-dir", f"{remote.directory}/work")
    argv = remote.argv("create", *more)
    process = remote.cluster.popen(argv, stderr=subprocess.PIPE)
    remote.cluster.wait_until(
        lambda: remote.cluster.root_path(up).exists(), timeout_s=30, what="the command runs"
    )
    pattern = f"lua run {remote.directory}/scrun.lua --{backend}"
    assert remote.cluster.kill_processes(pattern, signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert only_line(err).endswith("ended by SIGINT")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_run_leaves_nothing(remote: Remote, backend: str) -> None:
    """The container ends, whatever is being called; the directory goes with the next run."""
    remote.backend = backend
    more = ("--bundle", f"{remote.directory}/bundle", "--work-dir", f"{remote.directory}/work")
    argv = remote.argv("exec", *more, "--", "sleep", "600")
    process = remote.cluster.popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    remote.cluster.wait_until(
        lambda: remote.cluster.processes("^[^ ]*crun .* exec "), timeout_s=30, what="exec runs"
    )
    remote.kill()
    process.wait(timeout=30)
    remote.cluster.wait_until(
        lambda: not remote.cluster.processes(f"{remote.directory}|^[^ ]*crun "),
        timeout_s=30,
        what="the container and its anchor have ended",
    )
    assert call(remote, "local", "state").status == 0


def test_a_run_that_is_killed_in_create_leaves_nothing(remote: Remote) -> None:
    """Whatever its modules do: here each document is made for ever."""
    remote.backend, up = "local", f"{remote.directory}/up"
    text = f"io.open('{up}', 'w'):close() while true do end"
    override(remote, "state", f"return {{ document = function() {text} end }}\n")
    more = ("--bundle", f"{remote.directory}/bundle", "--work-dir", f"{remote.directory}/work")
    process = remote.cluster.popen(remote.argv("create", *more), stdout=subprocess.DEVNULL)
    remote.cluster.wait_until(
        lambda: remote.cluster.root_path(up).exists(), timeout_s=30, what="create runs"
    )
    remote.kill()
    process.wait(timeout=30)
    remote.cluster.wait_until(
        lambda: not remote.cluster.processes(remote.directory),
        timeout_s=30,
        what="the anchor has ended",
    )
    override(remote, "state", "return require 'luastd.verbs.state'\n")
    assert call(remote, "local", "state").status == 0  # and removes the directory


@pytest.mark.parametrize("dialect", ["5.1", "luajit"])
def test_the_scripts_dialect(remote: Remote, dialect: str) -> None:
    """Of the script alone: verbs are 5.4."""
    remote.write_stage_in("slurm.log_info(tostring(jit and 'luajit' or _VERSION))")
    done = call(remote, "local", "create", "--lua", dialect)
    assert done.status == 0, done.err
    assert {"5.1": "Lua 5.1", "luajit": "luajit"}[dialect] in done.logged()


def test_a_job_that_is_there_already(remote: Remote) -> None:
    """It is used, and left."""
    argv = ["salloc", "--quiet", "sh", "-c", "echo $SLURM_JOB_ID; read line"]
    holder = remote.cluster.popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None and holder.stdout is not None
    job_id = int(holder.stdout.readline())
    done = call(remote, "slurm", "create", "--job-id", str(job_id))
    assert done.status == 0, done.err
    assert done.document["job"]["id"] == job_id and remote.jobs() == [job_id]
    holder.stdin.close()
    holder.wait(30)


def test_verbs_that_need_no_container(remote: Remote) -> None:
    """On a machine with Slurm: the same features as on the command line, no job, no file."""
    override(remote, "features", "return require 'luastd.verbs.features'\n")
    done = remote("features", "--json")
    real = remote.cluster.run([remote.cluster.scrun, "features"], cwd=remote.directory)
    assert (done.status, output_of(done, "features")) == (0, real.stdout.decode()), done.err
    assert done.events("began")[0]["arguments"]["rootless"] == "True"
    made = remote("spec", "--bundle", remote.directory, "--json")
    assert "uidMappings" in made.document["config"]["after"], made.err
    assert not remote.cluster.root_path(f"{remote.directory}/config.json").exists()
    assert remote("restore", "--json").document["error"]["code"] == "NOT_SUPPORTED"
