"""What a check finds: rules, severities, findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from scrun.workbench.check.source import Place

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule.

    Attributes:
        severity: of most of its findings: ``error`` fails when it runs, or Slurm refuses it;
            ``warning`` is a likely fault; ``note`` is one under Slurm's own C code only, or a
            habit that makes faults.
        summary: one sentence for lists.
        advice: one line, what to do; a finding may have better advice of its own.
        bad: an example that it finds.
    """

    name: str
    severity: Severity
    summary: str
    advice: str
    bad: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault in one place."""

    path: str
    place: Place
    rule: str
    severity: Severity
    message: str
    advice: str

    def order(self) -> tuple[int, int, str]:
        """Return what findings of one file are sorted by."""
        return self.place.line, self.place.column, self.rule


def is_failure(findings: Iterable[Finding], fail_on: str) -> bool:
    """Tell whether findings reach a severity; ``never`` is reached by none."""
    if fail_on == "never":
        return False
    levels = {"error": ("error",), "warning": ("error", "warning")}[fail_on]
    return any(finding.severity in levels for finding in findings)
