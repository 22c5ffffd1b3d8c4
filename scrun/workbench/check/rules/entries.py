"""The functions that Slurm calls: there, with the right parameters, and with a result."""

from __future__ import annotations

from collections.abc import Iterator

from scrun.workbench.catalog import Entry
from scrun.workbench.check import flow
from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.script import Script

MISSING = Rule(
    "missing-entry",
    "error",
    "A function that Slurm requires is not defined as a global.",
    "Slurm refuses the script without it; one that only returns slurm.SUCCESS will do",
    "function slurm_scrun_stage_in() return slurm.SUCCESS end",
)
PARAMETERS = Rule(
    "entry-parameters",
    "warning",
    "A function that Slurm calls has more parameters than it gets, or has them in another order.",
    "Arguments go by their place: take the names and the order of the manual",
    "function slurm_scrun_stage_in(id, spool_dir, bundle) return slurm.SUCCESS end",
)
NO_RETURN = Rule(
    "missing-return",
    "warning",
    "A function that Slurm calls can end without a result.",
    "Say what is meant on every way out: slurm.SUCCESS or slurm.ERROR",
    "function slurm_scrun_stage_in(id) if id == '' then return slurm.ERROR end end",
)
RETURN_TYPE = Rule(
    "return-type",
    "warning",
    "A function that Slurm calls returns what is no number, which counts as success, even false.",
    "Return slurm.SUCCESS or slurm.ERROR",
    "function slurm_scrun_stage_out() return false end",
)
RULES = (MISSING, PARAMETERS, NO_RETURN, RETURN_TYPE)

LOADERS = ("dofile", "loadfile", "load", "loadstring", "setfenv")
NO_STATUS = {"boolean", "table", "function", "nil"}


def check(script: Script, kinds: Kinds) -> Iterator[Finding]:
    """Yield the faults of entry functions."""
    if script.script_type in ("module", "spec"):
        return
    yield from _find_missing(script)
    for entry, function in script.entries:
        yield from _check_parameters(script, entry, function)
        yield from _check_returns(script, kinds, entry, function)


def _find_missing(script: Script) -> Iterator[Finding]:
    written = {use.name for use in script.scopes.writes} | script.found_globals
    computed = any(
        called.name in LOADERS or (called.name in ("rawset", "setmetatable") and _is_g(called))
        for called in script.calls
    )
    for entry in script.catalog.entries_of(script.slurm_type, script.options.slurm_version):
        if not entry.required or entry.name in written:
            continue
        local = next((v for v in script.scopes.variables if v.name == entry.name), None)
        if local is not None:
            message = f"{entry.name} is local: Slurm looks for a global"
            yield script.finding(MISSING, local.declared, message, advice='Take "local" away')
        elif not computed and script.is_whole:
            top = n.Nil(0, 0)
            yield script.finding(MISSING, top, f"required function {entry.name} is missing")


def _is_g(called: object) -> bool:
    arguments = getattr(called, "arguments", [])
    return bool(arguments) and isinstance(arguments[0], n.Name) and arguments[0].id == "_G"


def _check_parameters(script: Script, entry: Entry, function: n.Function) -> Iterator[Finding]:
    wanted = [parameter.name for parameter in entry.parameters]
    given = function.parameters
    if len(given) > len(wanted) and not entry.variadic:
        extra = given[len(wanted)]
        message = f"{extra.id} is always nil: Slurm calls {entry.signature}"
        yield script.finding(PARAMETERS, extra, message)
    for at, name in enumerate(given[: len(wanted)]):
        other = wanted.index(name.id) if name.id in wanted else at
        if other != at:
            message = f"{name.id} gets {wanted[at]}: Slurm calls {entry.signature}"
            yield script.finding(PARAMETERS, name, message)


def _check_returns(
    script: Script, kinds: Kinds, entry: Entry, function: n.Function
) -> Iterator[Finding]:
    returns = flow.returns_of(function)
    if flow.runs_off(script, function.body):
        end = n.Nil(max(function.end - len("end"), function.start), function.end)
        message = f"{entry.name} can end here without a result"
        yield script.finding(NO_RETURN, end, message)
    for node in returns:
        if not node.values:
            yield script.finding(NO_RETURN, node, f"{entry.name} returns nothing here")
            continue
        value = n.strip(node.values[0])
        kind = kinds.type_of(value)
        if isinstance(value, n.String):
            kind = None if value.text.strip().lstrip("+-").isdecimal() else "string"
        if kind in NO_STATUS or (kind == "string" and isinstance(value, n.String)):
            message = f"{entry.name} returns a {kind}, which counts as success"
            yield script.finding(RETURN_TYPE, value, message)
