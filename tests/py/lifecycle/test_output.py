"""stdout and stderr of a container without a terminal: when they come, whole, and as pipes."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import IO

import pytest

from tests.py.lifecycle.runtimes import Bundle, ClusterRuntime, Runtime

TIMEOUT_S = 60


class Interactive:
    """A container, running if not said otherwise, whose stdin, stdout and stderr are our pipes."""

    def __init__(
        self, runtime: Runtime, script: str, *, starts: bool = True, **variables: str
    ) -> None:
        self.runtime = runtime
        self.bundle: Bundle = runtime.make_bundle(script)
        argv = runtime.argv("create", "--bundle", self.bundle.path, "web")
        theirs_in, ours_in = os.pipe()
        (ours_out, theirs_out), (ours_err, theirs_err) = os.pipe(), os.pipe()
        theirs = (theirs_in, theirs_out, theirs_err)
        if isinstance(runtime, ClusterRuntime):  # an engine's pipes are of the container's user
            for fd in theirs:
                os.fchown(fd, runtime.cluster.uid("alice"), -1)
        create = runtime.popen(
            argv, env=variables, stdin=theirs_in, stdout=theirs_out, stderr=theirs_err
        )
        assert create.wait(60) == 0
        for fd in theirs:
            os.close(fd)
        if starts:
            done = runtime("start", "web")
            assert (done.returncode, done.stderr) == (0, "")
        self.stdin = os.fdopen(ours_in, "wb", buffering=0)
        self.stdout = os.fdopen(ours_out, "rb", buffering=0)
        self.stderr = os.fdopen(ours_err, "rb", buffering=0)

    def finish(self) -> tuple[bytes, bytes]:
        """Close stdin, read the rest of the streams, delete the container."""
        self.stdin.close()
        out, err = self.stdout.read(), self.stderr.read()
        self.stdout.close()
        self.stderr.close()
        self.runtime.wait_status("web", "stopped")
        assert self.runtime("delete", "web").returncode == 0
        return out, err


@pytest.fixture(params=[1, 2], ids=["stdout", "stderr"])
def stream(request: pytest.FixtureRequest) -> Iterator[int]:
    yield request.param


def read_text(pipe: IO[bytes], text: bytes) -> None:
    """Read what must come while the process waits."""
    got = b""
    while len(got) < len(text):
        ready = select.select([pipe], [], [], TIMEOUT_S)[0]
        assert ready, f"nothing comes after {got!r}"
        part = pipe.read(len(text) - len(got))
        assert part, f"end of file after {got!r}"
        got += part
    assert got == text


def test_a_prompt_without_a_line_end_is_not_held_back(runtime: Runtime, stream: int) -> None:
    """The answer is given only once the prompt was read: else both would wait for ever."""
    script = f"printf 'name? ' >&{stream}; read -r name; printf 'hello '$name >&{stream}; exit 3"
    web = Interactive(runtime, f"trap 'exit 9' ALRM; {script}")
    pipe = web.stdout if stream == 1 else web.stderr
    read_text(pipe, b"name? ")
    web.stdin.write(b"you\n")
    read_text(pipe, b"hello you")
    assert web.finish() == (b"", b"")


def test_they_are_pipes(runtime: Runtime) -> None:
    """No stream is a terminal: programs write as they do into files."""
    script = "for fd in 0 1 2; do [ -t $fd ] && echo $fd is a terminal; done; true"
    assert Interactive(runtime, script).finish() == (b"", b"")


def test_every_byte_passes(runtime: Runtime, stream: int) -> None:
    data = bytes(range(256)) * 4096 + os.urandom(100_000)
    web = Interactive(runtime, f"cat >&{stream}; printf end >&{stream}")
    pipe = web.stdout if stream == 1 else web.stderr

    def write() -> None:
        view = memoryview(data)
        while view:
            view = view[web.stdin.write(view) :]
        web.stdin.close()

    writer = threading.Thread(target=write)
    writer.start()
    parts = []
    while part := pipe.read(65536):
        parts.append(part)
    writer.join()
    got = b"".join(parts)
    assert len(got) == len(data) + 3
    assert got == data + b"end"
    assert web.finish() == (b"", b"")


def test_a_reader_that_goes_away_ends_the_writer(runtime: Runtime) -> None:
    """Its next write fails, as it would beside the reader (pipe(7)); stderr goes on."""
    script = "trap '' PIPE; while echo y 2>/dev/null; do :; done; echo ended >&2; exit 4"
    web = Interactive(runtime, script)
    read_text(web.stdout, b"y\ny\n")
    web.stdout.close()
    read_text(web.stderr, b"ended\n")
    runtime.wait_status("web", "stopped")
    web.stdin.close()
    web.stderr.close()
    assert runtime("delete", "web").returncode == 0


def test_lines_when_a_site_wants_them(slurm: ClusterRuntime) -> None:
    """The setting ``output``: what has no line end comes at the end, and no further step runs."""
    slurm.write_site(
        "scrun.d/settings.lua",
        "local s = require 'luastd.settings'\ns.output = 'lines'\nreturn s\n",
    )
    web = Interactive(slurm, "printf 'name? '; echo read >&2; read -r name")
    read_text(web.stderr, b"read\n")
    assert select.select([web.stdout], [], [], 0.5)[0] == []
    assert "scrun-output" not in steps(slurm)
    assert web.finish() == (b"name? ", b"")


def test_what_carries_stdout_is_killed(slurm: ClusterRuntime) -> None:
    """stderr says so at once, the container goes on, and no success is its status."""
    web = Interactive(slurm, "trap '' PIPE; printf up; read -r go; printf more 2>/dev/null; exit 0")
    read_text(web.stdout, b"up")
    (job,) = slurm.jobs()
    carriers = slurm.cluster.processes("^srun .*--job-name scrun-output")
    os.kill(min(p.host_pid for p in carriers), signal.SIGKILL)  # its child ends the step
    told = b"what carried it was killed: what was on its way is lost, and what follows"
    read_text(web.stderr, b"scrun: stdout: " + told + b"\n")
    slurm.wait_until(lambda: "scrun-output" not in steps(slurm), "its step has ended")
    web.stdin.write(b"go\n")
    assert web.finish() == (b"", b"")
    assert slurm.cluster.completed_job(job.job_id)["ExitCode"] == "1:0"


def test_what_carries_stdout_begins_with_the_creation(slurm: ClusterRuntime) -> None:
    """So `start` need not wait for it; it ends with a container that is never started."""
    web = Interactive(slurm, "true", starts=False)
    slurm.wait_until(lambda: "scrun-output" in steps(slurm), "its step has begun")
    assert slurm("kill", "web", "KILL").returncode == 0
    assert web.finish() == (b"", b"")


def steps(slurm: ClusterRuntime) -> str:
    """Return the names of the steps that run."""
    listed = slurm.cluster.run(["squeue", "-h", "-s", "-o", "%j"], check=True)
    return listed.stdout.decode()


class Executed:
    """A process in the container ``web``, whose streams are pipes of ours."""

    def __init__(self, runtime: Runtime, script: str) -> None:
        self.process = runtime.popen(
            runtime.argv("exec", "web", "sh", "-c", script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.stderr = self.process.stderr

    def finish(self) -> tuple[int, bytes, bytes]:
        """Close stdin; return the status, and what else is in the streams."""
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, out, err


@pytest.fixture
def web(runtime: Runtime) -> Iterator[Bundle]:
    """A container to run processes in."""
    bundle = runtime.run("web", "echo up; exec sleep 100")
    runtime.wait_output(bundle, "up")
    yield bundle
    assert runtime("delete", "--force", "web").returncode == 0


def test_a_prompt_of_an_execed_process(runtime: Runtime, web: Bundle, stream: int) -> None:
    script = f"printf 'name? ' >&{stream}; read -r name; printf 'hello '$name >&{stream}; exit 3"
    process = Executed(runtime, script)
    pipe = process.stdout if stream == 1 else process.stderr
    read_text(pipe, b"name? ")
    process.stdin.write(b"you\n")
    read_text(pipe, b"hello you")
    assert process.finish() == (3, b"", b"")


def test_an_execed_process_has_pipes(runtime: Runtime, web: Bundle) -> None:
    script = "for fd in 0 1 2; do [ -t $fd ] && echo $fd is a terminal; done; exit 4"
    assert Executed(runtime, script).finish() == (4, b"", b"")


@pytest.mark.parametrize("runtime", [pytest.param("slurm", marks=pytest.mark.slurm)], indirect=True)
def test_every_byte_of_an_execed_process_passes(runtime: Runtime, web: Bundle) -> None:
    """The last byte is there although the process left another one that holds stdout.

    slurmstepd ends that one with the step.
    """
    data = bytes(range(256)) * 8192
    process = Executed(runtime, "cat; sleep 1000 & printf end; exit 5")
    out, err = process.process.communicate(data, timeout=TIMEOUT_S)
    assert (process.process.returncode, err, len(out)) == (5, b"", len(data) + 3)
    assert out == data + b"end"


def test_an_execed_process_without_a_reader_ends(runtime: Runtime, web: Bundle) -> None:
    script = "trap '' PIPE; while echo y 2>/dev/null; do :; done; echo ended >&2; exit 4"
    process = Executed(runtime, script)
    read_text(process.stdout, b"y\ny\n")
    process.stdout.close()
    read_text(process.stderr, b"ended\n")
    process.stdin.close()
    assert process.process.wait(TIMEOUT_S) == 4


def test_two_starts_at_the_same_time(runtime: Runtime) -> None:
    """One of them starts the container, and the other undoes nothing of it."""
    process = Interactive(runtime, "read line; echo got-$line", starts=False)
    calls = [runtime.popen(runtime.argv("start", "web"), stderr=subprocess.PIPE) for _ in range(2)]
    messages = [call.communicate(timeout=60)[1] for call in calls]
    assert sorted(call.returncode for call in calls) == [0, 1], messages
    assert b'cannot start container "web": it is running' in b"".join(messages)
    assert runtime.state("web")["status"] == "running"
    process.stdin.write(b"it\n")
    assert process.finish() == (b"got-it\n", b"")


def test_output_that_is_left_over_keeps_no_container(slurm: ClusterRuntime) -> None:
    """Its step is over, and nobody reads: `delete --force` ends the wait for that as well."""
    process = Interactive(slurm, "busybox seq 100000; echo done >&2")
    read_text(process.stderr, b"done\n")
    step = r"^[^ ]*srun .*--container"
    slurm.wait_until(lambda: not slurm.cluster.processes(step), "its step is over")
    assert slurm.state("web")["status"] == "running"
    began = time.monotonic()
    done = slurm("delete", "--force", "web")
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began < 30  # by itself it ends when srun gives up: a minute
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


@pytest.mark.parametrize("starts_with", ["", "exec </dev/null; "], ids=["input", "no input"])
def test_a_reader_that_stands_still_keeps_no_container(runtime: Runtime, starts_with: str) -> None:
    """`delete --force` ends it, though much of its output will never be read."""
    process = Interactive(runtime, f"{starts_with}busybox seq 1000000; exec sleep 100")
    reader = select.poll()
    reader.register(process.stdout, select.POLLIN)
    assert reader.poll(TIMEOUT_S * 1000)
    done = runtime("delete", "--force", "web")
    assert (done.returncode, done.stderr) == (0, "")
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()
