"""An engine's terminals: typed at, resized, interrupted, left and come back to."""

from __future__ import annotations

import time

import pytest

from tests.py.engines.each import on_each
from tests.py.engines.engine import IMAGE, Engine
from tests.py.engines.terminal import PROMPT, SHELL, end_of, expect_size, interrupt

pytestmark = pytest.mark.slurm


@on_each("run -it")
def test_run_at_a_terminal(engine: Engine) -> None:
    """Type, resize, Ctrl-C, Ctrl-Z, exit 3."""
    with engine.at_a_terminal("run", "--rm", "-it", IMAGE, *SHELL) as child:
        child.expect_exact(PROMPT)
        child.send("echo $((6*7)) $SLURM_JOB_ID; tty\r")
        child.expect(r"\r\n42 \d+\r\n/dev/pts/0\r\n")
        child.expect_exact(PROMPT)
        expect_size(child, "33 77")
        child.setwinsize(40, 100)
        expect_size(child, "40 100")
        interrupt(child)
        child.send("sh -c \"echo o''n; exec sleep 100\"\r")
        child.expect(r"\non\r\n")
        child.send("\x1a")
        child.expect("Stopped")
        child.expect_exact(PROMPT)
        child.send("kill -9 %1\r")
        child.expect_exact(PROMPT)
        child.send("exec sh -c 'exit 3'\r")
        assert end_of(child) == 3


@on_each("exec -it")
def test_exec_at_a_terminal(engine: Engine) -> None:
    """Type, resize, Ctrl-C, exit code; the container goes on."""
    engine.run_detached("exec sleep 300", "--name", "web")
    with engine.at_a_terminal("exec", "-it", "web", *SHELL) as child:
        child.expect_exact(PROMPT)
        expect_size(child, "33 77")
        child.setwinsize(40, 100)
        expect_size(child, "40 100")
        interrupt(child)
        child.send("exec sh -c 'exit 6'\r")
        assert end_of(child) == 6
    assert engine.state("web")["Status"] == "running"
    engine.remove("web")


@on_each("attach")
def test_detach_and_attach(engine: Engine) -> None:
    """The detach keys leave the container running; attach finds the same shell."""
    with engine.at_a_terminal("run", "-it", "--name", "web", IMAGE, *SHELL) as child:
        child.expect_exact(PROMPT)
        child.send("mark=kept\r")
        child.expect_exact(PROMPT)
        for key in ("\x10", "\x11"):  # Ctrl-P, Ctrl-Q: podman knows them when they come alone
            child.send(key)
            time.sleep(2)
        assert end_of(child) == 0
    assert engine.state("web")["Status"] == "running"
    with engine.at_a_terminal("attach", "web") as child:
        child.send("echo $mark\r")
        child.expect(r"\r\nkept\r\n")
        child.send("exit 4\r")
        end_of(child)
    assert engine.wait("web") == 4
    engine("rm", "web", check=True)


@on_each("run -t")
def test_output_of_a_terminal_without_input(engine: Engine) -> None:
    """``-t`` alone: the output comes through a terminal, line ends and all, to a pipe as well."""
    done = engine("run", "--rm", "-t", IMAGE, "sh", "-c", "tty; echo last; exit 5")
    assert (done.returncode, done.stdout) == (5, b"/dev/pts/0\r\nlast\r\n")


@on_each("run -dt")
def test_detached_with_a_terminal(engine: Engine) -> None:
    """Its output is in the logs."""
    engine("run", "-dt", "--name", "web", IMAGE, "sh", "-c", "tty; exit 6", check=True)
    assert engine.wait("web") == 6
    assert engine.text("logs", "web").split() == ["/dev/pts/0"]
    engine("rm", "web", check=True)


@on_each("run -it")
def test_a_program_redraws_at_a_new_size(engine: Engine) -> None:
    """vi, which fills the screen, follows it."""
    script = "i=0; while [ $i -lt 200 ]; do echo line$i; i=$((i+1)); done >/tmp/f; vi /tmp/f"
    with engine.at_a_terminal("run", "--rm", "-it", IMAGE, "sh", "-c", script) as child:
        child.expect(r"line31\b")
        child.setwinsize(50, 100)
        child.expect(r"line48\b")
        child.send(":q!\r")
        assert end_of(child) == 0


@on_each("run -it")
def test_a_command_that_is_not_there(engine: Engine) -> None:
    """127 with the reason, on a terminal too, and the terminal is as it was."""
    with engine.at_a_terminal("run", "--rm", "-it", IMAGE, "no-such-command") as child:
        child.expect("executable file not found")
        assert end_of(child) == 127
