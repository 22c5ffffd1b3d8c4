"""Wait in a loop of ours, and tell what takes long from a machine that stalls."""

from __future__ import annotations

import time
from collections.abc import Callable

from scrun.host.loop import Loop

TIMEOUT_S = 60


def run_until(loop: Loop, condition: Callable[[], object]) -> None:
    """Let the loop go round until the condition holds; it is an error when nothing happens."""
    expired: list[bool] = []
    timer = loop.call_later(TIMEOUT_S, lambda: expired.append(True))
    while not condition():
        loop.run_once()
        assert not expired, "not in time"
    timer.cancel()


def least_s(call: Callable[[], float | None], limit_s: float, tries: int = 3) -> float:
    """Return how long a call takes, the least of some if it is not below the limit at once.

    Args:
        call: may return the seconds that count, of all that it takes.
    """
    taken_s: list[float] = []
    while len(taken_s) < tries and not any(one < limit_s for one in taken_s):
        began = time.monotonic()
        told = call()
        taken_s.append(time.monotonic() - began if told is None else told)
    return min(taken_s)
