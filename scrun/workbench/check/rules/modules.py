"""Modules of scrun.d: what they require, and what they return."""

from __future__ import annotations

from collections.abc import Iterator

from scrun.workbench.check import flow
from scrun.workbench.check import nodes as n
from scrun.workbench.check.files import is_module
from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.modules import BROUGHT, find_module
from scrun.workbench.check.script import MODULE, Script

NO_RETURN = Rule(
    "module-return",
    "warning",
    "A module returns nothing: require then gives true.",
    "End it with return M, the table of its functions",
    "-- scrun.d/verbs/kill.lua\nlocal M = {}",
)
UNKNOWN = Rule(
    "unknown-module",
    "error",
    "A module of scrun or luastd is required that neither the site nor this program has.",
    "scrun lua which shows what a name stands for",
    "local kill = require 'luastd.verbs.kil'",
)
RULES = (NO_RETURN, UNKNOWN)


def check(script: Script, _kinds: Kinds) -> Iterator[Finding]:
    """Yield the faults of modules."""
    if script.script_type == "module" and is_module(script.source.path):
        yield from _check_return(script)
    for called in script.calls:
        if called.name != "require" or not isinstance(called.node, n.Call):
            continue
        name = (script.name_of(called.node) or "").removeprefix(MODULE)
        if not name or name in BROUGHT:
            continue
        if script.script_type == "spec" and not name.startswith(("scrun.", "luastd.")):
            continue  # found as the specs' runner finds it
        ours = name.startswith(("scrun.", "luastd."))
        if find_module(script, name) is not None:
            continue
        if ours:
            yield script.finding(UNKNOWN, called.arguments[0], f"no module {name}")
        elif (script.is_whole or is_module(script.source.path)) and not _is_tried(called.node):
            message = f"no module {name} for Lua {script.dialect} on this machine"
            advice = "It must be on every machine where the script runs"
            yield script.finding(
                UNKNOWN, called.arguments[0], message, severity="note", advice=advice
            )


def _is_tried(node: n.Node) -> bool:
    """Tell whether a require is inside a pcall."""
    for above in node.ancestors():
        callee = above.function if isinstance(above, n.Call) else None
        if isinstance(callee, n.Name) and callee.id in ("pcall", "xpcall"):
            return True
    return False


def _check_return(script: Script) -> Iterator[Finding]:
    root = script.tree.root
    if script.source.data.strip() and flow.runs_off(script, root.body):
        if any(called.name == "module" for called in script.calls):
            return
        end = n.Nil(root.end, root.end)
        yield script.finding(NO_RETURN, end, "the module returns nothing")
