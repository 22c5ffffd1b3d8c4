"""Calls of slurm's functions: the number and the kind of their arguments."""

from __future__ import annotations

from collections.abc import Iterator

from scrun.workbench.catalog import Function
from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.script import Invocation, Script

COUNT = Rule(
    "argument-count",
    "error",
    "A function of slurm is called with too many or too few arguments.",
    "Slurm reads arguments from the end of the list, so a wrong number shifts them all",
    "slurm.set_bundle_path()",
)
TYPE = Rule(
    "argument-type",
    "error",
    "A function of slurm is called with a value of the wrong type.",
    "scrun lua doc shows what it takes",
    "slurm.allocator_command({ 'mkdir', '-p' })",
)
EXTRA = Rule(
    "extra-result",
    "error",
    "gsub gives the text and a count, and as the last argument of a call it passes both.",
    "Put parentheses around it, or give the text to a local first",
    "slurm.set_bundle_path(path:gsub('/$', ''))",
)
RULES = (COUNT, TYPE, EXTRA)

TWO_RESULTS_HARM = {
    "tonumber": "the base",
    "table.insert": "the value, and the text its place",
    "io.open": "the mode",
    "string.rep": "the number",
    "string.sub": "the place",
}
LUA_TYPES = {
    "string": {"string", "integer", "number"},
    "integer": {"integer", "number", "string"},
    "number": {"integer", "number", "string"},
}
CERTAIN = (n.Nil, n.Boolean, n.Number, n.String, n.Table, n.Function, n.Concat)


def check(script: Script, kinds: Kinds) -> Iterator[Finding]:
    """Yield the faults of calls."""
    for called in script.calls:
        function = script.catalog.functions.get(called.name)
        if function is not None and function.is_known(script.slurm_type):
            yield from _check_count(script, called, function)
            yield from _check_types(script, kinds, called, function)
        yield from _check_extra(script, called, function)


def _check_count(script: Script, called: Invocation, function: Function) -> Iterator[Finding]:
    least, most = script.argument_count(called)
    wanted = function.max_arguments
    if most is not None and most < function.min_arguments:
        number = "no argument" if most == 0 else f"{most} argument{'s' * (most != 1)}"
        message = f"{function.name} gets {number}: it is {function.signature}"
        yield script.finding(COUNT, called.node, message)
    elif wanted is not None and least > wanted:
        message = f"{function.name} gets {least} arguments: it is {function.signature}"
        yield script.finding(COUNT, called.arguments[wanted], message)


def _check_types(
    script: Script, kinds: Kinds, called: Invocation, function: Function
) -> Iterator[Finding]:
    lists = (function.parameters, *function.overloads)
    complaints = []
    for parameters in lists:
        found = None
        for parameter, argument in zip(parameters, called.arguments, strict=False):
            argument = n.strip(argument)
            kind = kinds.type_of(argument) if isinstance(argument, CERTAIN) else None
            if kind is None or _is_accepted(parameter.type, kind, argument):
                continue
            message = f"{function.name} wants {parameter.name}: {parameter.type}, and gets {kind}"
            found = script.finding(TYPE, argument, message)
            break
        complaints.append(found)
    if complaints and all(complaints) and complaints[0] is not None:
        yield complaints[0]


def _is_accepted(wanted: str, kind: str, argument: n.Expression) -> bool:
    """Tell whether Lua turns a value into what is wanted; unknown types take anything."""
    accepted = LUA_TYPES.get(wanted)
    if accepted is None:
        return True
    if wanted != "string" and isinstance(argument, n.String):
        return _is_number(argument.value)
    return kind in accepted


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_extra(
    script: Script, called: Invocation, function: Function | None
) -> Iterator[Finding]:
    if not called.arguments:
        return
    inner = script.invocation(called.arguments[-1])
    if inner is None or inner.name != "string.gsub":
        return
    role = TWO_RESULTS_HARM.get(called.name)
    if called.name == "table.insert" and len(called.arguments) != 2:
        role = None
    if function is not None and not function.variadic:
        role = "what it reads, for it reads its last"
    if role is not None:
        message = f"gsub gives two results here: {called.name} takes the count for {role}"
        yield script.finding(EXTRA, called.arguments[-1], message)
