"""What only the local backend has: the runtime that oci.conf names, descriptors handed on."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.py.lifecycle.conftest import local
from tests.py.lifecycle.runtimes import Runtime
from tests.py.lifecycle.test_crash import alive, processes

# A runtime by oci.conf: runc, or crun where that is what runs here.
PATTERNS = """\
RunTimeRun="echo run %n %u %j >>{log}; {runtime} --root {root} run --bundle %b %u.%j"
RunTimeKill="echo kill >>{log}; {runtime} --root {root} kill %u.%j KILL"
RunTimeDelete="{runtime} --root {root} delete --force %u.%j"
EnvExclude="^SCRUN_ROOT="
RunTimeEnvExclude="^SECRET="
NoSuchKey=1
"""


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """The local backend on this machine."""
    yield from local(tmp_path)


def write_oci_conf(runtime: Runtime, text: str) -> None:
    """Write oci.conf where slurm.conf would be."""
    runtime.write_site("oci.conf", text)


def find_runtime() -> str:
    """Return the runtime that works on this machine."""
    hybrid = Path("/sys/fs/cgroup/unified/cgroup.procs").exists()
    return "runc" if hybrid else "crun --cgroup-manager=disabled"


def test_oci_conf_names_the_runtime(runtime: Runtime) -> None:
    """RunTimeRun, RunTimeKill (with the signal asked for) and RunTimeDelete are what is run."""
    log = f"{runtime.home}/calls"
    write_oci_conf(
        runtime,
        PATTERNS.format(log=log, runtime=find_runtime(), root=f"{runtime.home}/state"),
    )
    runtime.write_site(
        "scrun.d/settings.lua",
        "local s = require 'luastd.settings'\ns.backend = 'local'\nreturn s\n",
    )
    wait = "while :; do sleep 0.05; done"
    bundle = runtime.run("web", f"env; trap 'echo usr1; exit 3' USR1; echo up; {wait}")
    runtime.wait_output(bundle, "up\n")
    assert runtime("kill", "web", "USR1").returncode == 0
    runtime.wait_status("web", "stopped")
    lines = bundle.read("stdout").splitlines()
    assert lines[-1] == "usr1"
    assert any(line.startswith("SCRUN_BUNDLE=") for line in lines)
    assert not any(line.startswith("SCRUN_ROOT=") for line in lines)  # EnvExclude
    assert [line.split()[0] for line in Path(log).read_text().splitlines()] == ["run", "kill"]
    assert runtime("delete", "web").returncode == 0


def test_recovery_runs_the_runtime_that_oci_conf_names(runtime: Runtime) -> None:
    """Anchor and guard are both killed: it is RunTimeDelete by which a verb ends the container."""
    root = f"{runtime.home}/state"
    write_oci_conf(
        runtime, PATTERNS.format(log=f"{runtime.home}/calls", runtime=find_runtime(), root=root)
    )
    number = 50000 + os.getpid() % 1000  # no other test's, who may run at the same time
    bundle = runtime.run("web", f"echo up; exec sleep {number}")
    runtime.wait_output(bundle, "up\n")
    victims = processes(runtime, f"scrun-guard .*{root}")
    assert len(victims) == 1
    for pid in [*victims, runtime.state("web")["pid"]]:  # the guard first: it acts on the other
        os.kill(pid, signal.SIGKILL)
    (process,) = processes(runtime, f"^sleep {number}$")
    assert runtime.state("web")["status"] == "stopped"
    runtime.wait_until(lambda: not alive(process), "the container's process is gone")
    assert runtime("delete", "web").returncode == 0


def test_an_unknown_key_of_oci_conf_is_told(runtime: Runtime) -> None:
    """With its line, in the log; it stops nothing."""
    write_oci_conf(runtime, "NoSuchKey=1\n")
    log = f"{runtime.home}/log"
    argv = runtime.argv("--log", log, "create", "-b", runtime.make_bundle("true").path, "web")
    assert runtime.popen(argv, stdin=subprocess.DEVNULL).wait(60) == 0
    assert "oci.conf:1: unknown key NoSuchKey" in Path(log).read_text()
    assert runtime("delete", "--force", "web").returncode == 0


def test_runtimes_that_only_create_are_refused(runtime: Runtime) -> None:
    """RunTimeCreate and RunTimeStart are for slurmstepd: said in one line, nothing left."""
    write_oci_conf(
        runtime,
        "RunTimeCreate=a\nRunTimeStart=b\nRunTimeQuery=c\nRunTimeKill=d\nRunTimeDelete=e\n",
    )
    answer = runtime("create", "-b", runtime.make_bundle("true").path, "web")
    assert answer.returncode == 1 and answer.stderr.count("\n") == 1
    assert "the local backend needs RunTimeRun" in answer.stderr


def test_a_runtime_that_is_not_there_is_named(runtime: Runtime) -> None:
    """The setting local_runtime is taken at its word."""
    runtime.write_site(
        "scrun.d/settings.lua",
        "local s = require 'luastd.settings'\ns.local_runtime = 'nosuch'\nreturn s\n",
    )
    answer = runtime("create", "-b", runtime.make_bundle("true").path, "web")
    assert answer.returncode == 1
    assert 'no OCI runtime "nosuch" here (setting local_runtime)' in answer.stderr


def test_descriptors_are_handed_on(runtime: Runtime) -> None:
    """--preserve-fds N gives the container's process descriptors 3 to 3+N-1, as crun does."""
    bundle = runtime.make_bundle("cat <&3; echo to four >&4")
    reader, writer = os.pipe()
    (bundle.outside / "three").write_text("from three\n")
    with (bundle.outside / "three").open("rb") as three:
        argv = runtime.argv("create", "-b", bundle.path, "--preserve-fds", "2", "web")
        script = f'exec 3<&{three.fileno()} 4>&{writer}; exec "$@"'
        create = runtime.popen(
            ["bash", "-c", script, "bash", *argv],
            stdin=subprocess.DEVNULL,
            stdout=(bundle.outside / "stdout").open("wb"),
            stderr=(bundle.outside / "stderr").open("wb"),
            pass_fds=(three.fileno(), writer),
        )
        assert create.wait(60) == 0, bundle.read("stderr")
    os.close(writer)
    assert runtime("start", "web").returncode == 0
    with os.fdopen(reader) as file:
        assert file.read() == "to four\n"
    runtime.wait_status("web", "stopped")
    assert bundle.read("stdout") == "from three\n", bundle.read("stderr")
    assert runtime("delete", "web").returncode == 0


def test_a_preserved_descriptor_must_be_open(runtime: Runtime) -> None:
    """What is promised and not there is told before anything is made."""
    answer = runtime("create", "-b", runtime.make_bundle("true").path, "--preserve-fds", "2", "web")
    assert answer.returncode == 1 and "--preserve-fds 2: descriptor 3 is not open" in answer.stderr
