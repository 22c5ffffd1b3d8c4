"""JSON: empty objects and empty arrays, which are one empty table in Lua."""

from __future__ import annotations

from collections.abc import Iterator

from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.modules import find_module
from scrun.workbench.check.script import MODULE, Script

ROUND_TRIP = Rule(
    "json-round-trip",
    "note",
    "A JSON text is decoded and encoded again by a module that may make {} of [], or [] of {}.",
    "Slurm 26.05 and this program have slurm.from_json; scrun's json and cjson keep both apart",
    "local json = require 'rapidjson'\nprint(json.encode(json.decode(...)))",
)
OBJECT = Rule(
    "json-empty-object",
    "warning",
    "An empty table stands where config.json wants an object: it is written as [].",
    "Set the field to nil, or use json.object {} of this program's json",
    "local json = require 'json'\nlocal config = {}\nconfig.hooks = {}\nprint(json.encode(config))",
)
RULES = (ROUND_TRIP, OBJECT)

OURS = ("json", "cjson", "cjson.safe", "dkjson")  # scrun/lua/codecs.lua
OBJECT_IS_DEFAULT = ("cjson", "cjson.safe")
OBJECTS = frozenset(
    (
        *("annotations", "hooks", "sysctl", "resources", "root", "user", "linux", "process"),
        *("seccomp", "intelRdt", "personality", "unified", "capabilities", "consoleSize"),
    )
)
ENCODE, DECODE = ("encode", "to_json"), ("decode", "from_json")


def check(script: Script, _kinds: Kinds) -> Iterator[Finding]:
    """Yield the places where an empty object may not stay one."""
    if script.slurm_type != "scrun" or script.script_type == "spec":
        return
    encoders = _users(script, ENCODE)
    decoders = _users(script, DECODE)
    for name, node in encoders.items():
        if name in decoders:
            yield from _check_module(script, name, node)
    if encoders and not all(name in OBJECT_IS_DEFAULT for name in encoders):
        yield from _find_empty(script)


def _users(script: Script, functions: tuple[str, ...]) -> dict[str, n.Node]:
    """Return the modules of which the script uses one of these functions, with a use of each."""
    found: dict[str, n.Node] = {}
    for node in script.nodes:
        if isinstance(node, n.Index) and node.field in functions:
            name = (script.name_of(node) or "").rpartition(".")[0]
            if name.startswith(MODULE) or name == "slurm":
                found.setdefault(name.removeprefix(MODULE), node)
    return found


def _check_module(script: Script, name: str, node: n.Node) -> Iterator[Finding]:
    place: n.Node = next(
        (c for c in script.nodes if isinstance(c, n.Call) and script.name_of(c) == MODULE + name),
        node,
    )
    if name == "slurm":
        if script.options.slurm_version is not None:
            message = "Slurm's own slurm.to_json writes an empty object as []"
            yield script.finding(ROUND_TRIP, place, message)
        return
    if name in ("host", "host.json", "scrun.json", "luastd.json"):
        return
    own = find_module(script, name)
    if name in OURS and own is None:
        if script.script_type == "module":
            return  # Slurm's own scrun loads none
        message = (
            f"{name} is this program's own here, and keeps empty objects; with Slurm's own scrun "
            "it is another module, which may write them as []"
        )
        yield script.finding(ROUND_TRIP, place, message)
        return
    where = f" ({own})" if own else ""
    message = f"{name}{where} is a module of its own: an empty object may come back as []"
    yield script.finding(ROUND_TRIP, place, message, severity="warning")


def _find_empty(script: Script) -> Iterator[Finding]:
    filled = _filled(script)
    for node in script.nodes:
        given: list[tuple[n.Expression, str | None, n.Expression]]
        if isinstance(node, n.Assign):
            pairs = zip(node.targets, node.values, strict=False)
            given = [(t, t.field, v) for t, v in pairs if isinstance(t, n.Index)]
        elif isinstance(node, n.Item) and isinstance(node.key, n.String):
            given = [(node.key, node.key.text, node.value)]
        else:
            continue
        for place, name, value in given:
            empty = isinstance(value, n.Table) and not value.items
            if empty and name in OBJECTS and name not in filled:
                message = f"an empty {name} is written as [], and a runtime refuses that"
                yield script.finding(OBJECT, place, message)


def _filled(script: Script) -> set[str]:
    """Return the names of fields to which the script adds members elsewhere."""
    found = set()
    for statement in script.statements():
        if isinstance(statement, n.Assign):
            for target in statement.targets:
                inner = n.strip(target.object) if isinstance(target, n.Index) else None
                if isinstance(inner, n.Index) and inner.field is not None:
                    found.add(inner.field)
    return found
