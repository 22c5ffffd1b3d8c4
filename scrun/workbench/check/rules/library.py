"""Lua's own library: members that no dialect has, or not this one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.host import dialects_with
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.rules.globals_ import DIALECT
from scrun.workbench.check.script import Script

MEMBER = Rule(
    "unknown-member",
    "error",
    "Lua's library has no such function in any dialect.",
    "Define it as a local function",
    "local name = string.trim('  x ')",
)
RULES = (MEMBER,)

LIBRARIES = ("string", "table", "math", "io", "os", "debug", "coroutine", "utf8", "bit32", "bit")
ALIKE = 0.7


def check(script: Script, kinds: Kinds) -> Iterator[Finding]:
    """Yield the members that are not there."""
    own = _own_members(script)
    for node in script.nodes:
        if isinstance(node, n.Index) and node.field is not None:
            name = script.name_of(node)
            library, _, member = (name or "").partition(".")
            if library not in LIBRARIES or library not in script.host.globals:
                continue
            if not member or "." in member:
                continue
            if name in own or member in script.host.members(library) or kinds.is_tested(node):
                continue
            yield _explain(script, node, library, member)
        elif isinstance(node, n.MethodCall) and isinstance(n.strip(node.object), n.String):
            method = node.method.text
            if method not in script.host.members("string") and f"string.{method}" not in own:
                yield _explain(script, node.method, "string", method)


def _own_members(script: Script) -> set[str | None]:
    """Return the members that the script adds to a library itself, or that a module may add."""
    return {
        script.name_of(target)
        for statement in script.statements()
        if isinstance(statement, n.Assign)
        for target in statement.targets
    }


def _explain(script: Script, node: n.Node, library: str, member: str) -> Finding:
    having = dialects_with(f"{library}.{member}")
    if having:
        message = f"Lua {script.dialect} has no {library}.{member}; it is in {', '.join(having)}"
        return script.finding(DIALECT, node, message)
    nearest = difflib.get_close_matches(member, script.host.members(library), 1, ALIKE)
    advice = f"Is {library}.{nearest[0]} meant?" if nearest else None
    return script.finding(MEMBER, node, f"{library} has no {member}", advice=advice)
