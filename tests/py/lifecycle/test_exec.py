"""exec: another process in a running container, on every backend."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.py.lifecycle.console import DEVPTS, Console, read_to_end, with_terminal
from tests.py.lifecycle.runtimes import Bundle, ClusterRuntime, Runtime

SLEEP = "echo up; exec sleep 100"


@pytest.fixture
def web(runtime: Runtime) -> Iterator[Bundle]:
    """A running container."""
    bundle = runtime.run("web", SLEEP)
    runtime.wait_output(bundle, "up")
    yield bundle
    assert runtime("delete", "--force", "web").returncode == 0


def process_file(runtime: Runtime, bundle: Bundle, **members: Any) -> str:
    """Write a process file as engines do; returns its path."""
    process = {"cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}, **members}
    (bundle.outside / "process").write_text(json.dumps(process))
    (bundle.outside / "process").chmod(0o644)
    return f"{bundle.path}/process"


def test_output_status_and_environment(runtime: Runtime, web: Bundle) -> None:
    """stdout and stderr apart, the exit code, the container's environment and the job's."""
    script = 'echo out; echo err >&2; echo $A $PATH; test -n "$SLURM_JOB_ID"; exit 5'
    done = runtime("exec", "--env", "A=b", "web", "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (5, "out\nb /bin\n", "err\n")


def test_it_is_in_the_container(runtime: Runtime, web: Bundle) -> None:
    """Its processes and files are those that the container's own process sees."""
    done = runtime("exec", "web", "sh", "-c", "cat /proc/1/cmdline; echo x >/tmp/mark")
    assert done.stdout == "sleep\x00100\x00", done.stderr
    assert runtime("exec", "web", "cat", "/tmp/mark").stdout == "x\n"


def test_options_after_the_command_are_its_own(runtime: Runtime, web: Bundle) -> None:
    assert runtime("exec", "web", "echo", "--tty", "-d", "--").stdout == "--tty -d --\n"


def test_directory_and_user(runtime: Runtime, web: Bundle) -> None:
    done = runtime("exec", "--cwd", "/tmp", "--user", "0:0", "web", "sh", "-c", "pwd; id -u")
    assert done.stdout == "/tmp\n0\n"
    done = runtime("exec", "--user", "root", "web", "id")
    assert done.returncode == 1 and "is not UID[:GID]" in done.stderr


def test_a_process_file(runtime: Runtime, web: Bundle) -> None:
    path = process_file(
        runtime, web, args=["sh", "-c", "echo $X; exit 3"], env=["PATH=/bin", "X=y"]
    )
    done = runtime("exec", "--process", path, "web")
    assert (done.returncode, done.stdout, done.stderr) == (3, "y\n", "")


def test_input_of_many_bytes(runtime: Runtime, web: Bundle) -> None:
    data = os.urandom(3 << 20)
    argv = runtime.argv("exec", "web", "sha256sum")
    process = runtime.popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = process.communicate(data, timeout=60)
    assert out.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert process.returncode == 0


def test_detached_as_engines_call_it(runtime: Runtime, web: Bundle) -> None:
    """It returns once the process runs; the pid file's process ends with the process's status."""
    path = process_file(runtime, web, args=["sh", "-c", "echo in; sleep 1; echo out; exit 9"])
    output = web.outside / "exec-out"
    options = ["--pid-file", f"{web.path}/exec-pid", "--process", path, "--detach"]
    with output.open("wb") as file:
        process = runtime.popen(
            runtime.argv("exec", *options, "web"),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        assert process.wait(30) == 0, output.read_text()
    pid = int(web.read("exec-pid"))
    assert pid
    runtime.wait_until(lambda: output.read_text() == "in\nout\n", "its output")


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["no-such-command"], "not found in $PATH"),
        (["/bin/nowhere"], "/bin/nowhere"),
        (["/tmp"], "/tmp"),
    ],
    ids=["name", "path", "directory"],
)
@pytest.mark.parametrize("detach", [[], ["--detach"]], ids=["here", "detached"])
def test_a_command_that_cannot_run(
    runtime: Runtime, web: Bundle, args: list[str], reason: str, detach: list[str]
) -> None:
    """255 and the runtime's reason, as engines look for it; once."""
    log = f"{web.path}/log"
    path = process_file(runtime, web, args=args)
    call = ["--log", log, "--log-format", "json", "exec", *detach, "--process", path, "web"]
    done = runtime(*call)
    assert done.returncode == 255
    assert reason in done.stderr
    entry = json.loads((web.outside / "log").read_text())
    assert entry["level"] == "error" and reason in entry["msg"]


