"""A container's terminal on this machine, when its runtime is started from here.

crun takes a console socket for `run` without --detach, and for `exec`: then it carries nothing
itself, and loses nothing (`scrun.host.relayed`). runc takes none there and carries well. A site's
own command line that does not begin with crun is run as it is.
Source: crun(1); crun, container.c, libcrun_container_run_internal; runc, utils_linux.go,
validateProcessSpec and tty.go.
"""

from __future__ import annotations

import os

from scrun.host.process import spawn
from scrun.host.relayed import spawn_relayed
from scrun.oci.patterns import quote_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrun.host.loop import Loop

SIGKILL, SIGTERM, SIGWINCH = 9, 15, 28
FIT_S = (0.02, 0.1, 0.5, 2.0)  # at one of them the runtime has made its container's terminal


class TerminalRun:
    """A runtime's `run`, from its start on.

    Args:
        socket_path: where there may be a console socket.
        terminal: path of the one that takes the place of stdio.
        fits: whether to see to it that the runtime learns of the terminal's size.

    Attributes:
        process: whose end is the container's.
        runtime_pid: the runtime's number; it leads a process group.
        is_relayed: we carry what the terminal brings, not the runtime.
        is_over: to be set when ``process`` has ended.

    Raises:
        ScrunError: it cannot be started.
    """

    def __init__(
        self,
        loop: Loop,
        command: list[str],
        environment: Mapping[str, str],
        socket_path: str,
        *,
        extra: Sequence[int],
        terminal: str,
        fits: bool,
    ) -> None:
        self.is_over = False
        self._loop = loop
        self._environment = environment
        relayed = with_console(command, "run", socket_path)
        self.is_relayed = bool(relayed)
        if relayed:
            self.process, self.runtime_pid = spawn_relayed(
                relayed, environment, socket_path, extra=extra, terminal=terminal
            )
            return
        self.process = spawn(command, environment, extra=extra, terminal=terminal)
        self.runtime_pid = self.process.pid
        for delay_s in FIT_S if fits else ():
            loop.call_later(delay_s, self._fit)

    def hurry(self) -> None:
        """Wait for no reader of the terminal any more once the container has ended."""
        if self.is_relayed and not self.is_over:
            os.kill(self.process.pid, SIGTERM)

    def _fit(self) -> None:
        """Let the runtime look at the size of its terminal: crun does not when it starts."""
        if not self.is_over:
            os.killpg(self.process.pid, SIGWINCH)


def with_console(argv: Sequence[str], verb: str, path: str) -> list[str]:
    """Return the command with ``--console-socket path``; empty when it takes none.

    Args:
        verb: ``run`` or ``exec``.
        path: of a socket.
    """
    if argv[0] == "/bin/sh":
        text = line_with_console(argv[2], verb, path)
        return [argv[0], argv[1], text, *argv[3:]] if text else []
    return _insert(argv, verb, path)


def line_with_console(line: str, verb: str, path: str) -> str:
    """Return a line of shell with ``--console-socket path``; empty when it takes none."""
    return " ".join(_insert(line.split(" "), verb, quote_word(path)))


def _insert(words: Sequence[str], verb: str, path: str) -> list[str]:
    if os.path.basename(words[0].strip("'\"")) != "crun" or verb not in words:
        return []
    place = words.index(verb) + 1
    return [*words[:place], "--console-socket", path, *words[place:]]
