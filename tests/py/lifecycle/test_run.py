"""run: a container from its creation to its deletion, on the caller's own stdio or terminal."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.py.lifecycle.console import Console, read_to_end, with_terminal, without_frames
from tests.py.lifecycle.runtimes import Bundle, ClusterRuntime, Runtime
from tests.py.lifecycle.seat import Seat, at_a_terminal, wait_until

PROMPT = b"READY> "
SHELL = f"export PS1={PROMPT.decode()!r}; exec sh -i"

# On a node the runtime carries what a terminal brings, and crun up to 1.29.1 loses some of it when
# one end is slow (its issue 2207): more than a terminal holds is asked of runc there.
where_no_byte_is_lost = pytest.mark.parametrize(
    "runtime",
    [
        "local",
        pytest.param("local-user", marks=pytest.mark.slurm),
        pytest.param("slurm-runc", marks=pytest.mark.slurm),
    ],
    indirect=True,
)


def shell(runtime: Runtime) -> Bundle:
    """Make a bundle of an interactive shell."""
    return with_terminal(runtime.make_bundle(SHELL))


def expect_size(seat: Seat, size: bytes) -> None:
    """Ask the shell for its terminal's size until it is this one."""
    deadline = time.monotonic() + 60
    shown = b""
    while shown != size:
        assert time.monotonic() < deadline, shown
        seat.screen.send(b"stty size\r")
        seat.screen.expect(rb"\r\n([^\r\n]*)\r\n")
        shown = seat.screen.match.group(1)
        seat.screen.expect_exact(PROMPT)


def numbers(last: int) -> bytes:
    """Return what is seen of seq, and a text without an end of line."""
    return b"".join(b"%d\r\n" % number for number in range(1, last + 1)) + b"last"


def without_extra(seen: bytes) -> bytes:
    """Leave out what runc adds to the first lines of a process that it sets the terminal for.

    It lets its own end of the terminal make the line's end when the process may have begun.
    """
    return seen.replace(b"\r\r\n", b"\r\n")


# Without a terminal.


def test_streams_and_status(runtime: Runtime) -> None:
    """stdin, stdout and stderr are the container's, its exit status is ours, nothing is left."""
    bundle = runtime.make_bundle("cat; echo err >&2; exit 7")
    argv = runtime.argv("run", "--bundle", bundle.path, "web")
    process = runtime.popen(argv, stdin=-1, stdout=-1, stderr=-1)
    data = os.urandom(200_000)
    out, err = process.communicate(data, timeout=60)
    assert (process.returncode, out, err) == (7, data, b"err\n")
    assert json.loads(runtime("list", "--format", "json").stdout) == []


def test_a_container_that_is_kept(runtime: Runtime) -> None:
    """As BuildKit calls it: run --bundle B --keep ID, then delete ID (engine-calls 2.3)."""
    bundle = runtime.make_bundle("exit 3")
    done = runtime("run", "--bundle", bundle.path, "--keep", "web")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
    assert runtime.state("web")["status"] == "stopped"
    done = runtime("delete", "web")
    assert (done.returncode, done.stderr) == (0, "")


