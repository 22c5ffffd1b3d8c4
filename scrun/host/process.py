"""Processes of the anchor: started by an argv, watched by a pidfd."""

from __future__ import annotations

import os

from scrun.errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SIGPIPE, SIGXFSZ = 13, 25


class Process:
    """A child process. ``pidfd`` is readable once it has ended; `reap` then gives its status."""

    __slots__ = ("pid", "pidfd")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)

    def reap(self) -> int:
        """Wait for the end and return the exit status; death by signal n is 128+n."""
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.pidfd)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code


def spawn(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdio: tuple[int, int, int] = (0, 1, 2),
) -> Process:
    """Start ``argv`` in a process group of its own, with ``stdio`` and no other descriptor.

    Descriptors of this process are close-on-exec, as Python opens them. SIGPIPE and SIGXFSZ,
    which Python ignores, are back at their default.

    Raises:
        HostError: the program is not there or cannot be run.
    """
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(stdio)]
    try:
        pid = os.posix_spawnp(
            argv[0],
            list(argv),
            dict(environment),
            file_actions=actions,
            setpgroup=0,
            setsigdef=[SIGPIPE, SIGXFSZ],
            setsigmask=[],
        )
    except OSError as err:
        raise HostError("run", err, path=argv[0]) from err
    return Process(pid)


def find_program(name: str, path: str | None) -> str | None:
    """Return the first executable file called ``name`` in ``path`` (colon separated)."""
    for directory in (path or "/usr/local/bin:/usr/bin:/bin").split(":"):
        candidate = f"{directory or '.'}/{name}"
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return None
