"""Values that may be nil where nil is an error: in ``..``, indexed, or decoded."""

from __future__ import annotations

from collections.abc import Iterator

from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.script import Script

CONCAT = Rule(
    "nil-concat",
    "warning",
    "A value that may be nil is joined to a text, which is an error.",
    "Test it first, or write (value or '')",
    "local path = os.getenv('HOME') .. '/x'",
)
INDEX = Rule(
    "nil-index",
    "warning",
    "A value that may be nil is used as a table or a file, which is an error.",
    "Test it first, or use assert, whose message says what was missing",
    "local text = io.open('/x'):read('*a')",
)
ARGUMENT = Rule(
    "nil-argument",
    "warning",
    "A value that may be nil is passed on to a function that takes none.",
    "Test it first: return slurm.ERROR with a message of your own",
    "local config = slurm.from_json(io.open('/x'))",
)
RULES = (CONCAT, INDEX, ARGUMENT)

NEED_VALUE = ("decode", "from_json", "from_yaml", "parse")
NEED_TEXT = ("string.gsub", "string.sub", "string.match", "string.find", "string.gmatch")


def check(script: Script, kinds: Kinds) -> Iterator[Finding]:
    """Yield the uses of what may be nil."""
    for node in script.nodes:
        if isinstance(node, n.Concat):
            for operand in node.operands:
                why = kinds.why_nil(operand)
                if why is not None:
                    message = f"{script.text(operand)} may be nil ({why})"
                    yield script.finding(CONCAT, operand, message)
        elif isinstance(node, (n.Index, n.MethodCall)):
            yield from _check_index(script, kinds, node)
        if isinstance(node, (n.Call, n.MethodCall)):
            yield from _check_argument(script, kinds, node)


def _check_index(script: Script, kinds: Kinds, node: n.Index | n.MethodCall) -> Iterator[Finding]:
    value = n.strip(node.object)
    if isinstance(value, n.Name) and script.scopes.variable(value) is None:
        return
    why = kinds.why_nil(value)
    if why is None:
        return
    message = f"{script.text(value)} may be nil ({why})"
    yield script.finding(INDEX, value, message)


def _check_argument(script: Script, kinds: Kinds, node: n.Expression) -> Iterator[Finding]:
    called = script.invocation(node)
    if called is None or not called.arguments or isinstance(node, n.MethodCall):
        return
    short = called.name.rpartition(".")[2]
    decodes = short in NEED_VALUE and called.name.startswith(("@", "slurm."))
    if not decodes and called.name not in NEED_TEXT:
        return
    argument = called.arguments[0]
    why = kinds.why_nil(argument)
    if why is not None:
        message = f"{called.name.lstrip('@')}: {script.text(argument)} may be nil ({why})"
        yield script.finding(ARGUMENT, argument, message)
