"""Results as TAP 13 (testanything.org), with a YAML block for what failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrun.workbench.test.results import FileResult, TestResult
MOST_TEXT = 10_000  # of one message: Perl's parser takes no text of more than 32,766


class Tap:
    """Numbers tests as their files come."""

    def __init__(self) -> None:
        self._number = 0

    def begin(self) -> str:
        """Return the first line."""
        return "TAP version 13"

    def file(self, result: FileResult) -> Iterator[str]:
        """Yield the lines of one file."""
        for test in result.tests:
            self._number += 1
            name = _escape(f"{result.spec.path}: {test.name} [{result.spec.dialect}]")
            if test.outcome == "pending":
                reason = f" {_escape(test.message)}" if test.message else ""
                yield f"not ok {self._number} - {name} # TODO{reason}"
            elif test.failed:
                yield f"not ok {self._number} - {name}"
                yield from _details(test)
            else:
                yield f"ok {self._number} - {name}"

    def end(self) -> str:
        """Return the last line: the plan."""
        return f"1..{self._number}"


def _escape(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain.replace("\\", "\\\\").replace("#", "\\#")


def _quote(text: str) -> str:
    return json.dumps(text[:MOST_TEXT], ensure_ascii=False)


def _details(test: TestResult) -> Iterator[str]:
    yield "  ---"
    yield f"  message: {_quote(test.message)}"
    yield f"  severity: {test.outcome}"
    yield f"  at: {_quote(test.where or test.source)}"
    for key, value in (("expected", test.expected), ("actual", test.actual)):
        if value is not None:
            yield f"  {key}: {_quote(value)}"
    yield "  ..."