def test_containers_that_do_not_run(runtime: Runtime) -> None:
    """None of that name, one that was created, one that has ended."""
    done = runtime("exec", "nobody", "true")
    assert done.returncode != 0 and 'container "nobody" does not exist' in done.stderr
    bundle = runtime.make_bundle("exit 0")
    runtime.create("web", bundle)
    done = runtime("exec", "web", "true")
    assert done.returncode != 0 and "container not running" in done.stderr
    runtime("start", "web")
    runtime.wait_status("web", "stopped")
    done = runtime("exec", "web", "true")
    assert done.returncode != 0 and "container not running" in done.stderr
    assert runtime("delete", "web").returncode == 0


def test_many_at_once(runtime: Runtime, web: Bundle) -> None:
    calls = [
        runtime.popen(
            runtime.argv("exec", "web", "sh", "-c", f"sleep 0.5; exit {number}"),
            stdin=subprocess.DEVNULL,
        )
        for number in range(6)
    ]
    assert [call.wait(60) for call in calls] == list(range(6))


def test_signals_reach_it(runtime: Runtime, web: Bundle) -> None:
    """What the session gets its process gets; the container's own process gets nothing of it."""
    script = "trap 'echo term; exit 8' TERM; echo ready; while true; do sleep 0.1; done"
    process = runtime.popen(
        runtime.argv("exec", "web", "sh", "-c", script),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == b"term\n"
    assert process.wait(60) == 8
    assert runtime.state("web")["status"] == "running"


def test_a_session_killed_at_once_leaves_no_process(slurm: ClusterRuntime) -> None:
    """Its srun lives on, and begins the process all the same: that is ended then."""
    slurm.run("web", "exec sleep 100")
    assert slurm("exec", "web", "true").returncode == 0  # the control step is there
    argv = slurm.argv("exec", "web", "sleep", "77")
    session = slurm.popen(argv, stdin=subprocess.DEVNULL)
    pattern = "^srun .*--job-name scrun-exec"
    slurm.wait_until(lambda: slurm.cluster.processes(pattern), "its srun has begun")
    for process in slurm.cluster.processes(r"__main__\.py .* sleep 77"):
        os.kill(process.host_pid, signal.SIGKILL)
    session.wait(60)
    slurm.wait_until(lambda: not slurm.cluster.processes(pattern), "its step has ended")
    assert slurm("delete", "--force", "web").returncode == 0


def test_a_killed_session_takes_its_process_along(runtime: Runtime, web: Bundle) -> None:
    script = "echo ready; exec sleep 4321"
    process = runtime.popen(
        runtime.argv("exec", "web", "sh", "-c", script),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    process.wait(60)

    def is_gone() -> bool:
        seen = runtime("exec", "web", "sh", "-c", "cat /proc/[0-9]*/cmdline").stdout
        return "4321" not in seen.replace("cat /proc", "")

    runtime.wait_until(is_gone, "the process is gone")


def test_it_ends_with_the_container(runtime: Runtime) -> None:
    bundle = runtime.run("web", SLEEP)
    runtime.wait_output(bundle, "up")
    process = runtime.popen(
        runtime.argv("exec", "web", "sh", "-c", "echo ready; exec sleep 100"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    assert runtime("kill", "web", "KILL").returncode == 0
    assert process.wait(30) != 0
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_a_terminal_of_its_own(runtime: Runtime) -> None:
    """With a console socket: name, size, control characters, exit code, no lost bytes."""
    bundle = with_terminal(runtime.make_bundle(SLEEP))
    with Console(runtime) as console:
        runtime.create("web", bundle, "--console-socket", console.path)
        first = console.accept()
        assert runtime("start", "web").returncode == 0
        first.expect_exact(b"up")
    script = (
        "tty; stty size; trap 'echo int; exit 6' INT; echo ready; while true; do sleep 0.1; done"
    )
    members = {"args": ["sh", "-c", script], "terminal": True}
    size = {"height": 24, "width": 90}
    path = process_file(runtime, bundle, **members, consoleSize=size)
    with Console(runtime, "second.sock") as console:
        options = ["--process", path, "--detach", "--console-socket", console.path]
        process = runtime.popen(
            runtime.argv("exec", *options, "--pid-file", f"{bundle.path}/exec-pid", "web")
        )
        terminal = console.accept()
        assert process.wait(30) == 0
        terminal.expect(rb"/dev/pts/\d+\r+\n24 90\r+\nready\r+\n")  # runc may add a \r
        terminal.send(b"\x03")
        terminal.expect(rb"int\r\n")
        read_to_end(terminal)
    assert runtime("delete", "--force", "web").returncode == 0


def test_sizes_that_come_while_it_begins(runtime: Runtime) -> None:
    """The last one counts: an engine tells them as soon as it has the terminal."""
    bundle = runtime.make_bundle(SLEEP)
    bundle.edit(lambda config: config["mounts"].append(DEVPTS))
    runtime.create("web", bundle)
    assert runtime("start", "web").returncode == 0
    script = 'until [ "$(stty size)" = "40 90" ]; do sleep 0.05; done; echo fits'
    path = process_file(runtime, bundle, args=["sh", "-c", script], terminal=True)
    with Console(runtime) as console:
        options = ["--process", path, "--detach", "--console-socket", console.path]
        process = runtime.popen(runtime.argv("exec", *options, "web"))
        terminal = console.accept()
        rows = 0
        while process.poll() is None:
            rows += 1
            console.set_size(rows, 90)
            time.sleep(0.005)
        assert process.returncode == 0
        console.set_size(40, 90)
        terminal.expect(rb"fits\r\n")
        read_to_end(terminal)
    assert runtime("delete", "--force", "web").returncode == 0


def test_mistakes(runtime: Runtime, web: Bundle) -> None:
    """One line that says what is wrong."""
    nowhere = f"{web.path}/nowhere"
    for call, reason in (
        (["exec", "web"], "exec: no process"),
        (["exec", "--process", nowhere, "web"], f"--process {nowhere}: No such file"),
        (["exec", "--tty", "web", "sh"], "stdin is no terminal"),
        (["exec", "--pid-file", f"{nowhere}/pid", "web", "true"], f"write pid file {nowhere}/pid"),
        (["exec", "--tty", "--detach", "web", "sh"], "needs --console-socket"),
        (["exec", "--process", process_file(runtime, web, args=[]), "web"], "process.args"),
    ):
        done = runtime(*call)
        assert done.returncode != 0, call
        assert reason in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_preserved_descriptors(runtime: Runtime, web: Bundle) -> None:
    """Where no srun is between, the process gets them; one that is not open is named."""
    if runtime.name == "slurm":
        pytest.skip("srun hands no descriptors on")
    reader, writer = os.pipe()
    os.write(writer, b"through 3\n")
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        argv = runtime.argv("exec", "--preserve-fds", "1", "web", "sh", "-c", "cat <&3")
        command = ["bash", "-c", f'exec 3<&{pipe.fileno()}; exec "$@"', "bash", *argv]
        process = runtime.popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=(pipe.fileno(),),
        )
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, b"through 3\n")
    done = runtime("exec", "--preserve-fds", "9", "web", "true")
    assert done.returncode == 1 and "descriptor" in done.stderr
