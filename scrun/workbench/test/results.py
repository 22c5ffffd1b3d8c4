"""What came out: of a test, of a file, of all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scrun.workbench.test.plan import Spec

Outcome = Literal["pass", "fail", "error", "pending"]
Hits = dict[str, dict[int, int]]
"""How often each line of a file ran."""


@dataclass
class TestResult:
    """One test; a failing setup, a file that does not load and the like count as tests too.

    Attributes:
        source: ``file:line`` of the ``it``.
        outcome: "fail": an assertion did not hold; "error": something else was raised.
        where: ``file:line`` of what was raised, where Lua knows it.
        expected, actual: over lines, where a comparison failed.
    """

    __test__ = False  # pytest would collect it by its name

    name: str
    source: str
    outcome: Outcome
    message: str = ""
    where: str = ""
    trace: str = ""
    expected: str | None = None
    actual: str | None = None
    duration_s: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether it counts against the run."""
        return self.outcome in ("fail", "error")


@dataclass
class FileResult:
    """One spec file in one dialect.

    Attributes:
        output: what it printed.
        declared: how many tests it has, wanted or not; None: its end was not seen.
    """

    spec: Spec
    tests: list[TestResult] = field(default_factory=list)
    output: bytes = b""
    duration_s: float = 0.0
    declared: int | None = None
    hits: Hits = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether any of its tests failed."""
        return any(test.failed for test in self.tests)


@dataclass
class Counts:
    """How many tests came out how."""

    passed: int = 0
    failed: int = 0
    errors: int = 0
    pending: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.passed + self.failed + self.errors + self.pending


def count(files: Iterable[FileResult]) -> Counts:
    """Count the tests of some files."""
    counts = Counts()
    for file in files:
        for test in file.tests:
            counts.passed += test.outcome == "pass"
            counts.failed += test.outcome == "fail"
            counts.errors += test.outcome == "error"
            counts.pending += test.outcome == "pending"
    return counts
