"""Containers with a terminal: the engine has the master, the container all that a terminal is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.py.lifecycle.console import Console, read_to_end, with_terminal, without_frames
from tests.py.lifecycle.runtimes import Bundle, ClusterRuntime, Runtime
from tests.py.lifecycle.test_control_step import NEEDED

PROMPT = b"READY> "
SHELL = f"export PS1={PROMPT.decode()!r}; exec sh -i"


@pytest.fixture
def console(runtime: Runtime) -> Iterator[Console]:
    """A console socket in the user's home."""
    with Console(runtime) as made:
        yield made


def create(runtime: Runtime, console: Console, bundle: Bundle) -> None:
    """Create the container ``web``, its terminal sent to the console socket."""
    runtime.create("web", bundle, "--console-socket", console.path)


def start(runtime: Runtime) -> None:
    """Start it."""
    answer = runtime("start", "web")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_a_shell_has_all_of_a_terminal(runtime: Runtime, console: Console) -> None:
    """Its name, its size at the start and on change."""
    create(runtime, console, with_terminal(runtime.make_bundle(SHELL)))
    terminal = console.accept()
    assert console.payload
    console.set_size(33, 77)
    start(runtime)
    terminal.expect_exact(PROMPT)
    terminal.send(b"tty\r")
    terminal.expect(rb"\r\n/dev/(pts/0|console)\r\n")
    terminal.expect_exact(PROMPT)
    expect_size(terminal, b"33 77")
    console.set_size(40, 100)
    expect_size(terminal, b"40 100")
    terminal.send(b"exit 7\r")
    read_to_end(terminal)
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def expect_size(terminal: Any, size: bytes) -> None:
    """Ask the shell for its terminal's size until it is this one."""
    deadline = time.monotonic() + 60
    shown = b""
    while shown != size:
        assert time.monotonic() < deadline, shown
        terminal.send(b"stty size\r")
        terminal.expect(rb"\r\n([^\r\n]*)\r\n")
        shown = terminal.match.group(1)
        terminal.expect_exact(PROMPT)


@pytest.mark.parametrize("late", [False, True], ids=["at once", "once it runs"])
def test_a_size_that_comes_after_the_start(runtime: Runtime, console: Console, late: bool) -> None:
    """Containerd's ctr tells it so, and config.json says none; until then it is the usual one."""
    create(runtime, console, with_terminal(runtime.make_bundle(SHELL)))
    terminal = console.accept()
    start(runtime)
    if late:
        terminal.expect_exact(PROMPT)
        expect_size(terminal, b"24 80")
    console.set_size(33, 77)
    if not late:
        terminal.expect_exact(PROMPT)
    expect_size(terminal, b"33 77")
    terminal.send(b"exit\r")
    read_to_end(terminal)
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_only_a_change_of_size_asks_the_node(slurm: ClusterRuntime) -> None:
    """A container whose terminal stays as it was has one step less (`scrun.cluster.resizing`)."""
    with Console(slurm) as console:
        slurm.write_site("scrun.d/settings.lua", NEEDED)
        create(slurm, console, with_terminal(slurm.make_bundle(SHELL)))
        terminal = console.accept()
        console.set_size(33, 77)
        start(slurm)
        terminal.expect_exact(PROMPT)
        expect_size(terminal, b"33 77")
        assert not slurm.cluster.processes("scrun-control")
        console.set_size(40, 100)
        expect_size(terminal, b"40 100")
        slurm.wait_until(lambda: slurm.cluster.processes("scrun-control"), "its control step")
        terminal.send(b"exit\r")
        read_to_end(terminal)
        slurm.wait_status("web", "stopped")
        assert slurm("delete", "web").returncode == 0


def test_a_process_hears_of_a_new_size(runtime: Runtime, console: Console) -> None:
    """SIGWINCH arrives, and its exit code comes back."""
    script = "trap 'stty size; exit 7' WINCH; echo go; while true; do sleep 0.1; done"
    bundle = with_terminal(runtime.make_bundle(script), size=(20, 80))
    create(runtime, console, bundle)
    terminal = console.accept()
    start(runtime)
    terminal.expect_exact(b"go")
    console.set_size(40, 100)
    assert b"40 100" in read_to_end(terminal)
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_control_characters(runtime: Runtime, console: Console) -> None:
    """Ctrl-C interrupts, Ctrl-Z stops what is in the foreground, Ctrl-D ends the input."""
    bundle = with_terminal(runtime.make_bundle(SHELL))
    create(runtime, console, bundle)
    terminal = console.accept()
    start(runtime)
    terminal.expect_exact(PROMPT)
    # One process, so that there is no moment in which the key is the shell's.
    for key in (b"\x03", b"\x1a"):
        terminal.send(b"sh -c \"echo o''n; exec sleep 100\"\r")
        terminal.expect(rb"\non\r\n")
        terminal.send(key)
        if key == b"\x03":
            terminal.expect_exact(PROMPT)
    terminal.expect(rb"Stopped")
    terminal.expect_exact(PROMPT)
    terminal.send(b"kill -9 %1; echo o''n; busybox sed s/^/got-/; exec sh -c true\r")
    terminal.expect(rb"\non\r\n")  # now the shell has left the terminal to them
    terminal.send(b"line\r")
    terminal.expect_exact(b"line\r\n")
    terminal.send(b"\x04")
    assert b"got-line\r\n" in read_to_end(terminal)
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_the_size_of_config_json(runtime: Runtime, console: Console) -> None:
    """process.consoleSize is the terminal's size before the engine gets it (config.md)."""
    bundle = with_terminal(runtime.make_bundle("exit 0"), size=(25, 81))
    create(runtime, console, bundle)
    console.accept()
    assert os.get_terminal_size(console.master) == os.terminal_size((81, 25))
    assert runtime("delete", "--force", "web").returncode == 0


