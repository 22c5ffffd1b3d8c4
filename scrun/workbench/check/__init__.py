"""Find the faults of a site's Lua without running it: `scrun lua check`.

The tree comes from a parser (`parse`), names from a resolver (`scope`), syntax errors from the
dialects' own interpreters (`rules.syntax`), what a state has from a live one (`host`), and what
Slurm has from the catalog. No regular expression looks at source.
"""

from scrun.workbench.check.checker import check_files, check_source
from scrun.workbench.check.finding import SEVERITIES, Finding, Rule, Severity, is_failure
from scrun.workbench.check.registry import RULES
from scrun.workbench.check.report import format_json, format_line, format_sarif, format_text
from scrun.workbench.check.script import Options, ScriptType

__all__ = [
    "RULES",
    "SEVERITIES",
    "Finding",
    "Options",
    "Rule",
    "ScriptType",
    "Severity",
    "check_files",
    "check_source",
    "format_json",
    "format_line",
    "format_sarif",
    "format_text",
    "is_failure",
]
