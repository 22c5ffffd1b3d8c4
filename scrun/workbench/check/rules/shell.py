"""Shell commands: values that the shell may take apart."""

from __future__ import annotations

from collections.abc import Iterator

from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.script import Script
from scrun.workbench.check.shelltext import Exposed, Piece, ShellTexts

QUOTE = Rule(
    "shell-quote",
    "warning",
    "A text goes into a shell command without quotes: a space or a ; in it makes other words.",
    'Quote it: local function quote(s) return "\'" .. s:gsub("\'", "\'\\\\\'\'") .. "\'" end',
    "slurm.allocator_command('rm -r ' .. bundle)",
)
DOUBLE = Rule(
    "shell-double-quote",
    "note",
    "A text stands between double quotes in a shell command: the shell reads $ and ` in it.",
    "Use single quotes, and write each one in the text as '\\''",
    "slurm.allocator_command('rm -r \"' .. bundle .. '\"')",
)
RULES = (QUOTE, DOUBLE)

SINKS = ("os.execute", "io.popen", "slurm.allocator_command", "slurm.remote_command")
ROUNDS = 4


def check(script: Script, kinds: Kinds) -> Iterator[Finding]:
    """Yield the values that are not quoted."""
    texts = ShellTexts(script, kinds)
    commands = [
        (called.name, called.arguments[0])
        for called in script.calls
        if called.name in SINKS and called.arguments
    ]
    wrappers: set[tuple[n.Function, int]] = set()  # functions that run one of their parameters
    reported: set[n.Node] = set()
    for _ in range(ROUNDS):
        found: set[tuple[n.Function, int]] = set()
        for name, command in commands:
            for text in _texts_of(script, command):
                pieces = texts.pieces(text, is_command=True)
                for one in texts.exposed(pieces, is_command=True):
                    at = pieces.index(one.piece)
                    wrapper = _wrapper(script, texts, pieces, at)
                    if wrapper is not None:
                        found.add(wrapper)
                    elif one.piece.node is not None and one.piece.node not in reported:
                        reported.add(one.piece.node)
                        yield _explain(script, one, name)
        found -= wrappers
        wrappers |= found
        commands = _calls_of(script, found)
        if not commands:
            return


def _texts_of(script: Script, command: n.Expression) -> list[n.Expression]:
    """Return the texts that a command may be: all that its variable is given."""
    variable = script.scopes.variable(n.strip(command))
    if variable is None or variable.kind in ("parameter", "loop") or not variable.writes:
        return [command]
    given = [value.expression for value in variable.values if not value.index]
    return [expression for expression in given if expression is not None]


def _wrapper(
    script: Script, texts: ShellTexts, pieces: list[Piece], at: int
) -> tuple[n.Function, int] | None:
    """Return the function, and which of its parameters it runs, if that is what a piece is."""
    if not texts.is_command_parameter(pieces, at):
        return None
    parameter = pieces[at].parameter
    if parameter is None:
        return None
    return parameter.owner, parameter.owner.parameters.index(parameter.declared)


def _calls_of(
    script: Script, wrappers: set[tuple[n.Function, int]]
) -> list[tuple[str, n.Expression]]:
    """Return the commands that callers give to wrappers."""
    commands = []
    for node in script.nodes:
        if not isinstance(node, (n.Call, n.MethodCall)):
            continue
        callee = (
            node.function
            if isinstance(node, n.Call)
            else n.Index(node.start, node.end, node.object, node.method)
        )
        function = script.function_of(callee)
        shift = 1 if function and function.is_method and isinstance(node, n.MethodCall) else 0
        for owner, at in wrappers:
            if owner is function and 0 <= at - shift < len(node.arguments):
                commands.append((owner.name or "a function", node.arguments[at - shift]))
    return commands


def _explain(script: Script, one: Exposed, name: str) -> Finding:
    node = one.piece.node
    assert node is not None
    text = script.text(node)
    if one.quotes:
        message = f"{text} stands between double quotes in a shell command ({name})"
        return script.finding(DOUBLE, node, message)
    if one.piece.trust == "lua":
        message = f"%q quotes {text} for Lua, not for the shell, which reads $ and ` in it ({name})"
        return script.finding(DOUBLE, node, message)
    message = f"{text} goes into a shell command without quotes ({name})"
    return script.finding(QUOTE, node, message)
