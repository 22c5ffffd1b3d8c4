"""Medians, ratios and budgets."""

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bench.cluster import OURS, C, Figures

# How many times what the C program takes; docs/performance.md says what each has to do for it.
RATIO_BUDGETS = {
    "create": 3.0,
    "start": 1.5,
    "kill, first": 1.5,
    "kill, further": 1.5,
    "delete": 1.5,
    "podman run --rm, true": 1.25,
    "podman run --rm, echo": 1.25,
}
MIB_BUDGETS = {"anchor PSS, empty scrun.lua": 14.0, "anchor PSS, manual's scrun.lua": 14.0}


@dataclass(frozen=True)
class Measured:
    """One program's samples in short: milliseconds, or MiB."""

    median: float
    minimum: float
    count: int


@dataclass(frozen=True)
class Row:
    """One line of the result.

    Attributes:
        by: what was measured, by ``ours``, ``C`` or ``crun``.
        ratio: of the medians, ours to C's; None without one of them.
        budget: most that ``ratio`` may be, or MiB where ``unit`` is that.
        met: None: no budget, or no figure.
        dropped: how many samples each has lost, and the last reason.
    """

    what: str
    unit: str
    by: dict[str, Measured]
    ratio: float | None
    budget: float | None
    met: bool | None
    dropped: dict[str, tuple[int, str]]

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return asdict(self)


def make_rows(figures: Figures) -> Iterator[Row]:
    """Yield a row for each thing that was measured, in that order."""
    for what in dict.fromkeys(what for what, _ in figures):
        samples = {who: found for (name, who), found in figures.items() if name == what}
        by = {
            who: Measured(statistics.median(one.values), min(one.values), len(one.values))
            for who, one in samples.items()
            if one.values
        }
        dropped = {
            who: (len(one.dropped), one.dropped[-1]) for who, one in samples.items() if one.dropped
        }
        ratio = by[OURS].median / by[C].median if OURS in by and C in by else None
        in_mib = "PSS" in what or "RSS" in what
        figure = (by[OURS].median if OURS in by else None) if in_mib else ratio
        budget = (MIB_BUDGETS if in_mib else RATIO_BUDGETS).get(what)
        met = None if figure is None or budget is None else figure <= budget
        yield Row(what, "MiB" if in_mib else "ms", by, ratio, budget, met, dropped)
