"""A shell that tests type at on an engine's terminal."""

from __future__ import annotations

import time
from typing import Any

import pexpect

TIMEOUT_S = 60
PROMPT = "READY> "
SHELL = ("sh", "-c", f"PS1='{PROMPT}'; export PS1; exec sh -i")


def end_of(child: Any) -> int:
    """Wait for the engine's end; returns its exit status."""
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


def interrupt(child: Any) -> None:
    """Press Ctrl-C on what sleeps; the shell goes on."""
    child.send("sh -c \"echo o''n; exec sleep 100\"\r")  # one process: the key is not the shell's
    child.expect(r"\non\r\n")
    child.send("\x03")
    child.expect_exact(PROMPT)
