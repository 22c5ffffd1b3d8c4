"""Where a function's control goes: whether it can run off its end, and what it returns."""

from __future__ import annotations

from scrun.workbench.check import nodes as n
from scrun.workbench.check.script import Script

NEVER_RETURN = ("error", "os.exit")


def runs_off(script: Script, block: n.Block) -> bool:
    """Tell whether the end of a block can be reached."""
    return all(_goes_on(script, statement) for statement in block.statements)


def returns_of(function: n.Function) -> list[n.Return]:
    """Return a function's own return statements, not those of functions inside it."""
    found: list[n.Return] = []
    todo: list[n.Node] = [function.body]
    while todo:
        node = todo.pop()
        if isinstance(node, n.Return):
            found.append(node)
        todo.extend(child for child in node.children() if not isinstance(child, n.Function))
    return sorted(found, key=lambda one: one.start)


def _goes_on(script: Script, node: n.Statement) -> bool:
    """Tell whether control can come to what follows a statement."""
    match node:
        case n.Return() | n.Break() | n.Goto():
            return False
        case n.CallStatement():
            called = script.invocation(node.call)
            return called is None or not _ends(called.name, called.arguments)
        case n.Do():
            return runs_off(script, node.body)
        case n.If():
            bodies = [*node.bodies, *([node.otherwise] if node.otherwise else [])]
            return node.otherwise is None or any(runs_off(script, body) for body in bodies)
        case n.While():
            condition = n.strip(node.condition)
            endless = isinstance(condition, n.Boolean) and condition.value
            return not endless or _has_break(node.body)
        case n.Repeat():
            return runs_off(script, node.body) or _has_break(node.body)
        case _:
            return True


def _ends(name: str, arguments: list[n.Expression]) -> bool:
    if name in NEVER_RETURN:
        return True
    return name == "assert" and bool(arguments) and isinstance(arguments[0], (n.Nil, n.Boolean))


def _has_break(block: n.Block) -> bool:
    """Tell whether a loop's body has a break of its own, or a goto, which may lead anywhere."""
    todo: list[n.Node] = [block]
    while todo:
        node = todo.pop()
        if isinstance(node, (n.Break, n.Goto)):
            return True
        inner = (n.Function, n.While, n.Repeat, n.NumericFor, n.GenericFor)
        todo.extend(child for child in node.children() if not isinstance(child, inner))
    return False
