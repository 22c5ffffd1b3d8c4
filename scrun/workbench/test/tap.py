"""Results as TAP 13 (testanything.org), with a YAML block for what failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrun.workbench.test.results import FileResult, TestResult


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
    return text.replace("\\", "\\\\").replace("#", "\\#").replace("\n", " ")


def _details(test: TestResult) -> Iterator[str]:
    yield "  ---"
    yield f"  message: {json.dumps(test.message, ensure_ascii=False)}"
    yield f"  severity: {test.outcome}"
    yield f"  at: {json.dumps(test.where or test.source, ensure_ascii=False)}"
    for key, value in (("expected", test.expected), ("actual", test.actual)):
        if value is not None:
            yield f"  {key}: {json.dumps(value, ensure_ascii=False)}"
    yield "  ..."
