"""All families of rules, in the order in which they look at a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType

from scrun.workbench.check import silence
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

Family = Callable[[Script, Kinds], Iterable[Finding]]

MODULES: tuple[ModuleType, ...] = (
    *(syntax, entries, slurm_table, slurm_calls, globals_, library, formatting, nils, shell),
    *(results, conditions, tables, json_text, modules, silence),
)
"""The families; the first sentence of each says what its rules are about."""

FAMILIES: tuple[Family, ...] = (
    *(syntax.check_escapes, entries.check, slurm_table.check, slurm_calls.check, globals_.check),
    *(library.check, formatting.check, nils.check, shell.check, results.check),
    *(conditions.check, tables.check, json_text.check, modules.check),
)
SPEC_FAMILIES: tuple[Family, ...] = (
    *(syntax.check_escapes, globals_.check, library.check, conditions.check, modules.check),
)
"""Those for specs, which do things wrongly on purpose."""

RULES: dict[str, Rule] = {rule.name: rule for module in MODULES for rule in module.RULES}
