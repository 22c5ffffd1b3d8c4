"""Processes inside the cluster that look like ordinary children.

What is started is nsenter, whose only child is the command itself; signals are sent to that
child, so that ``terminate`` and ``kill`` mean what they say.
"""

import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

from tests.py.cluster.sandbox import child_of

CHILD_TIMEOUT_S = 30.0


class ClusterProcess(subprocess.Popen[bytes]):
    """A Popen whose signals reach the command inside."""

    def inner_pid(self) -> int | None:
        """Return the command's pid as this machine numbers it; None when it has ended."""
        deadline = time.monotonic() + CHILD_TIMEOUT_S
        while self.poll() is None and time.monotonic() < deadline:
            child = child_of(self.pid)
            if child:
                return child
            time.sleep(0.002)  # nsenter has not forked yet
        return None

    def send_signal(self, sig: int) -> None:
        """Send a signal to the command inside."""
        pid = self.inner_pid()
        if pid is not None:
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                self.poll()


def run_to_end(
    start: Callable[..., subprocess.Popen[bytes]],
    *,
    input: bytes | None,
    timeout_s: float,
    check: bool,
    **options: Any,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end with its output captured.

    Raises:
        subprocess.TimeoutExpired: not done in ``timeout_s``; killed, with the output so far.
        subprocess.CalledProcessError: ``check`` and a status other than 0.
    """
    process = start(
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )
    try:
        stdout, stderr = process.communicate(input, timeout_s)
    except subprocess.TimeoutExpired as expired:
        # What the command left behind may hold the pipes: do not read to their end.
        process.kill()
        process.wait()
        expired.add_note(f"stdout: {expired.stdout!r}\nstderr: {expired.stderr!r}")
        raise
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()
    done = subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
    if check and done.returncode:
        error = subprocess.CalledProcessError(done.returncode, done.args, stdout, stderr)
        error.add_note(f"stdout: {stdout!r}\nstderr: {stderr!r}")
        raise error
    return done
