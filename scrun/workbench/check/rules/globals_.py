"""Globals: those that nobody defines, and those that were meant to be local."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule, Severity
from scrun.workbench.check.host import dialects_with
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.modules import loaded_files
from scrun.workbench.check.scope import Global
from scrun.workbench.check.script import MODULE, Script

UNDEFINED = Rule(
    "undefined-global",
    "error",
    "A global is used that neither Lua, nor Slurm, nor the script defines.",
    "Define it, mend its name, or tell it to the check with --globals",
    "slurm_log('staged in')",
)
DIALECT = Rule(
    "dialect",
    "error",
    "A function of Lua's library is not in the dialect that the script is for.",
    "Use what both have, or ask with another --lua",
    "-- with --lua 5.1\nlocal n = utf8.len('x')",
)
WRITE = Rule(
    "global-variable",
    "warning",
    "A variable is assigned without having been made local.",
    "Put local before its first assignment; a global lives as long as the script's state",
    "function slurm_scrun_stage_in() status = 0; return slurm.SUCCESS end",
)
FUNCTION = Rule(
    "global-function",
    "note",
    "A function is global that Slurm does not call.",
    "Write local function, above the code that uses it",
    "function helper() return 1 end",
)
RULES = (UNDEFINED, DIALECT, WRITE, FUNCTION)

NULLS = ("null", "NULL", "None", "nill", "Nil", "NIL", "undefined")
WORDS = {"True": "true", "False": "false", "TRUE": "true", "FALSE": "false"}
SPEC_NAMES = frozenset(
    (
        *("describe", "context", "insulate", "expose", "it", "spec", "test", "pending", "finally"),
        *("before_each", "after_each", "setup", "teardown", "lazy_setup", "lazy_teardown"),
        *("strict_setup", "strict_teardown", "randomize", "async", "done"),
        *("spy", "stub", "mock", "match", "scrun"),
    )
)
ALIKE = 0.75


def check(script: Script, kinds: Kinds) -> Iterator[Finding]:
    """Yield the faults of globals."""
    written = {use.name for use in script.scopes.writes}
    known = written | script.found_globals | script.options.globals | _offered(script)
    if not _is_open(script) and not (script.script_type == "spec" and _loads_unknown(script)):
        yield from _check_reads(script, kinds, known)
    if not any(called.name == "module" for called in script.calls):
        yield from _check_writes(script)


def _offered(script: Script) -> set[str]:
    names = set(script.host.globals) | {"slurm"}
    if script.dialect in ("5.1", "luajit"):
        names.discard("_ENV")
    else:
        names.add("_ENV")
    names |= {name for name in script.slurm_names if "." not in name}
    if script.script_type == "spec":
        names |= SPEC_NAMES | set(script.catalog.entries)
    return names


def _is_open(script: Script) -> bool:
    """Tell whether the script gives its globals a metatable: anything may then be in them."""
    return any(
        called.name == "setmetatable"
        and called.arguments
        and script.name_of(called.arguments[0]) in ("_G", "_ENV")
        for called in script.calls
    )


def _loads_unknown(script: Script) -> bool:
    """Tell whether a file is loaded that is not found, or whose name is computed."""
    for called in script.calls:
        if called.name in ("require", "dofile", "loadfile") and called.arguments:
            name = n.strip(called.arguments[0])
            if not isinstance(name, n.String) or not list(loaded_files(script, called)):
                return True
    return False


# -- reads -------------------------------------------------------------------------------------


def _check_reads(script: Script, kinds: Kinds, known: set[str]) -> Iterator[Finding]:
    tested = {use.name for use in script.scopes.reads if _is_test(script, kinds, use)}
    candidates = sorted(known)
    for use in script.scopes.reads:
        if use.name in known or use.name in tested or use.is_declared:
            continue
        if use.name == "arg" and script.dialect == "5.1" and use.owner.is_vararg:
            continue
        yield _explain_read(script, use, candidates)


def _is_test(script: Script, kinds: Kinds, use: Global) -> bool:
    if use.name in NULLS or use.name in WORDS:
        return False
    return kinds.is_tested(use.node) and _is_bare(script, use.node)


def _is_bare(script: Script, node: n.Node) -> bool:
    """Tell whether a condition looks at the name itself, and not at a field or a result of it."""
    parent = node.parent
    if isinstance(parent, n.Index) and parent.object is node:
        return False
    if isinstance(parent, (n.Call, n.MethodCall)) and node not in parent.arguments:
        return False
    if isinstance(parent, n.Binary) and parent.operator in ("==", "~="):
        return any(isinstance(n.strip(side), n.Nil) for side in (parent.left, parent.right))
    return not isinstance(parent, n.Binary) or parent.operator in ("and", "or")


def _explain_read(script: Script, use: Global, candidates: list[str]) -> Finding:
    name, parent = use.name, use.node.parent
    used = isinstance(parent, n.Index) and parent.object is use.node
    used |= isinstance(parent, n.MethodCall) and parent.object is use.node
    called = isinstance(parent, n.Call) and parent.function is use.node
    advice = None
    having = dialects_with(name)
    if having:
        message = f"Lua {script.dialect} has no {name}; it is in {', '.join(having)}"
        return script.finding(DIALECT, use.node, message)
    if name in NULLS:
        advice = "Lua's word is nil; this works only because an unknown global is nil"
    elif name in WORDS:
        advice = f"Lua's word is {WORDS[name]}; this is nil"
    elif name == "arg":
        advice = "Functions with ... have had no arg since Lua 5.2: write local arg = { ... }"
    elif name in script.catalog.entries:
        advice = f"Slurm calls it in {script.catalog.entries[name].script_type} scripts"
    elif any(one.name == "require" and _names(script, one.node, name) for one in script.calls):
        advice = f"A module sets no global any more: local {name} = require '{name}'"
    else:
        short = script.catalog.find(f"slurm.{name}")
        nearest = difflib.get_close_matches(name, candidates, 1, ALIKE)
        if short is not None and short.name == f"slurm.{name}":
            advice = f"Is {short.name} meant?"
        elif nearest:
            advice = f"Is {nearest[0]} meant?"
    severity: Severity = "error" if used or called else "warning"
    return script.finding(
        UNDEFINED, use.node, f"undefined global {name}", advice=advice, severity=severity
    )


def _names(script: Script, node: n.Expression, name: str) -> bool:
    return script.name_of(node) == MODULE + name


# -- writes ------------------------------------------------------------------------------------


def _check_writes(script: Script) -> Iterator[Finding]:
    seen: set[str] = set()
    for use in script.scopes.writes:
        name = use.name
        if use.is_declared or name in seen or name in script.options.globals:
            continue
        seen.add(name)
        if name in script.catalog.entries or (name == "slurm" and script.script_type == "spec"):
            continue
        inside = use.owner is not script.tree.root
        statement = use.node.parent
        if isinstance(statement, n.Assign) and statement.is_function:
            yield script.finding(FUNCTION, use.node, f"function {name} is global")
            continue
        if name in script.host.globals or name == "slurm":
            message = f"{name} is Lua's own, and is replaced"
            message = message if name != "slurm" else "slurm is Slurm's own, and is replaced"
            yield script.finding(WRITE, use.node, message, severity="warning")
            continue
        message = f"{name} is assigned without local, so it is global"
        severity: Severity = "warning" if inside else "note"
        yield script.finding(WRITE, use.node, message, severity=severity)
