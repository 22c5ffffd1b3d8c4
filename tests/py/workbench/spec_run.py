"""Run ``scrun lua test`` over specs that a test writes."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
PASS = "it('passes', function() end)\n"


@dataclass
class Ended:
    """How a run ended.

    Attributes:
        cases: name, outcome (pass, failure, error, skipped) and message, by the JUnit file.
    """

    status: int
    out: str
    err: str
    cases: list[tuple[str, str, str]]

    @property
    def outcomes(self) -> dict[str, str]:
        """Outcomes by the names of tests."""
        return {name: outcome for name, outcome, _ in self.cases}


class Project:
    """A directory with specs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, name: str, text: str) -> Path:
        """Write a file, and the directories above it."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, *options: str, env: dict[str, str] | None = None) -> Ended:
        """Run all specs, or those that the options name."""
        report = self.directory / ".junit.xml"
        report.unlink(missing_ok=True)
        ended = subprocess.run(
            [sys.executable, "-m", "scrun", "lua", "test", "--junit", str(report), *options],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
        )
        cases = []
        for case in xml.parse(report).iter("testcase") if report.exists() else []:
            inside = next(iter(case), None)
            outcome = "pass" if inside is None else inside.tag
            message = "" if inside is None else inside.get("message", "")
            cases.append((case.get("name", ""), outcome, message))
        return Ended(ended.returncode, ended.stdout, ended.stderr, cases)
