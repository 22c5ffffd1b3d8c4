"""podman with a terminal: typed at, resized, interrupted, left and come back to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pexpect
import pytest

from tests.py.engines.podman import IMAGE, Podman

pytestmark = pytest.mark.slurm
TIMEOUT_S = 20
PROMPT = "READY> "
SHELL = ("sh", "-c", f"PS1='{PROMPT}'; export PS1; exec sh -i")


@contextmanager
def at_a_terminal(podman: Podman, *args: str) -> Iterator[Any]:
    """Run ``podman ARGS`` as a person does: on a terminal of 33 rows and 77 columns."""
    argv = podman.cluster.command(["podman", *args], user=podman.user)
    child = pexpect.spawn(
        argv[0], argv[1:], timeout=TIMEOUT_S, dimensions=(33, 77), encoding="utf-8"
    )
    try:
        yield child
    finally:
        child.close(force=True)


def end_of(child: Any) -> int:
    """Wait for podman's end; returns its exit status."""
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus is not None, child.signalstatus
    status: int = child.exitstatus
    return status


def expect_size(child: Any, size: str) -> None:
    """Ask the shell for its terminal's size until it is this one."""
    deadline = time.monotonic() + TIMEOUT_S
    shown = ""
    while shown != size:
        assert time.monotonic() < deadline, shown
        child.send("stty size\r")
        child.expect(r"\r\n([^\r\n]*)\r\n")
        shown = child.match.group(1)
        child.expect_exact(PROMPT)


@pytest.mark.engine_command("podman", "run -it")
def test_run_it(podman: Podman) -> None:
    """Type, resize, Ctrl-C, Ctrl-Z, exit 3."""
    with at_a_terminal(podman, "run", "--rm", "-it", IMAGE, *SHELL) as child:
        child.expect_exact(PROMPT)
        child.send("echo $((6*7)) $SLURM_JOB_ID; tty\r")
        child.expect(r"\r\n42 \d+\r\n/dev/pts/0\r\n")
        child.expect_exact(PROMPT)
        expect_size(child, "33 77")
        child.setwinsize(40, 100)
        expect_size(child, "40 100")
        child.send("echo o''n; sleep 100\r")
        child.expect(r"\non\r\n")
        child.send("\x03")
        child.expect_exact(PROMPT)
        child.send("echo o''n; sleep 100\r")
        child.expect(r"\non\r\n")
        child.send("\x1a")
        child.expect("Stopped")
        child.expect_exact(PROMPT)
        child.send("kill -9 %1\r")
        child.expect_exact(PROMPT)
        child.send("exec sh -c 'exit 3'\r")
        assert end_of(child) == 3


@pytest.mark.engine_command("podman", "attach")
def test_detach_and_attach(podman: Podman) -> None:
    """The detach keys leave the container running; attach finds the same shell."""
    with at_a_terminal(podman, "run", "-it", "--name", "web", IMAGE, *SHELL) as child:
        child.expect_exact(PROMPT)
        child.send("mark=kept\r")
        child.expect_exact(PROMPT)
        for key in ("\x10", "\x11"):  # Ctrl-P, Ctrl-Q: podman knows them when they come alone
            child.send(key)
            time.sleep(0.3)
        assert end_of(child) == 0
    assert podman.state("web")["Status"] == "running"
    with at_a_terminal(podman, "attach", "web") as child:
        child.send("echo $mark\r")
        child.expect(r"\r\nkept\r\n")
        child.send("exit 4\r")
        end_of(child)
    assert podman.text("wait", "web") == "4"
    podman("rm", "web", check=True)


def test_output_of_a_terminal_without_input(podman: Podman) -> None:
    """``-t`` alone: the output comes through a terminal, line ends and all, to a pipe as well."""
    done = podman("run", "--rm", "-t", IMAGE, "sh", "-c", "tty; echo last; exit 5")
    assert done.returncode == 5
    assert done.stdout == b"/dev/pts/0\r\nlast\r\n"


def test_detached_with_a_terminal(podman: Podman) -> None:
    """``-dt``: its output is in the logs."""
    podman("run", "-dt", "--name", "web", IMAGE, "sh", "-c", "tty; exit 6", check=True)
    assert podman.text("wait", "web") == "6"
    assert podman.text("logs", "web").split() == ["/dev/pts/0"]
    podman("rm", "web", check=True)


@pytest.mark.engine_command("podman", "run -it")
def test_vi_redraws_at_a_new_size(podman: Podman) -> None:
    """A program that fills the screen follows it."""
    script = "i=0; while [ $i -lt 200 ]; do echo line$i; i=$((i+1)); done >/tmp/f; vi /tmp/f"
    with at_a_terminal(podman, "run", "--rm", "-it", IMAGE, "sh", "-c", script) as child:
        child.expect(r"line31\b")
        child.setwinsize(50, 100)
        child.expect(r"line48\b")
        child.send(":q!\r")
        assert end_of(child) == 0


def test_a_command_that_is_not_there(podman: Podman) -> None:
    """127 with the reason, on a terminal too, and the terminal is as it was."""
    with at_a_terminal(podman, "run", "--rm", "-it", IMAGE, "no-such-command") as child:
        child.expect("executable file not found")
        assert end_of(child) == 127
