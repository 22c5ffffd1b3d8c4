"""pause and resume: all processes of a container stop, and go on, on every backend."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.py.lifecycle.console import Console, with_terminal
from tests.py.lifecycle.runtimes import Bundle, Runtime
from tests.py.lifecycle.schemas import check

# Its own process, a child, and a grandchild that comes and goes, each of which can be seen to run.
BUSY = """
(while :; do echo child; sleep 0.02; done) &
trap "echo term; kill -9 $!; exit 4" TERM
echo up
while :; do echo own; sleep 0.02; done
"""
STILL_S = 0.3


@pytest.fixture(params=["own", "shared"])
def web(request: pytest.FixtureRequest, runtime: Runtime) -> Iterator[Bundle]:
    """A running container with processes of its own namespace, or in that of its node."""
    bundle = runtime.make_bundle(BUSY)
    if request.param == "shared":
        share_processes(bundle)
    runtime.create("web", bundle)
    assert runtime("start", "web").returncode == 0
    runtime.wait_output(bundle, "up")
    yield bundle
    assert runtime("delete", "--force", "web").returncode == 0


def share_processes(bundle: Bundle) -> None:
    """Let a container see the processes of its node, as podman's pidns="host" asks for."""

    def change(config: dict[str, dict[str, list[dict[str, str]]]]) -> None:
        spaces = config["linux"]["namespaces"]
        config["linux"]["namespaces"] = [space for space in spaces if space["type"] != "pid"]

    bundle.edit(change)


def pause(runtime: Runtime) -> None:
    """Pause the container."""
    answer = runtime("pause", "web")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def resume(runtime: Runtime) -> None:
    """Resume it."""
    answer = runtime("resume", "web")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def states(runtime: Runtime) -> set[str]:
    """Return the letters of all its processes, as ps(1) has them."""
    table = runtime("ps", "web", "-eo", "pid,stat")
    assert table.returncode == 0, table.stderr
    return {line.split()[1][0] for line in table.stdout.splitlines()[1:]}


