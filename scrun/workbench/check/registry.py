"""All families of rules, in the order in which they look at a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.rules import (
    conditions,
    entries,
    formatting,
    globals_,
    json_text,
    library,
    modules,
    nils,
    results,
    shell,
    slurm_calls,
    slurm_table,
    syntax,
    tables,
)
from scrun.workbench.check.script import Script
from scrun.workbench.check.silence import RULE as UNKNOWN_RULE

Family = Callable[[Script, Kinds], Iterable[Finding]]

FAMILIES: tuple[Family, ...] = (
    entries.check,
    slurm_table.check,
    slurm_calls.check,
    globals_.check,
    library.check,
    formatting.check,
    nils.check,
    shell.check,
    results.check,
    conditions.check,
    tables.check,
    json_text.check,
    modules.check,
    syntax.check_escapes,
)
RULES: dict[str, Rule] = {
    rule.name: rule
    for family in (
        syntax,
        entries,
        slurm_table,
        slurm_calls,
        globals_,
        library,
        formatting,
        nils,
        shell,
        results,
        conditions,
        tables,
        json_text,
        modules,
    )
    for rule in family.RULES
}
RULES[UNKNOWN_RULE.name] = UNKNOWN_RULE
