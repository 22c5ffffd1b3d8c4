"""Results that nobody looks at, or that are not what they are taken for."""

from __future__ import annotations

from collections.abc import Iterator

from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.scope import Value, Variable
from scrun.workbench.check.script import Script

IGNORED = Rule(
    "ignored-status",
    "warning",
    "A command is run and its status is not looked at.",
    "local status, output = ...; if status ~= 0 then ... end. local _ = ... says it is meant",
    "slurm.allocator_command('mkdir /scratch/x')",
)
TRUTH = Rule(
    "number-condition",
    "warning",
    "A status is taken for a truth value: in Lua 0 is true.",
    "Compare it: status == 0",
    "if slurm.allocator_command('true') then return slurm.SUCCESS end",
)
EXECUTE = Rule(
    "execute-result",
    "warning",
    "What os.execute returns is taken for what it returns in another dialect.",
    "local ok, how, code = os.execute(...) since Lua 5.2; a number, the status, in 5.1 and luajit",
    "if os.execute('true') == 0 then return slurm.SUCCESS end",
)
TIME = Rule(
    "time-constant",
    "warning",
    "slurm.time_str2mins never returns slurm.INFINITE or slurm.NO_VAL.",
    "It returns -1 for an infinite time and -2 for one that it cannot read",
    "if slurm.time_str2mins('UNLIMITED') == slurm.INFINITE then return slurm.ERROR end",
)
RULES = (IGNORED, TRUTH, EXECUTE, TIME)

COMMANDS = ("slurm.allocator_command", "slurm.remote_command")
TIMES = ("slurm.INFINITE", "slurm.NO_VAL", "slurm.INFINITE64", "slurm.NO_VAL64")


def check(script: Script, kinds: Kinds) -> Iterator[Finding]:
    """Yield the misread results."""
    yield from _find_ignored(script)
    for node in script.nodes:
        if isinstance(node, n.If):
            for condition in node.conditions:
                yield from _check_condition(script, kinds, condition)
        elif isinstance(node, (n.While, n.Repeat)):
            yield from _check_condition(script, kinds, node.condition)
        elif isinstance(node, n.Binary) and node.operator in ("==", "~="):
            yield from _check_comparison(script, node)


# -- statuses nobody reads ---------------------------------------------------------------------


def _find_ignored(script: Script) -> Iterator[Finding]:
    for node in script.statements():
        if isinstance(node, n.CallStatement):
            called = script.invocation(node.call)
            if called is not None and called.name in (*COMMANDS, "os.execute"):
                message = f"the status of {called.name} is ignored"
                yield script.finding(IGNORED, node, message)
    for variable in script.scopes.variables:
        if variable.reads or variable.name.startswith("_") or variable.kind != "local":
            continue
        for value in variable.values:
            name = _command_of(script, value)
            if name is not None and value.expression is not None:
                message = f"the status of {name} goes to {variable.name}, which nobody reads"
                yield script.finding(IGNORED, value.expression, message)


def _command_of(script: Script, value: Value) -> str | None:
    if value.expression is None or value.index:
        return None
    called = script.invocation(n.strip(value.expression))
    return called.name if called is not None and called.name in COMMANDS else None


# -- conditions --------------------------------------------------------------------------------


def _check_condition(script: Script, kinds: Kinds, node: n.Expression) -> Iterator[Finding]:
    node = n.strip(node)
    if isinstance(node, n.Unary) and node.operator == "not":
        yield from _check_condition(script, kinds, node.operand)
    elif isinstance(node, n.Binary) and node.operator in ("and", "or"):
        yield from _check_condition(script, kinds, node.left)
        yield from _check_condition(script, kinds, node.right)
    elif isinstance(node, (n.Call, n.MethodCall)):
        yield from _check_truth(script, Value(node), node)
    elif isinstance(node, n.Name):
        variable = script.scopes.variable(node)
        if variable is not None and variable.kind == "local":
            yield from _check_variable(script, variable, node)


def _check_variable(script: Script, variable: Variable, node: n.Name) -> Iterator[Finding]:
    given = [value for value in variable.values if value.expression is not None]
    findings = [list(_check_truth(script, value, node)) for value in given]
    if findings and all(findings):
        yield findings[0][0]


def _check_truth(script: Script, value: Value, node: n.Expression) -> Iterator[Finding]:
    expression = value.expression
    called = script.invocation(n.strip(expression)) if expression is not None else None
    if called is None:
        return
    function = script.catalog.functions.get(called.name)
    if function is not None and value.index < len(function.returns):
        if function.returns[value.index].type in ("integer", "number"):
            message = f"{script.text(node)} is a number: 0 is true in Lua, so this always holds"
            yield script.finding(TRUTH, node, message)
    elif called.name == "os.execute" and not value.index and script.host.execute_gives_number:
        message = f"os.execute returns a number in Lua {script.dialect}, and 0 is true"
        yield script.finding(EXECUTE, node, message)


# -- comparisons -------------------------------------------------------------------------------


def _check_comparison(script: Script, node: n.Binary) -> Iterator[Finding]:
    for side, other in ((node.left, node.right), (node.right, node.left)):
        source = _source_of(script, side)
        called = script.invocation(source) if source is not None else None
        if called is None:
            continue
        if called.name == "slurm.time_str2mins" and script.name_of(other) in TIMES:
            message = f"time_str2mins never returns {script.text(other)}"
            yield script.finding(TIME, node, message)
        if called.name == "os.execute" and not script.host.execute_gives_number:
            if _is_compared_with_true(script, side):
                continue  # it knows both
            number = isinstance(n.strip(other), n.Number) or script.name_of(other) in (
                "slurm.SUCCESS",
                "slurm.ERROR",
            )
            if number:
                holds = "never holds" if node.operator == "==" else "always holds"
                message = (
                    f"os.execute returns true or nil first in Lua {script.dialect}: this {holds}"
                )
                yield script.finding(EXECUTE, node, message)


def _is_compared_with_true(script: Script, node: n.Expression) -> bool:
    variable = script.scopes.variable(n.strip(node))
    if variable is None:
        return False
    for read in variable.reads:
        other = read.parent
        sides = (other.left, other.right) if isinstance(other, n.Binary) else ()
        if any(isinstance(n.strip(side), n.Boolean) for side in sides):
            return True
    return False


def _source_of(script: Script, node: n.Expression) -> n.Expression | None:
    """Return the call whose first result a value is."""
    node = n.strip(node)
    if isinstance(node, (n.Call, n.MethodCall)):
        return node
    variable = script.scopes.variable(node)
    value = variable.only_value if variable else None
    if value is None or value.index or value.expression is None:
        return None
    return n.strip(value.expression)
