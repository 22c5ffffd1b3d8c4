"""Results for people: a line for what did not pass, why, and a line of totals at the end.

Lines come with a style, which a terminal may show: "good", "bad", "warn", "dim" or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrun.workbench.test.results import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrun.workbench.test.coverage import FileCoverage
    from scrun.workbench.test.results import FileResult, TestResult

Line = tuple[str, str]
"""A style and a text."""

MARGIN = "     "
MOST_LINES = 60  # of a difference


class Text:
    """Writes results.

    Args:
        show_dialect: more than one is in play.
        verbose: also what passed, with tracebacks and with all that was printed.
    """

    def __init__(self, *, show_dialect: bool, verbose: bool = False) -> None:
        self._show_dialect = show_dialect
        self._verbose = verbose

    def file(self, result: FileResult) -> Iterator[Line]:
        """Yield the lines of one file."""
        suffix = f" [{result.spec.dialect}]" if self._show_dialect else ""
        for test in result.tests:
            yield from self._test(test, suffix)
        if result.declared == 0 and not result.tests:
            yield "warn", f"NONE {result.spec.path} has no tests{suffix}"
        if result.output and (result.failed or self._verbose):
            yield "dim", f"{MARGIN}printed by {result.spec.path}{suffix}:"
            for line in result.output.decode("utf-8", "backslashreplace").splitlines():
                yield "dim", f"{MARGIN}  {line}"

    def end(
        self, files: Sequence[FileResult], seconds: float, dialects: Sequence[str], seed: int | None
    ) -> Iterator[Line]:
        """Yield the totals."""
        counts = count(files)
        failed = counts.failed + counts.errors
        text = f"{counts.passed} passed, {failed} failed, {counts.pending} pending"
        text += f" in {seconds:.2f} s (Lua {', '.join(dialects)})"
        if seed is not None:
            text += f", shuffled with --seed {seed}"
        yield "bad" if failed else "good", text

    def _test(self, test: TestResult, suffix: str) -> Iterator[Line]:
        if test.outcome == "pass":
            if self._verbose:
                yield "good", f"PASS {test.source}: {test.name}{suffix}"
            return
        if test.outcome == "pending":
            reason = f" ({test.message})" if test.message else ""
            yield "warn", f"TODO {test.source}: {test.name}{reason}{suffix}"
            return
        word = "FAIL" if test.outcome == "fail" else "ERR "
        yield "bad", f"{word} {test.source}: {test.name}{suffix}"
        where = f"{test.where}: " if test.where else ""
        for number, line in enumerate(f"{where}{test.message}".splitlines() or [""]):
            yield "", f"{MARGIN}{'  ' if number else ''}{line}"
        for line in difference(test):
            yield {"-": "good", "+": "bad"}.get(line[:1], "dim"), f"{MARGIN}  {line}"
        if self._verbose and test.trace:
            for line in test.trace.splitlines():
                yield "dim", f"{MARGIN}  {line}"


def difference(test: TestResult) -> list[str]:
    """Return a comparison line by line, ``-`` what was expected, ``+`` what was there."""
    if test.expected is None or test.actual is None:
        return []
    import difflib  # 4 ms, for what failed alone

    expected, actual = test.expected.splitlines(), test.actual.splitlines()
    lines = [
        line
        for line in difflib.unified_diff(expected, actual, "expected", "got", lineterm="", n=2)
        if not line.startswith("@@")
    ]
    if not lines:
        return ["they differ in the last line's end, or in what is not shown"]
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"… {len(lines) - MOST_LINES} more lines"]
    return lines


def coverage_rows(covered: Sequence[FileCoverage]) -> list[tuple[str, str, str, str]]:
    """Return a table: file, lines, share, and what did not run; the last row is the total."""
    import os

    from scrun.workbench.test.coverage import missing_ranges  # needs a Lua state: only when asked

    here = os.getcwd()
    rows = []
    for file in covered:
        path = os.path.relpath(file.path, here) if file.path.startswith(f"{here}/") else file.path
        total = f"{file.hit}/{len(file.lines)}"
        rows.append((path, total, f"{file.percent:.0f} %", missing_ranges(file)))
    lines, hit = sum(len(file.lines) for file in covered), sum(file.hit for file in covered)
    share = 100.0 * hit / lines if lines else 100.0
    return [*rows, ("all", f"{hit}/{lines}", f"{share:.0f} %", "")]
