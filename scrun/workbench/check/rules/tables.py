"""Tables and their first index: Lua counts from 1, Slurm's C code from 0."""

from __future__ import annotations

from collections.abc import Iterator

from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.script import Script

JOB_ENV = Rule(
    "job-env-index",
    "warning",
    "job_env counts from 0 in Slurm's own scrun, and from 1 here.",
    "for _, entry in pairs(job_env) is right with both",
    "function slurm_scrun_stage_in(a, b, c, d, e, f, g, job_env)\n"
    "  for _, v in ipairs(job_env) do print(v) end\n  return slurm.SUCCESS\nend",
)
ZERO = Rule(
    "index-zero",
    "warning",
    "A list is counted from 0: its first element has the index 1.",
    "for i = 1, #list, or for i, value in ipairs(list)",
    "local list = { 'a' }\nfor i = 0, #list do print(list[i]) end",
)
RULES = (JOB_ENV, ZERO)


def check(script: Script, _kinds: Kinds) -> Iterator[Finding]:
    """Yield the wrong first indices."""
    from_zero = _from_zero(script)
    for node in script.nodes:
        if isinstance(node, n.NumericFor):
            yield from _check_loop(script, node, from_zero)
        elif isinstance(node, n.Call):
            called = script.invocation(node)
            if called is not None and called.name == "ipairs" and len(called.arguments) == 1:
                yield from _check_ipairs(script, called.arguments[0], from_zero)
        elif isinstance(node, n.Index) and _is_zero(node.key) and _is_job_env(script, node.object):
            message = "job_env[0] is job_env[1] here, and the first entry in Slurm's own scrun"
            yield script.finding(JOB_ENV, node, message)


def _is_job_env(script: Script, node: n.Expression) -> bool:
    """Tell whether an expression is the parameter job_env, of an entry function or of a helper."""
    variable = script.scopes.variable(n.strip(node))
    if variable is None or variable.kind != "parameter" or script.slurm_type != "scrun":
        return False
    parameter = script.entry_parameters.get(variable)
    return (parameter.name if parameter else variable.name) == "job_env"


def _check_ipairs(
    script: Script, node: n.Expression, from_zero: set[tuple[object, ...]]
) -> Iterator[Finding]:
    if _is_job_env(script, node):
        message = "ipairs(job_env) misses the first variable in Slurm's own scrun"
        yield script.finding(JOB_ENV, node, message)
    elif script.key_of(node) in from_zero or _has_zero(n.strip(node)):
        message = f"ipairs begins at 1, and {script.text(node)} has an index 0"
        yield script.finding(ZERO, node, message, advice="Use pairs, or count from 1")


def _check_loop(
    script: Script, node: n.NumericFor, from_zero: set[tuple[object, ...]]
) -> Iterator[Finding]:
    listed = _length_of(node.last)
    if not _is_zero(node.first) or listed is None:
        return
    if _is_job_env(script, listed):
        message = "counting job_env from 0 gives its first entry twice here"
        yield script.finding(JOB_ENV, node.first, message)
        return
    key = script.key_of(listed)
    if key is None or key in from_zero:
        return
    variable = script.scopes.bindings[node.name]
    for inner in node.body.walk():
        if not isinstance(inner, n.Index) or script.key_of(inner.object) != key:
            continue
        if script.scopes.variable(n.strip(inner.key)) is variable:
            message = f"{script.text(inner)} is nil in the first round: {script.text(listed)}[0]"
            yield script.finding(ZERO, node.first, message)
            return


def _length_of(node: n.Expression) -> n.Expression | None:
    """Return what ``#list`` or ``#list - 1`` counts."""
    node = n.strip(node)
    if isinstance(node, n.Binary) and node.operator == "-":
        node = n.strip(node.left)
    return n.strip(node.operand) if isinstance(node, n.Unary) and node.operator == "#" else None


def _is_zero(node: n.Expression) -> bool:
    node = n.strip(node)
    return isinstance(node, n.Number) and node.value == 0


def _has_zero(node: n.Expression) -> bool:
    return isinstance(node, n.Table) and any(i.key and _is_zero(i.key) for i in node.items)


def _from_zero(script: Script) -> set[tuple[object, ...]]:
    """Return the keys of the tables that the script itself fills from 0 on."""
    found: set[tuple[object, ...]] = set()
    for variable in script.scopes.variables:
        if any(v.expression is not None and _has_zero(v.expression) for v in variable.values):
            found.add((variable,))
    for statement in script.statements():
        if isinstance(statement, n.Assign):
            for target in statement.targets:
                if isinstance(target, n.Index) and _is_zero(target.key):
                    key = script.key_of(target.object)
                    if key is not None:
                        found.add(key)
    return found
