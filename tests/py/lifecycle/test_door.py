"""`start` and `kill` by the launcher alone, at the door of a real anchor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.py.lifecycle.runtimes import CHECKOUT, ClusterRuntime, Runtime

NO_PYTHON = "no Python for the installation"
COUNT = 8


def find_launcher(runtime: Runtime) -> str:
    """Return the path of the launcher, which is no part of the program of all runtimes."""
    if isinstance(runtime, ClusterRuntime):
        return runtime.cluster.scrun
    return f"{Path(sys.executable).parent}/scrun"


def install_launcher(runtime: Runtime) -> str:
    """Return the path of a launcher that finds no Python."""
    is_remote = isinstance(runtime, ClusterRuntime)
    source = find_launcher(runtime) if is_remote else f"{CHECKOUT}/scrun/launcher"
    path = f"{runtime.home}/bare/bin/scrun"
    assert runtime.popen(["install", "-D", "-m", "755", source, path]).wait(60) == 0
    return path


def call(runtime: Runtime, launcher: str, *words: str) -> tuple[int, str]:
    """Call it; returns its status, and what it said."""
    argv = ["/bin/sh", launcher, "--root", runtime.root, *words]
    process = runtime.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output.decode()


def test_start_and_kill_need_no_python(runtime: Runtime) -> None:
    """They reach the process as ever; what is refused is Python's to tell."""
    launcher = install_launcher(runtime)
    script = "trap 'echo usr1' USR1; trap 'exit 6' TERM; echo up; while :; do sleep 0.05; done"
    bundle = runtime.make_bundle(script)
    runtime.create("web", bundle)
    assert call(runtime, launcher, "start", "web") == (0, "")
    runtime.wait_output(bundle, "up\n")
    assert NO_PYTHON in call(runtime, launcher, "start", "web")[1]
    assert call(runtime, launcher, "kill", "web", "USR1") == (0, "")
    runtime.wait_output(bundle, "usr1\n")
    assert NO_PYTHON in call(runtime, launcher, "kill", "web", "NONE")[1]
    assert call(runtime, launcher, "kill", "web", "SIGTERM") == (0, "")
    runtime.wait_status("web", "stopped")
    assert NO_PYTHON in call(runtime, launcher, "kill", "web", "9")[1]
    assert runtime("delete", "web").returncode == 0


def test_many_at_once(runtime: Runtime) -> None:
    """One has the door, the others go by the socket: every signal is sent."""
    bundle = runtime.run("web", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done")
    runtime.wait_output(bundle, "up\n")
    argv = [find_launcher(runtime), "--root", runtime.root, "kill", "web", "CONT"]
    callers = [runtime.popen(argv) for _ in range(COUNT)]
    assert [caller.wait(60) for caller in callers] == [0] * COUNT
    assert runtime("delete", "--force", "web").returncode == 0
