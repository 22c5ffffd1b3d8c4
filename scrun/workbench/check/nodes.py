"""The syntax tree that rules read: Lua's statements and expressions, with places and parents.

Of another shape than the parser's: one class per construct, and a chain of ``..`` is one node.
``start`` and ``end`` are byte offsets in the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(slots=True, eq=False)
class Node:
    """A piece of source."""

    start: int
    end: int
    parent: Node | None = field(default=None, init=False, repr=False)
    parts: ClassVar[tuple[str, ...]] = ()  # the fields that hold nodes, in the order of the source

    def children(self) -> Iterator[Node]:
        """Yield the nodes directly below."""
        for name in self.parts:
            value = getattr(self, name)
            if isinstance(value, list):
                yield from value
            elif value is not None:
                yield value

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it, in the order of the source."""
        todo: list[Node] = [self]
        while todo:
            node = todo.pop()
            yield node
            todo.extend(reversed(list(node.children())))

    def ancestors(self) -> Iterator[Node]:
        """Yield the nodes above, from the nearest on."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


# -- expressions -------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Expression(Node):
    """What has a value."""


@dataclass(slots=True, eq=False)
class Opaque(Expression):
    """An expression nested deeper than rules need to look."""


@dataclass(slots=True, eq=False)
class Nil(Expression):
    """``nil``."""


@dataclass(slots=True, eq=False)
class Boolean(Expression):
    """``true`` and ``false``."""

    value: bool


@dataclass(slots=True, eq=False)
class Number(Expression):
    """A number; ``value`` is None for one that Python cannot read (luajit's imaginary ones)."""

    value: int | float | None


@dataclass(slots=True, eq=False)
class String(Expression):
    """A string, decoded."""

    value: bytes

    @property
    def text(self) -> str:
        """The value, for messages and for names."""
        return self.value.decode("utf-8", "backslashreplace")


@dataclass(slots=True, eq=False)
class Vararg(Expression):
    """``...``."""


@dataclass(slots=True, eq=False)
class Name(Expression):
    """A variable by its name; what it stands for is the resolver's to say."""

    id: str


@dataclass(slots=True, eq=False)
class Index(Expression):
    """``object.field`` and ``object[key]``; the key of the former is a String."""

    object: Expression
    key: Expression
    parts: ClassVar[tuple[str, ...]] = ("object", "key")

    @property
    def field(self) -> str | None:
        """The key if it is a literal string."""
        return self.key.text if isinstance(self.key, String) else None


@dataclass(slots=True, eq=False)
class Call(Expression):
    """``function(arguments)``."""

    function: Expression
    arguments: list[Expression]
    parts: ClassVar[tuple[str, ...]] = ("function", "arguments")


@dataclass(slots=True, eq=False)
class MethodCall(Expression):
    """``object:method(arguments)``."""

    object: Expression
    method: String
    arguments: list[Expression]
    parts: ClassVar[tuple[str, ...]] = ("object", "method", "arguments")


@dataclass(slots=True, eq=False)
class Function(Expression):
    """A function's parameters and body; ``name`` as messages call it."""

    parameters: list[Name]
    is_vararg: bool
    body: Block
    name: str | None = None
    is_method: bool = False
    parts: ClassVar[tuple[str, ...]] = ("parameters", "body")


@dataclass(slots=True, eq=False)
class Unary(Expression):
    """``not``, ``-``, ``#`` or ``~``."""

    operator: str
    operand: Expression
    parts: ClassVar[tuple[str, ...]] = ("operand",)


@dataclass(slots=True, eq=False)
class Binary(Expression):
    """Two operands, of any operator but ``..``."""

    operator: str
    left: Expression
    right: Expression
    parts: ClassVar[tuple[str, ...]] = ("left", "right")


@dataclass(slots=True, eq=False)
class Concat(Expression):
    """``a .. b .. c``: all the operands of one chain."""

    operands: list[Expression]
    parts: ClassVar[tuple[str, ...]] = ("operands",)


@dataclass(slots=True, eq=False)
class Paren(Expression):
    """``(inner)``, which has one value at most."""

    inner: Expression
    parts: ClassVar[tuple[str, ...]] = ("inner",)


@dataclass(slots=True, eq=False)
class Item(Node):
    """A field of a table constructor; ``key`` is None for the next place in the list."""

    key: Expression | None
    value: Expression
    parts: ClassVar[tuple[str, ...]] = ("key", "value")


@dataclass(slots=True, eq=False)
class Table(Expression):
    """``{ ... }``."""

    items: list[Item]
    parts: ClassVar[tuple[str, ...]] = ("items",)


# -- statements --------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Statement(Node):
    """What is done."""


@dataclass(slots=True, eq=False)
class Block(Node):
    """Statements with a scope of their own."""

    statements: list[Statement]
    parts: ClassVar[tuple[str, ...]] = ("statements",)


@dataclass(slots=True, eq=False)
class Local(Statement):
    """``local a <const>, b = values``, and Lua 5.5's ``global a``; attributes are texts or None."""

    names: list[Name]
    attributes: list[str | None]
    values: list[Expression]
    is_global: bool = False
    parts: ClassVar[tuple[str, ...]] = ("names", "values")


@dataclass(slots=True, eq=False)
class LocalFunction(Statement):
    """``local function name() end``, and Lua 5.5's ``global function``."""

    name: Name
    function: Function
    is_global: bool = False
    parts: ClassVar[tuple[str, ...]] = ("name", "function")


@dataclass(slots=True, eq=False)
class GlobalAll(Statement):
    """Lua 5.5's ``global *``."""


@dataclass(slots=True, eq=False)
class Assign(Statement):
    """``targets = values``, and ``function a.b() end``."""

    targets: list[Expression]
    values: list[Expression]
    is_function: bool = False
    parts: ClassVar[tuple[str, ...]] = ("targets", "values")


@dataclass(slots=True, eq=False)
class CallStatement(Statement):
    """A call whose results nobody takes."""

    call: Expression
    parts: ClassVar[tuple[str, ...]] = ("call",)


@dataclass(slots=True, eq=False)
class Do(Statement):
    """``do ... end``."""

    body: Block
    parts: ClassVar[tuple[str, ...]] = ("body",)


@dataclass(slots=True, eq=False)
class While(Statement):
    """``while condition do ... end``."""

    condition: Expression
    body: Block
    parts: ClassVar[tuple[str, ...]] = ("condition", "body")


@dataclass(slots=True, eq=False)
class Repeat(Statement):
    """``repeat ... until condition``, which sees the body's locals."""

    body: Block
    condition: Expression
    parts: ClassVar[tuple[str, ...]] = ("body", "condition")


@dataclass(slots=True, eq=False)
class If(Statement):
    """``if`` with its ``elseif`` parts: as many conditions as bodies; ``otherwise`` is ``else``."""

    conditions: list[Expression]
    bodies: list[Block]
    otherwise: Block | None
    parts: ClassVar[tuple[str, ...]] = ("conditions", "bodies", "otherwise")


@dataclass(slots=True, eq=False)
class NumericFor(Statement):
    """``for name = first, last, step do ... end``."""

    name: Name
    first: Expression
    last: Expression
    step: Expression | None
    body: Block
    parts: ClassVar[tuple[str, ...]] = ("name", "first", "last", "step", "body")


@dataclass(slots=True, eq=False)
class GenericFor(Statement):
    """``for names in values do ... end``."""

    names: list[Name]
    values: list[Expression]
    body: Block
    parts: ClassVar[tuple[str, ...]] = ("names", "values", "body")


@dataclass(slots=True, eq=False)
class Return(Statement):
    """``return values``."""

    values: list[Expression]
    parts: ClassVar[tuple[str, ...]] = ("values",)


@dataclass(slots=True, eq=False)
class Break(Statement):
    """``break``."""


@dataclass(slots=True, eq=False)
class Goto(Statement):
    """``goto label``."""

    label: str


@dataclass(slots=True, eq=False)
class Label(Statement):
    """``::label::``."""

    label: str


def strip(node: Expression) -> Expression:
    """Return what is inside of any parentheses."""
    while isinstance(node, Paren):
        node = node.inner
    return node


def is_multiple(node: Expression) -> bool:
    """Tell whether an expression at the end of a list may give any number of values."""
    return isinstance(node, (Call, MethodCall, Vararg, Opaque))


def link(root: Node) -> None:
    """Set the parents of everything below ``root``."""
    todo = [root]
    while todo:
        node = todo.pop()
        for child in node.children():
            child.parent = node
            todo.append(child)
