"""Resolve names: which variable each name is, what every variable is given, and what is global.

Lua's rules: a local is in scope from the statement after its declaration, a local function in its
own body too, a loop's variables in the body, the condition of ``repeat`` inside the body's scope.
A free name is a field of ``_ENV``, which is the globals unless the script has made it another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from scrun.workbench.check import nodes as n

Kind = Literal["local", "function", "parameter", "loop"]
GLOBAL_TABLES = ("_G", "_ENV")


@dataclass(frozen=True, slots=True)
class Value:
    """Something given to a variable: result ``index`` (0 is the first) of ``expression``.

    Without an expression it is nil: there were fewer values than variables.
    """

    expression: n.Expression | None
    index: int = 0


@dataclass(slots=True, eq=False)
class Variable:
    """A local variable, parameter or loop variable.

    Attributes:
        declared: the name in its declaration.
        owner: the function in which it is local.
        attribute: ``const`` or ``close``.
        values: all that it is given, in the order of the source, its declaration's first.
        reads, writes: where it is used, the declaration not counted.
    """

    name: str
    kind: Kind
    declared: n.Name
    owner: n.Function
    attribute: str | None = None
    values: list[Value] = field(default_factory=list)
    reads: list[n.Name] = field(default_factory=list)
    writes: list[n.Name] = field(default_factory=list)
    is_upvalue: bool = False

    @property
    def only_value(self) -> Value | None:
        """The value that it has wherever it is read; None: it varies, or others give it."""
        if self.kind in ("parameter", "loop") or self.writes or len(self.values) != 1:
            return None
        return self.values[0]


@dataclass(frozen=True, slots=True)
class Global:
    """A use of a global variable.

    Attributes:
        node: the Name, or the Index of ``_G.name``.
        owner: the function it is in.
        value: what is written; None for a read.
        is_declared: it is meant to be global: Lua 5.5's ``global``, or ``_G.name``.
    """

    name: str
    node: n.Name | n.Index
    owner: n.Function
    value: Value | None = None
    is_declared: bool = False


@dataclass(slots=True)
class Scopes:
    """What the names of a tree are."""

    variables: list[Variable] = field(default_factory=list)
    bindings: dict[n.Name, Variable] = field(default_factory=dict)
    reads: list[Global] = field(default_factory=list)
    writes: list[Global] = field(default_factory=list)
    labels: dict[n.Goto, n.Label | None] = field(default_factory=dict)

    def variable(self, node: n.Node) -> Variable | None:
        """Return the variable that an expression names, if it is one."""
        return self.bindings.get(node) if isinstance(node, n.Name) else None

    def is_global(self, node: n.Node, name: str) -> bool:
        """Tell whether an expression is the global variable ``name``."""
        return isinstance(node, n.Name) and node.id == name and node not in self.bindings


def resolve(root: n.Function) -> Scopes:
    """Return the scopes of a main chunk."""
    resolver = _Resolver(root)
    resolver.function(root)
    for uses in (resolver.scopes.reads, resolver.scopes.writes):
        uses.sort(key=lambda use: use.node.start)
    return resolver.scopes


def pair(targets: int, values: list[n.Expression]) -> Iterator[Value]:
    """Yield what each of so many targets gets of a list of values."""
    for at in range(targets):
        if at < len(values):
            yield Value(values[at])
        elif values and n.is_multiple(values[-1]):
            yield Value(values[-1], at - len(values) + 1)
        else:
            yield Value(None)


class _Resolver:
    """Walks the tree with the scopes that are open: innermost last."""

    def __init__(self, root: n.Function) -> None:
        self.scopes = Scopes()
        self._open: list[dict[str, Variable | None]] = []  # None: declared global
        self._functions: list[n.Function] = [root]
        self._labels: list[dict[str, n.Label]] = []

    # -- scopes ------------------------------------------------------------------------------

    def function(self, node: n.Function) -> None:
        """Resolve a function's parameters and body."""
        self._functions.append(node)
        labels, self._labels = self._labels, []
        self._open.append({})
        for parameter in node.parameters:
            self._declare(parameter, "parameter")
        self._block(node.body)
        self._open.pop()
        self._labels = labels
        self._functions.pop()

    def _block(self, block: n.Block, before: Iterable[n.Name] = ()) -> None:
        self._enter(block, before)
        self._leave()

    def _enter(self, block: n.Block, loop_names: Iterable[n.Name] = ()) -> None:
        self._open.append({})
        for name in loop_names:
            self._declare(name, "loop")
        labels = [one for one in block.statements if isinstance(one, n.Label)]
        self._labels.append({one.label: one for one in labels})
        for statement in block.statements:
            self._statement(statement)

    def _leave(self) -> None:
        self._open.pop()
        self._labels.pop()

    def _declare(self, name: n.Name, kind: Kind, attribute: str | None = None) -> Variable:
        variable = Variable(name.id, kind, name, self._functions[-1], attribute)
        self.scopes.variables.append(variable)
        self.scopes.bindings[name] = variable
        self._open[-1][name.id] = variable
        return variable

    def _find(self, name: str) -> Variable | None:
        for scope in reversed(self._open):
            if name in scope:
                return scope[name]
        return None

    # -- statements --------------------------------------------------------------------------

    def _statement(self, node: n.Statement) -> None:
        match node:
            case n.Local():
                self._local(node)
            case n.LocalFunction():
                self._local_function(node)
            case n.Assign():
                self._assign(node)
            case n.Do():
                self._block(node.body)
            case n.While():
                self._expression(node.condition)
                self._block(node.body)
            case n.Repeat():
                self._enter(node.body)
                self._expression(node.condition)
                self._leave()
            case n.If():
                for condition, body in zip(node.conditions, node.bodies, strict=True):
                    self._expression(condition)
                    self._block(body)
                if node.otherwise is not None:
                    self._block(node.otherwise)
            case n.NumericFor():
                for bound in (node.first, node.last, node.step):
                    if bound is not None:
                        self._expression(bound)
                self._block(node.body, [node.name])
            case n.GenericFor():
                self._all(node.values)
                self._block(node.body, node.names)
            case n.Goto():
                found = (known[node.label] for known in self._labels[::-1] if node.label in known)
                self.scopes.labels[node] = next(found, None)
            case _:
                self._all(node.children())

    def _local(self, node: n.Local) -> None:
        self._all(node.values)
        values = list(pair(len(node.names), node.values))
        if node.is_global:
            for name, value in zip(node.names, values, strict=True):
                self._open[-1][name.id] = None
                if node.values:
                    self._global(name.id, name, value, declared=True)
            return
        for name, attribute, value in zip(node.names, node.attributes, values, strict=True):
            self._declare(name, "local", attribute).values.append(value)

    def _local_function(self, node: n.LocalFunction) -> None:
        value = Value(node.function)
        if node.is_global:
            self._open[-1][node.name.id] = None
            self._global(node.name.id, node.name, value, declared=True)
        else:
            self._declare(node.name, "function").values.append(value)
        self.function(node.function)

    def _assign(self, node: n.Assign) -> None:
        self._all(node.values)
        values = pair(len(node.targets), node.values)
        for target, value in zip(node.targets, values, strict=True):
            if isinstance(target, n.Name):
                self._write(target, value)
            else:
                self._expression(target, value)

    def _write(self, name: n.Name, value: Value) -> None:
        variable = self._find(name.id)
        if variable is None:
            if self._env_is_globals():
                self._global(name.id, name, value, declared=name.id in self._declared_globals())
            return
        self.scopes.bindings[name] = variable
        variable.values.append(value)
        variable.writes.append(name)
        variable.is_upvalue |= variable.owner is not self._functions[-1]

    # -- expressions -------------------------------------------------------------------------

    def _all(self, nodes: Iterable[n.Node]) -> None:
        for node in nodes:
            self._expression(node)

    def _expression(self, node: n.Node, written: Value | None = None) -> None:
        if isinstance(node, n.Name):
            self._read(node)
        elif isinstance(node, n.Function):
            self.function(node)
        elif isinstance(node, n.Index):
            self._expression(node.object)
            self._expression(node.key)
            field_name = node.field
            if field_name is not None and self._is_global_table(node.object):
                self._global(field_name, node, written, declared=True)
        else:
            self._all(node.children())

    def _read(self, node: n.Name) -> None:
        variable = self._find(node.id)
        if variable is not None:
            self.scopes.bindings[node] = variable
            variable.reads.append(node)
            variable.is_upvalue |= variable.owner is not self._functions[-1]
        elif self._env_is_globals():
            self._global(node.id, node, None)

    def _global(
        self, name: str, node: n.Name | n.Index, value: Value | None, *, declared: bool = False
    ) -> None:
        use = Global(name, node, self._functions[-1], value, declared)
        (self.scopes.reads if value is None else self.scopes.writes).append(use)

    def _is_global_table(self, node: n.Expression) -> bool:
        return (
            isinstance(node, n.Name)
            and node.id in GLOBAL_TABLES
            and node not in self.scopes.bindings
        )

    def _env_is_globals(self) -> bool:
        return self._find("_ENV") is None

    def _declared_globals(self) -> set[str]:
        return {name for scope in self._open for name, one in scope.items() if one is None}
