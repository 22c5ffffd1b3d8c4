"""What a shell command is made of: literal text, and the values put into it.

A value is safe when no character of it can mean anything to the shell: a number, a constant, the
id of a container, the result of a quoting function. Everything else is somebody else's text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from scrun.workbench.check import flow
from scrun.workbench.check import nodes as n
from scrun.workbench.check.formats import Conversion, read_format
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.scope import Variable
from scrun.workbench.check.script import Invocation, Script

Trust = Literal["safe", "unsafe", "lua"]
"""``lua``: Lua's ``%q``, which quotes for Lua: a shell still sees ``$`` and backticks in it."""

SAFE_NAMES = frozenset(("id", "user_name", "cluster_name", "job_id", "uid", "gid"))
QUOTERS = ("quote", "escape", "shellarg", "shell_arg")
SHORT_QUOTERS = frozenset(("q", "sh", "esc", "sq", "shq", "qq"))
COMMAND_NAMES = frozenset(("cmd", "command", "script", "line", "cmdline", "full_cmd", "shell"))
SAME_TEXT = ("string.sub", "string.lower", "string.upper", "string.rep", "tostring")
TOOK_OUT = (b"'", b"%W", b"[^", b"%p")  # patterns of a gsub that takes the dangerous letters out
SAFE_CALLS = ("os.date", "os.tmpname", "os.time", "table.concat")
DEPTH = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a command: literal ``text``, or a value with its ``node``."""

    text: bytes = b""
    node: n.Node | None = None
    trust: Trust = "safe"
    parameter: Variable | None = None  # when the value is one as its function got it


@dataclass(frozen=True, slots=True)
class Exposed:
    """A value that the shell may take apart."""

    piece: Piece
    quotes: Literal["", '"']


class ShellTexts:
    """Takes the expressions of one script apart."""

    def __init__(self, script: Script, kinds: Kinds) -> None:
        self._script = script
        self._kinds = kinds
        self._open: set[object] = set()  # variables and functions being looked at
        self._validated = self._find_validated()

    def pieces(self, node: n.Expression, *, is_command: bool = False) -> list[Piece]:
        """Return what an expression is made of.

        Args:
            is_command: it is the whole command, so values in a variable's own text are shown where
                they were put there; elsewhere where the variable is used.
        """
        node = n.strip(node)
        match node:
            case n.String():
                return [Piece(node.value)]
            case n.Number():
                return [Piece(str(node.value).encode())]
            case n.Concat():
                return [piece for operand in node.operands for piece in self.pieces(operand)]
            case n.Name():
                return self._name(node, is_command)
            case n.Index():
                return self._index(node)
            case n.Call() | n.MethodCall():
                return self._call(node)
            case n.Binary(operator="or" | "and"):
                left, right = self.pieces(node.left), self.pieces(node.right)
                return [Piece(node=node, trust=_worst(left + right))]
        return [self._value(node, safe=self._kinds.is_number(node))]

    def exposed(self, pieces: list[Piece], *, is_command: bool = False) -> list[Exposed]:
        """Return the unsafe values that stand outside of single quotes.

        Args:
            is_command: these are a whole command, so a value that begins it, with a space or
                nothing behind, is a command itself and needs no quotes.
        """
        found: list[Exposed] = []
        quotes = ""
        for at, piece in enumerate(pieces):
            if is_command and at == 0 and piece.node is not None and piece.parameter is None:
                behind = pieces[1] if len(pieces) > 1 else Piece(b" ")
                if behind.node is None and behind.text[:1].isspace():
                    continue
            if piece.node is None:
                quotes = _follow(quotes, piece.text)
                if b"<<" in piece.text and quotes == "":
                    return found  # a here-document has rules of its own
            elif piece.trust != "safe" and quotes != "'":
                found.append(Exposed(piece, '"' if quotes == '"' else ""))
        return found

    def is_command_parameter(self, pieces: list[Piece], at: int) -> bool:
        """Tell whether a parameter is a command itself: its callers are then to be looked at."""
        parameter = pieces[at].parameter
        if parameter is None:
            return False
        leading = all(piece.node is not None for piece in pieces[:at])
        return leading or parameter.name.lower() in COMMAND_NAMES

    # -- inside ------------------------------------------------------------------------------

    def _value(self, node: n.Node, *, safe: bool) -> Piece:
        return Piece(node=node, trust="safe" if safe else "unsafe")

    def _name(self, node: n.Name, is_command: bool) -> list[Piece]:
        script = self._script
        variable = script.scopes.bindings.get(node)
        if variable is None:
            values = [use.value for use in script.scopes.writes if use.name == node.id]
        else:
            parameter = script.entry_parameters.get(variable)
            if parameter is not None and not variable.writes:
                safe = parameter.name in SAFE_NAMES or self._kinds.is_number(node)
                return [self._value(node, safe=safe)]
            if self._kinds.is_number(node):
                return [self._value(node, safe=True)]
            by_name = variable.kind == "parameter" and variable.name in SAFE_NAMES
            if by_name or variable in self._validated or self._is_of_literals(variable):
                return [self._value(node, safe=True)]
            if variable.kind in ("parameter", "loop"):
                own = variable if variable.kind == "parameter" and not variable.writes else None
                return [Piece(node=node, trust="unsafe", parameter=own)]
            values = list(variable.values)
        identity: object = variable or node.id
        if identity in self._open or len(self._open) > DEPTH:
            return [Piece()]
        self._open.add(identity)
        parts = [
            self._result(value.expression, value.index)
            for value in values
            if value is not None and value.expression is not None
        ]
        self._open.discard(identity)
        if len(parts) != 1:
            given = [piece for part in parts for piece in part]
            return [Piece(node=node, trust=_worst(given) if given else "unsafe")]
        if is_command:
            return parts[0]
        return [piece if piece.node is None else replace(piece, node=node) for piece in parts[0]]

    def _find_validated(self) -> set[Variable]:
        """Return the variables of which a pattern says what may be in them, from end to end."""
        found: set[Variable] = set()
        for called in self._script.calls:
            if called.name in ("string.find", "string.match") and len(called.arguments) > 1:
                pattern = n.strip(called.arguments[1])
                text = pattern.text if isinstance(pattern, n.String) else ""
                variable = self._script.scopes.variable(n.strip(called.arguments[0]))
                if variable is not None and text.startswith("^") and text.endswith("$"):
                    found.add(variable)
        return found

    def _is_of_literals(self, variable: Variable) -> bool:
        """Tell whether a loop variable goes through the literal texts of a table."""
        loop = variable.declared.parent
        if not isinstance(loop, n.GenericFor) or variable.declared is loop.names[0]:
            return False
        called = self._script.invocation(loop.values[0]) if loop.values else None
        if called is None or called.name not in ("pairs", "ipairs") or not called.arguments:
            return False
        table = n.strip(called.arguments[0])
        listed = self._script.scopes.variable(table)
        value = listed.only_value if listed else None
        if value is not None and value.expression is not None:
            table = value.expression
        return isinstance(table, n.Table) and all(
            isinstance(n.strip(item.value), n.String) for item in table.items
        )

    def _result(self, expression: n.Expression, index: int) -> list[Piece]:
        if not index:
            return self.pieces(expression)
        called = self._script.invocation(n.strip(expression))
        return [Piece(node=expression, trust=self._trust_of_result(called, index))]

    def _trust_of_result(self, called: Invocation | None, index: int) -> Trust:
        function = self._script.catalog.functions.get(called.name) if called else None
        if function is not None and index < len(function.returns):
            return "safe" if function.returns[index].type == "integer" else "unsafe"
        return "safe" if called is not None and called.name == "string.gsub" else "unsafe"

    def _index(self, node: n.Index) -> list[Piece]:
        script = self._script
        name = script.name_of(node) or ""
        if name.startswith("slurm.") or node.field in SAFE_NAMES or self._kinds.is_number(node):
            return [self._value(node, safe=True)]
        literal = self._literal_member(node)
        if literal is not None:
            return [Piece(literal.value)]
        return [self._value(node, safe=False)]

    def _literal_member(self, node: n.Index) -> n.String | None:
        """Return the text of ``CONFIG.dir`` where CONFIG is a table of this script, never set."""
        script = self._script
        variable = script.scopes.variable(n.strip(node.object))
        value = variable.only_value if variable else None
        if node.field is None or value is None or not isinstance(value.expression, n.Table):
            return None
        wanted = script.key_of(node)
        for target in (
            t for s in script.statements() if isinstance(s, n.Assign) for t in s.targets
        ):
            if script.key_of(target) == wanted:
                return None
        for item in value.expression.items:
            if isinstance(item.key, n.String) and item.key.text == node.field:
                return item.value if isinstance(item.value, n.String) else None
        return None

    def _call(self, node: n.Call | n.MethodCall) -> list[Piece]:
        called = self._script.invocation(node)
        last = _last_name(called.name if called else self._script.text(node, 200).split("(")[0])
        if self._kinds.is_number(node) or _is_quoter(last):
            return [self._value(node, safe=True)]
        if called is not None:
            if called.name == "string.format" and called.arguments:
                return self._format(called.arguments, node)
            if called.name == "string.gsub" and len(called.arguments) > 1:
                pattern = n.strip(called.arguments[1])
                if isinstance(pattern, n.String) and any(p in pattern.value for p in TOOK_OUT):
                    return [self._value(node, safe=True)]
                return self._same_text(called.arguments[0], node)
            if called.name in SAME_TEXT and called.arguments:
                return self._same_text(called.arguments[0], node)
            if called.name in SAFE_CALLS:
                return [self._value(node, safe=True)]
        function = self._script.function_of(node.function) if isinstance(node, n.Call) else None
        return [self._value(node, safe=function is not None and self._gives_safe(function))]

    def _same_text(self, given: n.Expression, node: n.Node) -> list[Piece]:
        return [Piece(node=node, trust=_worst(self.pieces(given)))]

    def _format(self, arguments: list[n.Expression], node: n.Node) -> list[Piece]:
        text = self.pieces(arguments[0])
        if len(text) != 1 or text[0].node is not None:
            return [self._value(node, safe=False)]
        found: list[Piece] = []
        rest = iter(arguments[1:])
        for piece in read_format(text[0].text):
            if not isinstance(piece, Conversion):
                found.append(Piece(piece))
                continue
            argument = next(rest, None)
            if argument is None:
                break
            if piece.letter == "s":
                found += self.pieces(argument)
            elif piece.letter == "q":
                unsafe = _worst(self.pieces(argument)) == "unsafe"
                found.append(Piece(node=argument, trust="lua" if unsafe else "safe"))
            else:
                found.append(self._value(argument, safe=True))
        return found

    def _gives_safe(self, function: n.Function) -> bool:
        """Tell whether all that a function returns is safe wherever it is put."""
        if function in self._open or len(self._open) > DEPTH:
            return False
        self._open.add(function)
        returned = [one.values[0] for one in flow.returns_of(function) if one.values]
        safe = bool(returned) and all(
            isinstance(n.strip(value), n.Nil) or not self.exposed(self.pieces(value))
            for value in returned
        )
        self._open.discard(function)
        return safe


def _worst(pieces: list[Piece]) -> Trust:
    trusts = {piece.trust for piece in pieces}
    if "unsafe" in trusts:
        return "unsafe"
    return "lua" if "lua" in trusts else "safe"


def _follow(quotes: str, text: bytes) -> str:
    """Return the quotes that are open after a piece of shell text."""
    skip = False
    for letter in text.decode("latin-1"):
        if skip:
            skip = False
        elif letter == "\\" and quotes != "'":
            skip = True
        elif letter == quotes:
            quotes = ""
        elif letter in "'\"" and not quotes:
            quotes = letter
    return quotes


def _last_name(name: str) -> str:
    return name.replace(":", ".").rpartition(".")[2].lower()


def _is_quoter(name: str) -> bool:
    return name in SHORT_QUOTERS or any(word in name for word in QUOTERS)