def test_nothing_runs_until_it_is_resumed(runtime: Runtime, web: Bundle) -> None:
    """All processes stop, exec'd ones too; later all of them go on."""
    further = runtime.popen(
        runtime.argv("exec", "web", "sh", "-c", "echo in; while :; do sleep 0.02; done"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert further.stdout is not None and further.stdout.readline() == b"in\n"
    pause(runtime)
    assert runtime.state("web")["status"] == "paused"
    assert states(runtime) == {"T"}
    written = ""

    def stands_still() -> bool:  # what it wrote before may still be on its way
        nonlocal written
        written = web.read("stdout")
        time.sleep(STILL_S)  # a time in which it would have written: nothing can be waited for
        return web.read("stdout") == written

    runtime.wait_until(stands_still, "it writes no more")
    resume(runtime)
    assert runtime.state("web")["status"] == "running"
    assert "T" not in states(runtime)

    def written_since() -> set[str]:
        return set(web.read("stdout")[len(written) :].split())

    runtime.wait_until(lambda: {"own", "child"} <= written_since(), "both write again")
    assert runtime("kill", "web", "KILL").returncode == 0
    assert further.wait(30) != 0


def test_what_had_been_stopped_before_stays_so(runtime: Runtime, web: Bundle) -> None:
    """resume undoes what pause did, and nothing else."""
    script = "sleep 77 & kill -STOP $!; echo $!; wait"
    further = runtime.popen(
        runtime.argv("exec", "web", "sh", "-c", script),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert further.stdout is not None and further.stdout.readline().strip().isdigit()
    pause(runtime)
    resume(runtime)
    table = runtime("ps", "web", "-eo", "pid,stat,args").stdout.splitlines()
    stopped = [line for line in table if line.split()[1].startswith("T")]
    assert len(stopped) == 1 and "sleep 77" in stopped[0]
    assert runtime("kill", "--all", "web", "KILL").returncode == 0
    assert further.wait(30) != 0


def test_the_document_is_valid(runtime: Runtime, web: Bundle) -> None:
    """Paused is a state that a runtime may add (runtime.md, "State"); the rest is the schema's."""
    pause(runtime)
    state = runtime.state("web")
    assert state["status"] == "paused" and state["pid"] > 0
    check(state | {"status": "running"}, "state-schema.json")


def test_kill_ends_a_paused_container(runtime: Runtime, web: Bundle) -> None:
    pause(runtime)
    assert runtime("kill", "web", "KILL").returncode == 0
    runtime.wait_status("web", "stopped")


def test_delete_force_ends_a_paused_container(runtime: Runtime, web: Bundle) -> None:
    pause(runtime)
    refused = runtime("delete", "web")
    assert refused.returncode == 1 and "it is paused" in refused.stderr
    assert runtime("delete", "--force", "web").returncode == 0
    assert runtime("state", "web").returncode == 1


def test_other_signals_take_effect_when_it_is_resumed(runtime: Runtime, web: Bundle) -> None:
    """As under runc: TERM is delivered, and stays pending."""
    pause(runtime)
    assert runtime("kill", "web", "TERM").returncode == 0
    time.sleep(STILL_S)  # a time in which it would have ended
    assert runtime.state("web")["status"] == "paused"
    assert "term" not in web.read("stdout")
    resume(runtime)
    runtime.wait_status("web", "stopped")
    assert "term" in web.read("stdout")


def test_exec_needs_to_be_told(runtime: Runtime, web: Bundle) -> None:
    pause(runtime)
    refused = runtime("exec", "web", "echo", "in")
    assert refused.returncode != 0 and "it is paused" in refused.stderr
    assert runtime("exec", "--ignore-paused", "web", "echo", "in").stdout == "in\n"


def test_only_a_running_container_can_be_paused(runtime: Runtime) -> None:
    """And only a paused one be resumed; each says what it is instead."""
    unknown = runtime("pause", "web")
    assert unknown.returncode == 1 and "does not exist" in unknown.stderr
    bundle = runtime.make_bundle("exec sleep 100")
    runtime.create("web", bundle)
    for verb, why in (("pause", "it is created"), ("resume", "it is created")):
        refused = runtime(verb, "web")
        assert refused.returncode == 1 and why in refused.stderr
    assert runtime("start", "web").returncode == 0
    assert "it is running" in runtime("resume", "web").stderr
    pause(runtime)
    assert "it is paused" in runtime("pause", "web").stderr
    assert runtime("kill", "web", "KILL").returncode == 0
    runtime.wait_status("web", "stopped")
    for verb in ("pause", "resume"):
        refused = runtime(verb, "web")
        assert refused.returncode == 1 and "not running" in refused.stderr
    assert runtime("delete", "web").returncode == 0


def test_the_engine_that_goes_ends_a_paused_container(runtime: Runtime, web: Bundle) -> None:
    """TERM to the anchor ends the container gracefully (scrun(1)), so it has to go on for that."""
    pause(runtime)
    assert runtime("kill", "web", "0").returncode == 0
    runtime.popen(["kill", "-TERM", web.read("pid")]).wait(60)
    runtime.wait_status("web", "stopped")
    assert "term" in web.read("stdout")


def test_a_shell_keeps_its_job_in_the_foreground(runtime: Runtime) -> None:
    """What a shell waits for is not "stopped" for it: it is stopped later, and goes on sooner."""
    bundle = with_terminal(runtime.make_bundle("set -m; cat; echo over"))
    try:
        with Console(runtime) as console:
            runtime.create("web", bundle, "--console-socket", console.path)
            terminal = console.accept()
            assert runtime("start", "web").returncode == 0
            terminal.send(b"before\n")
            terminal.expect_exact(b"before\r\nbefore\r\n")
            pause(runtime)
            terminal.send(b"meanwhile\n")
            terminal.expect_exact(b"meanwhile\r\n")
            resume(runtime)
            terminal.expect_exact(b"meanwhile\r\n")
            terminal.send(b"\x04")
            assert terminal.expect([rb"over\r\n", rb"[Ss]topped"]) == 0
    finally:
        assert runtime("delete", "--force", "web").returncode == 0
