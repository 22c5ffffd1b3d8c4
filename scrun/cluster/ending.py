"""End a job, or a step of one, whatever is of it: cancelled until Slurm says that it is over.

Sources: scancel(1), squeue(1).
"""

from __future__ import annotations

import os

from scrun import log
from scrun.cluster.environment import for_questions
from scrun.errors import ScrunError
from scrun.host.process import spawn_quietly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrun.host.loop import Loop

FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 10.0  # between two questions whether it is over


def end_target(
    loop: Loop,
    target: str,
    environment: Mapping[str, str],
    done: Callable[[], None],
    *,
    patience: int = 0,
    wait_s: float = FIRST_WAIT_S,
) -> None:
    """Cancel a job or a step; ``done`` when it is over, however long Slurm cannot be reached.

    Args:
        target: ``7``, or ``7.0`` for a step.
        patience: how often to look before it is cancelled: it is about to end by itself.
    """

    def listed(status: int, output: bytes) -> None:
        text = output.decode("utf-8", "replace")
        if "Invalid job id" in text or (status == 0 and not _is_listed(target, text)):
            done()
            return
        if status:
            log.error(f"{target} is not over yet: {text.strip()}")
        if patience:
            wait()
        else:
            _cancel(loop, target, environment, wait)

    def again() -> None:
        longer_s, left = min(2 * wait_s, LONGEST_WAIT_S), max(patience - 1, 0)
        end_target(loop, target, environment, done, patience=left, wait_s=longer_s)

    def wait() -> None:
        loop.call_later(wait_s, again)

    environment = for_questions(environment)
    steps = ["--steps"] if "." in target else []
    argv = ["squeue", "--noheader", "--all", *steps, "--jobs", target.partition(".")[0]]
    argv += ["--format", "%i" if steps else "%i %T"]
    try:
        loop.capture(argv, environment, listed, streams=(1, 2))
    except ScrunError as err:
        listed(1, os.fsencode(str(err)))


def _cancel(
    loop: Loop, target: str, environment: Mapping[str, str], done: Callable[[], None]
) -> None:
    log.debug(f"run scancel {target}")
    try:
        canceller = spawn_quietly(["scancel", target], environment)
    except ScrunError as err:
        log.error(f"cancel {target}: {err}")
        done()
        return
    loop.when_ended(canceller, lambda _: done())


def _is_listed(target: str, text: str) -> bool:
    """Tell whether squeue's lines have a target that has not come to its end."""
    lines = [line.split() for line in text.splitlines()]
    return any(words[:1] == [target] and words[1:] != ["COMPLETING"] for words in lines)