def test_detached(runtime: Runtime) -> None:
    """It returns once the container runs; the pid file has the anchor's number."""
    bundle = runtime.make_bundle("echo up; exec sleep 100")
    output = bundle.outside / "stdout"
    with output.open("wb") as file:
        process = runtime.popen(
            runtime.argv("run", "-b", bundle.path, "-d", "--pid-file", f"{bundle.path}/pid", "web"),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        assert process.wait(60) == 0, output.read_text()
    state = runtime.state("web")
    assert (state["status"], state["pid"]) == ("running", int(bundle.read("pid")))
    runtime.wait_output(bundle, "up")
    assert runtime("delete", "--force", "web").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_are_handed_on(runtime: Runtime, number: signal.Signals) -> None:
    """The container's own trap runs, and its status comes back."""
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo got; exit 9' {name}; echo up; while true; do sleep 0.1; done"
    bundle = runtime.make_bundle(script)
    with (bundle.outside / "stdout").open("wb") as file:
        process = runtime.popen(
            runtime.argv("run", "-b", bundle.path, "web"), stdin=subprocess.DEVNULL, stdout=file
        )
        runtime.wait_output(bundle, "up")
        process.send_signal(number)
        assert process.wait(30) == 9
    assert bundle.read("stdout") == "up\ngot\n"


def test_what_cannot_start_leaves_nothing(runtime: Runtime) -> None:
    """One line of the reason; no container."""
    bundle = runtime.make_bundle("exit 0")
    bundle.edit(lambda config: config["process"].update(args=["no-such-command"]))
    done = runtime("run", "-b", bundle.path, "web")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "executable file not found in $PATH" in done.stderr
    assert runtime("state", "web").returncode == 1


def test_an_id_in_use(runtime: Runtime) -> None:
    """The container that has it is left alone."""
    bundle = runtime.run("web", "exec sleep 100")
    done = runtime("run", "-b", bundle.path, "web")
    assert done.returncode == 1 and "already exists" in done.stderr
    assert runtime.state("web")["status"] == "running"
    assert runtime("delete", "--force", "web").returncode == 0


def test_deleted_by_others(runtime: Runtime) -> None:
    """`delete --force` from elsewhere ends it: killed, and nothing to complain of."""
    bundle = runtime.make_bundle("echo up; exec sleep 100")
    with (bundle.outside / "stdout").open("wb") as file:
        process = runtime.popen(
            runtime.argv("run", "-b", bundle.path, "web"),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.PIPE,
        )
        runtime.wait_output(bundle, "up")
        assert runtime("delete", "--force", "web").returncode == 0
        assert process.wait(30) == 137
    assert process.stderr is not None and process.stderr.read() == b""


# At a terminal.


def test_a_shell_at_the_callers_terminal(runtime: Runtime) -> None:
    """Its size at the start and on change, control keys, the exit status; then all is as it was."""
    with at_a_terminal(runtime, "run", "-b", shell(runtime).path, "web") as seat:
        seat.screen.expect_exact(PROMPT)
        assert seat.is_raw
        expect_size(seat, b"33 77")
        seat.resize(40, 100)
        expect_size(seat, b"40 100")
        # One process, so that there is no moment between the two.
        seat.screen.send(b"sh -c \"echo o''n; exec sleep 100\"\r")
        seat.screen.expect(rb"\non\r\n")
        seat.screen.send(b"\x03")
        seat.screen.expect_exact(PROMPT)
        seat.screen.send(b"exec sh -c 'exit 3'\r")
        assert seat.leave()[0] == 3


def test_what_is_typed_too_early(runtime: Runtime) -> None:
    """It waits until the shell reads it, and counts once."""
    bundle = runtime.make_bundle(f"sleep 1; {SHELL}")
    with at_a_terminal(runtime, "run", "-b", with_terminal(bundle).path, "web") as seat:
        wait_until(lambda: seat.is_raw, "it is the container's terminal")
        seat.screen.send(b"echo o''n; exit 4\r")
        status, seen = seat.leave()
    assert status == 4, seen
    assert seen.count(b"on\r\n") == 1


def test_no_last_bytes_are_lost(runtime: Runtime) -> None:
    """What is written just before the end is seen, in order and once."""
    count = 300 if runtime.name == "slurm" else 2000
    script = f"i=0; while [ $i -lt {count} ]; do echo line-$i; i=$((i+1)); done; printf last"
    bundle = with_terminal(runtime.make_bundle(script))
    with at_a_terminal(runtime, "run", "-b", bundle.path, "web") as seat:
        status, seen = seat.leave()
    assert status == 0
    if runtime.name == "slurm":
        seen = without_frames(seen)
    lines = b"".join(b"line-%d\r\n" % number for number in range(count))
    assert without_extra(seen) == lines + b"last"


@where_no_byte_is_lost
def test_a_slow_reader_gets_all(runtime: Runtime) -> None:
    """Whoever reads late lets the container wait, not the bytes go, to the last one."""
    bundle = with_terminal(runtime.make_bundle("busybox seq 200000; printf last"))
    with at_a_terminal(runtime, "run", "-b", bundle.path, "web") as seat:
        seat.pace_s = 0.002
        status, seen = seat.leave()
    assert status == 0
    assert without_extra(seen) == numbers(200_000)


@where_no_byte_is_lost
def test_a_slow_reader_of_a_further_process_gets_all(runtime: Runtime) -> None:
    """So it is with `exec --tty`."""
    bundle = with_terminal(runtime.make_bundle("exec sleep 100"))
    bundle.edit(lambda config: config["process"].update(terminal=False))
    runtime.create("web", bundle)
    assert runtime("start", "web").returncode == 0
    words = ("web", "sh", "-c", "busybox seq 50000; printf last")
    with at_a_terminal(runtime, "exec", "--tty", *words) as seat:
        seat.pace_s = 0.002
        status, seen = seat.leave()
    assert status == 0, seen[-300:]
    assert without_extra(seen) == numbers(50_000)
    assert runtime("delete", "--force", "web").returncode == 0


def test_a_further_process_goes_with_its_killed_session(slurm: ClusterRuntime) -> None:
    """srun ends with the terminal, and its script on the node with srun: others tidy up."""
    bundle = with_terminal(slurm.make_bundle("exec sleep 100"))
    bundle.edit(lambda config: config["process"].update(terminal=False))
    slurm.create("web", bundle)
    assert slurm("start", "web").returncode == 0
    mine = f"scrun-exec-{slurm.cluster.uid('alice')}-*"
    for _ in range(2):
        with at_a_terminal(slurm, "exec", "--tty", "web", "sh", "-c", "echo up; sleep 99") as seat:
            seat.screen.expect_exact(b"up")
            assert list(slurm.outside("/tmp").glob(mine))
            seat.process.kill()
            wait_until(lambda: not list(slurm.outside("/tmp").glob(mine)), "its directory is gone")
    assert slurm("delete", "--force", "web").returncode == 0


def test_a_reader_that_stands_still_keeps_no_container(runtime: Runtime) -> None:
    """`delete --force` ends it, though much of its output will never be read.

    What says that it is up comes by itself: of a burst crun may lose any part.
    """
    script = "echo up; sleep 0.3; busybox seq 100000; exec sleep 100"
    bundle = with_terminal(runtime.make_bundle(script))
    with Console(runtime) as console:
        runtime.create("web", bundle, "--console-socket", console.path)
        terminal = console.accept()
        assert runtime("start", "web").returncode == 0
        terminal.expect_exact(b"up\r\n")
        wait_until(lambda: select.select([console.master], [], [], 0)[0], "the burst comes")
        assert runtime("delete", "--force", "web").returncode == 0


@pytest.mark.parametrize("how", ["deleted", "anchor killed", "terminated"])
def test_the_terminal_is_restored(runtime: Runtime, how: str) -> None:
    """Whatever ends the session."""
    with at_a_terminal(runtime, "run", "-b", shell(runtime).path, "web") as seat:
        seat.screen.expect_exact(PROMPT)
        assert seat.is_raw
        if how == "deleted":
            assert runtime("delete", "--force", "web").returncode == 0
        elif how == "anchor killed":
            os.kill(runtime.anchor_pid(runtime.state("web")["pid"]), signal.SIGKILL)
        else:
            # busybox's shell runs a trap between two commands, not while it reads one.
            seat.screen.send(b"trap 'exit 5' TERM; echo o''n; while :; do sleep 0.05; done\r")
            seat.screen.expect(rb"\non\r\n")
            seat.process.send_signal(signal.SIGTERM)
        assert seat.leave()[0] == (5 if how == "terminated" else 137)


def test_a_terminal_that_goes_away(runtime: Runtime) -> None:
    """As with a lost connection: the container's terminal is hung up, and nothing is left."""
    with at_a_terminal(runtime, "run", "-b", shell(runtime).path, "web") as seat:
        seat.screen.expect_exact(PROMPT)
        seat.hang_up()
        seat.process.wait(30)


def test_a_terminal_that_goes_away_in_the_midst_of_output(runtime: Runtime) -> None:
    """Whoever carries it hears of that by a write that fails, before anybody has a signal."""
    bundle = with_terminal(runtime.make_bundle("echo begun; while echo more; do :; done"))
    runtime.write_site(
        "scrun.lua",
        "function slurm_scrun_stage_in() return slurm.SUCCESS end\n"
        "function slurm_scrun_stage_out()\n"
        f"  local file = assert(io.open('{bundle.path}/staged-out', 'w'))\n"
        "  file:write('done')\n"
        "  file:close()\n"
        "  return slurm.SUCCESS\n"
        "end\n",
    )
    with at_a_terminal(runtime, "run", "-b", bundle.path, "web") as seat:
        seat.screen.expect_exact("begun")
        seat.hang_up()
        seat.process.wait(30)
    assert bundle.read("staged-out") == "done"


@where_no_byte_is_lost
def test_a_long_paste(runtime: Runtime) -> None:
    """All of it arrives as it is: 8-bit clean, whatever the buffers on the way hold."""
    data = os.urandom(100_000)
    script = f"stty raw -echo; echo go; head -c {len(data)} | sha256sum"
    bundle = with_terminal(runtime.make_bundle(script))
    with at_a_terminal(runtime, "run", "-b", bundle.path, "web") as seat:
        seat.screen.expect(rb"go\r?\n")
        seat.screen.send(data)
        status, seen = seat.leave()
    assert status == 0
    assert seen.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_input_that_is_no_terminal(runtime: Runtime) -> None:
    """The container has a terminal all the same; the end of the input is typed for it."""
    bundle = shell(runtime)
    argv = runtime.argv("run", "-b", bundle.path, "web")
    process = runtime.popen(argv, stdin=-1, stdout=-1, stderr=-1)
    out, err = process.communicate(b"tty; echo $((6*7))\n", timeout=60)
    assert process.returncode == 0, err
    assert b"\r\n42\r\n" in out


def test_a_console_socket_goes_before(runtime: Runtime) -> None:
    """Who gives one gets the terminal, detached or not."""
    with Console(runtime) as console:
        bundle = with_terminal(runtime.make_bundle("read line; echo got-$line; exit 5"))
        argv = runtime.argv("run", "-b", bundle.path, "--console-socket", console.path, "web")
        process = runtime.popen(argv, stdin=subprocess.DEVNULL)
        terminal = console.accept()
        terminal.send(b"x\r")
        assert b"got-x\r\n" in read_to_end(terminal)
        assert process.wait(30) == 5


def test_a_terminal_in_the_background_needs_somebody(runtime: Runtime) -> None:
    """As crun and runc say of `run --detach` and of `create`."""
    path = shell(runtime).path
    for verb in (["run", "--detach"], ["create"]):
        done = runtime(*verb, "-b", path, "web")
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert "--console-socket" in done.stderr


# spec, and then run.


def test_a_spec_that_runs(runtime: Runtime) -> None:
    """`scrun spec && scrun run` in a directory that has a rootfs."""
    bundle = runtime.make_bundle("")
    path = bundle.outside / "config.json"
    path.unlink()
    done = runtime("spec", "--bundle", bundle.path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert path.stat().st_uid == Path(bundle.outside).stat().st_uid
    bundle.edit(lambda config: config["process"].update(env=["PATH=/bin"]))
    with at_a_terminal(runtime, "run", "-b", bundle.path, "web") as seat:
        seat.screen.send(b"echo id=$(id -u) job=$SLURM_JOB_ID; exit 6\r")
        status, seen = seat.leave()
    assert status == 6, seen
    assert b"\r\nid=0 job=" in seen and b"job=\r" not in seen


def test_a_spec_overwrites_nothing(runtime: Runtime) -> None:
    bundle = runtime.make_bundle("exit 0")
    before = bundle.read("config.json")
    done = runtime("spec", "--bundle", bundle.path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "config.json is there already" in done.stderr
    assert bundle.read("config.json") == before
