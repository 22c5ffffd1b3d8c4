"""How findings are written: lines for people, JSON, and SARIF 2.1.0 for code hosts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from scrun.workbench.check.finding import Finding, Rule

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def format_line(finding: Finding) -> str:
    """Return ``file:line:column: severity: message [rule]``."""
    place = finding.place
    head = f"{finding.path}:{place.line}:{place.column}"
    return f"{head}: {finding.severity}: {finding.message} [{finding.rule}]"


def format_text(findings: Iterable[Finding]) -> str:
    """Return each finding as two lines: what it is, and what to do."""
    return "".join(f"{format_line(one)}\n    {one.advice}\n" for one in findings)


def format_json(findings: Iterable[Finding]) -> str:
    """Return an object with a list of findings."""
    listed = [
        {
            "file": one.path,
            "line": one.place.line,
            "column": one.place.column,
            "end_line": one.place.end_line,
            "end_column": one.place.end_column,
            "severity": one.severity,
            "rule": one.rule,
            "message": one.message,
            "advice": one.advice,
        }
        for one in findings
    ]
    return json.dumps({"findings": listed}, indent=2) + "\n"


def format_sarif(findings: Iterable[Finding], rules: Mapping[str, Rule], version: str) -> str:
    """Return a SARIF log of one run. Columns are counted in characters."""
    names = sorted(rules)
    run = {
        "tool": {
            "driver": {
                "name": "scrun lua check",
                "semanticVersion": version,
                "rules": [_sarif_rule(rules[name]) for name in names],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(one, names) for one in findings],
    }
    log = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2) + "\n"


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": rule.advice},
        "defaultConfiguration": {"level": rule.severity},
    }


def _sarif_result(finding: Finding, names: list[str]) -> dict[str, Any]:
    place = finding.place
    return {
        "ruleId": finding.rule,
        "ruleIndex": names.index(finding.rule),
        "level": finding.severity,
        "message": {"text": f"{finding.message}. {finding.advice}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.path)},
                    "region": {
                        "startLine": place.line,
                        "startColumn": place.column,
                        "endLine": place.end_line,
                        "endColumn": max(place.end_column, 1),
                    },
                }
            }
        ],
    }
