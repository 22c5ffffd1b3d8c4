"""Start a step by srun: whose words are whose, on stdio or on a terminal."""

from __future__ import annotations

import os
from _stat import S_ISSOCK

from scrun import log
from scrun.host.process import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrun.host.process import Process

STDERR_PATH = "/proc/self/fd/3"
OUT_OF_MEMORY = ": Out Of Memory"


def spawn_step(
    srun: Sequence[str],
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    messages: int,
    terminal: str | None,
    controlling: bool = True,
    inherits: bool = False,
) -> Process:
    """Start a step on this process's stdio, or on a terminal.

    srun's own words ("task 0: Exited with exit code 7") are not the step's stderr.

    Args:
        srun: program and first options.
        messages: descriptor of a file for srun's own words.
        terminal: path of the one that takes the place of stdio.
        controlling: whether srun itself hears of its size, from the first moment on.
        inherits: stdio is a terminal of ours, and becomes the step's.

    Raises:
        ScrunError: srun cannot be run.
    """
    command = [*srun, "--quiet"]
    if terminal is not None or inherits:  # nothing but srun itself is on its stderr
        command += argv
        log.debug(f"run {' '.join(command)}")
        stdio = (0, 1, messages)
        return spawn(
            command,
            environment,
            stdio=stdio,
            terminal=terminal,
            controlling=controlling,
            group=not inherits,
        )
    if not can_reopen(2):  # then srun has no other place to speak, and is to be silent
        command += ["--quiet", *argv]
        log.debug(f"run {' '.join(command)}")
        return spawn(command, environment)
    command += [f"--error={STDERR_PATH}", "--open-mode=append", *argv]
    log.debug(f"run {' '.join(command)}")
    return spawn(command, environment, stdio=(0, 1, messages), extra=(2,))


def worth_telling(text: str) -> list[str]:
    """Return the lines of srun's messages but for those that repeat the status we hand on."""
    return [line for line in text.splitlines() if line.strip() and not _is_task_status(line)]


def can_reopen(fd: int) -> bool:
    """Tell whether a descriptor can be opened again by its path: no socket, no stranger's file."""
    return not S_ISSOCK(os.fstat(fd).st_mode) and os.access(f"/proc/self/fd/{fd}", os.W_OK)


def _is_task_status(line: str) -> bool:
    """Tell whether srun speaks of a task's end: ``srun: error: n1: task 0: Exited with ...``.

    The status of what was killed for want of memory is but 1, whichever its own was: that is told.
    """
    words = line.split(" ")
    if line.endswith(OUT_OF_MEMORY):
        return False
    return words[:2] == ["srun:", "error:"] and words[3:4] in (["task"], ["tasks"])
