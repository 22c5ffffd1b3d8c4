"""Stdio of a process that outlives its call: what an engine gave us, and when we let go of it."""

from __future__ import annotations

import os

from scrun import log
from scrun.errors import UsageError


def let_go_of_stdio() -> None:
    """Leave stdio to the step: its end is then the end of file that engines wait for."""
    log.detach_stderr()
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for fd in (0, 1, 2):
        os.dup2(null, fd, inheritable=True)
    os.close(null)


def check_preserved(count: int) -> None:
    """Refuse ``--preserve-fds`` for a descriptor that the caller does not have open.

    Raises:
        UsageError: it names the first.
    """
    for fd in range(3, 3 + count):
        try:
            os.fstat(fd)
        except OSError:
            raise UsageError(f"--preserve-fds {count}: descriptor {fd} is not open") from None