def test_the_sites_script_knows_the_size(runtime: Runtime, console: Console) -> None:
    """SLURM_PTY_WIN_ROW and SLURM_PTY_WIN_COL of its commands; none without a terminal."""
    commands = 'echo "$SLURM_PTY_WIN_ROW $SLURM_PTY_WIN_COL" >>"$SCRUN_SUBMISSION_BUNDLE/sizes"'
    stages = ("in", "out")
    runtime.write_site(
        "scrun.lua",
        f"local function tell() slurm.allocator_command([==[{commands}]==]) return 0 end\n"
        + "".join(f"function slurm_scrun_stage_{stage}() return tell() end\n" for stage in stages),
    )
    bundle = with_terminal(runtime.make_bundle("exit 0"), size=(25, 81))
    create(runtime, console, bundle)
    console.accept()
    start(runtime)
    runtime.wait_status("web", "stopped")
    assert bundle.read("sizes").splitlines() == ["25 81", "25 81"]
    assert runtime("delete", "web").returncode == 0
    plain = runtime.run("plain", "exit 0")
    runtime.wait_status("plain", "stopped")
    assert plain.read("sizes").splitlines() == [" ", " "]
    assert runtime("delete", "plain").returncode == 0


def test_no_last_bytes_are_lost(runtime: Runtime, console: Console) -> None:
    """What a process writes just before its end arrives, and then the end of file.

    No more than a terminal holds: crun up to 1.29.1 loses bytes of what it relays itself when its
    reader is slow (its issue 2207).
    """
    script = "i=0; while [ $i -lt 300 ]; do echo line-$i; i=$((i+1)); done; printf last"
    create(runtime, console, with_terminal(runtime.make_bundle(script)))
    terminal = console.accept()
    start(runtime)
    output = read_to_end(terminal)
    if runtime.name == "slurm":
        output = without_frames(output)
    assert output == b"".join(b"line-%d\r\n" % number for number in range(300)) + b"last"
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_raw_bytes_pass(runtime: Runtime, console: Console) -> None:
    """In raw mode every byte goes through as it is, both ways."""
    script = "stty raw -echo; echo go; dd bs=1 count=256 2>/dev/null | od -An -v -tu1"
    create(runtime, console, with_terminal(runtime.make_bundle(script)))
    terminal = console.accept()
    start(runtime)
    terminal.expect(rb"go\r?\n")
    terminal.send(bytes(range(256)))
    numbers = [int(word) for word in read_to_end(terminal).split()]
    assert numbers == list(range(256))
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_a_created_container_goes_without_a_start(runtime: Runtime, console: Console) -> None:
    """Its terminal ends with it."""
    create(runtime, console, with_terminal(runtime.make_bundle("exit 0")))
    terminal = console.accept()
    assert runtime("delete", "--force", "web").returncode == 0
    assert read_to_end(terminal) == b""


def test_no_anchor_holds_the_engines_pipes(runtime: Runtime, console: Console) -> None:
    """engine-calls 3: with a terminal, stdout and stderr of `create` are a pipe that docker reads
    to its end before it goes on.
    """
    bundle = with_terminal(runtime.make_bundle("sleep 100"))
    reader, writer = os.pipe()
    argv = ["create", "--bundle", bundle.path, "--console-socket", console.path, "web"]
    process = runtime.popen(runtime.argv(*argv), stdin=-3, stdout=writer, stderr=writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b""  # to its end, while the anchor lives
    assert process.wait(60) == 0
    assert runtime.state("web")["status"] == "created"
    assert runtime("delete", "--force", "web").returncode == 0


@pytest.mark.parametrize("path", ["nowhere.sock", "file"])
def test_a_console_socket_that_nobody_listens_on(runtime: Runtime, path: str) -> None:
    """An error that names it, and nothing left; no job was asked for."""
    bundle = with_terminal(runtime.make_bundle("exit 0"))
    (bundle.outside / "file").write_text("")
    where = f"{bundle.path}/{path}"
    answer = runtime("create", "-b", bundle.path, "--console-socket", where, "web")
    assert answer.returncode == 1 and answer.stderr.count("\n") == 1
    assert where in answer.stderr


def test_a_terminal_that_nobody_takes(runtime: Runtime) -> None:
    """process.terminal without a console socket, and a console socket without process.terminal."""
    bundle = runtime.make_bundle("exit 0")
    socket = f"{bundle.path}/console.sock"
    answer = runtime("create", "-b", bundle.path, "--console-socket", socket, "web")
    assert answer.returncode == 1 and answer.stderr.count("\n") == 1
    assert "has no process.terminal" in answer.stderr
    with_terminal(bundle)
    answer = runtime("create", "-b", bundle.path, "web")
    assert answer.returncode == 1 and answer.stderr.count("\n") == 1
    assert "--console-socket" in answer.stderr
