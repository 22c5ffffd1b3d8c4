"""Read Lua with tree-sitter, and turn its tree into `scrun.workbench.check.nodes`.

The grammar takes the union of all dialects. Whether a dialect has a construct is asked of the
dialect's own interpreter: see `syntax`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import tree_sitter
import tree_sitter_lua

from scrun.workbench.check import nodes as n
from scrun.workbench.check.literal import read_number, read_string
from scrun.workbench.check.source import Comment, Source

MAX_DEPTH = 100
"""Levels of nesting that rules see: Lua allows 200, Python's stack holds some frames for each."""

COMMENTS = "(comment) @comment"
SYNTAX = "[(ERROR) (MISSING)] @bad"


@dataclass(frozen=True, slots=True)
class Tree:
    """What was read.

    Attributes:
        root: the main chunk, as a function of ``...``.
        bad: offsets of what the grammar did not understand; the tree is then in parts a guess.
    """

    root: n.Function
    comments: list[Comment]
    bad: list[int] = field(default_factory=list)


@cache
def _language() -> tree_sitter.Language:
    return tree_sitter.Language(tree_sitter_lua.language())


@cache
def _query(text: str) -> tree_sitter.Query:
    return tree_sitter.Query(_language(), text)


def parse(source: Source) -> Tree:
    """Return the tree of a source; never fails."""
    top = tree_sitter.Parser(_language()).parse(source.parsable).root_node
    block = _Builder(source).block(top.children, top)
    root = n.Function(0, len(source.data), [], True, block, "main chunk")
    n.link(root)
    bad = []
    if top.has_error:
        found = tree_sitter.QueryCursor(_query(SYNTAX)).captures(top)
        bad = sorted(node.start_byte for node in found.get("bad", []))
    return Tree(root, _comments(source, top), bad or ([0] if top.has_error else []))


def _comments(source: Source, top: tree_sitter.Node) -> list[Comment]:
    found = tree_sitter.QueryCursor(_query(COMMENTS)).captures(top).get("comment", [])
    comments = []
    for node in sorted(found, key=lambda one: one.start_byte):
        content = node.child_by_field_name("content")
        text = source.text(content.start_byte, content.end_byte) if content else ""
        line = source.line_of(node.start_byte)
        before = source.data[source.line_start(line) : node.start_byte]
        comments.append(
            Comment(text, node.start_byte, line, source.line_of(node.end_byte), not before.strip())
        )
    return comments


class _Builder:
    """Makes our nodes of the parser's."""

    def __init__(self, source: Source) -> None:
        self._data = source.data
        self._depth = 0
        self._statements: dict[str, Callable[[tree_sitter.Node], n.Statement | None]] = {
            "variable_declaration": self._declaration,
            "implicit_variable_declaration": lambda node: n.GlobalAll(*_span(node)),
            "assignment_statement": self._assignment,
            "function_declaration": self._function_statement,
            "function_call": lambda node: n.CallStatement(*_span(node), self.expression(node)),
            "do_statement": lambda node: n.Do(*_span(node), self._body(node, "body")),
            "while_statement": lambda node: n.While(
                *_span(node), self._field(node, "condition"), self._body(node, "body")
            ),
            "repeat_statement": lambda node: n.Repeat(
                *_span(node), self._body(node, "body"), self._field(node, "condition")
            ),
            "if_statement": self._if,
            "for_statement": self._for,
            "return_statement": lambda node: n.Return(*_span(node), self._list(node)),
            "break_statement": lambda node: n.Break(*_span(node)),
            "goto_statement": lambda node: n.Goto(*_span(node), self._label(node)),
            "label_statement": lambda node: n.Label(*_span(node), self._label(node)),
        }
        self._expressions: dict[str, Callable[[tree_sitter.Node], n.Expression]] = {
            "identifier": self._name,
            "global": self._name,
            "string": lambda node: n.String(*_span(node), read_string(self._raw(node))),
            "number": lambda node: n.Number(
                *_span(node), read_number(self._raw(node).decode("ascii", "replace"))
            ),
            "nil": lambda node: n.Nil(*_span(node)),
            "true": lambda node: n.Boolean(*_span(node), True),
            "false": lambda node: n.Boolean(*_span(node), False),
            "vararg_expression": lambda node: n.Vararg(*_span(node)),
            "dot_index_expression": lambda node: n.Index(
                *_span(node), self._field(node, "table"), self._word(node, "field")
            ),
            "bracket_index_expression": lambda node: n.Index(
                *_span(node), self._field(node, "table"), self._field(node, "field")
            ),
            "function_call": self._call,
            "function_definition": self._function,
            "binary_expression": self._binary,
            "unary_expression": lambda node: n.Unary(
                *_span(node), _operator(node), self._field(node, "operand")
            ),
            "parenthesized_expression": lambda node: n.Paren(*_span(node), self._inner(node)),
            "table_constructor": self._table,
        }

    # -- statements --------------------------------------------------------------------------

    def block(self, children: list[tree_sitter.Node], node: tree_sitter.Node) -> n.Block:
        """Return the block of these statements."""
        self._depth += 1
        statements = []
        if self._depth < MAX_DEPTH:
            for child in children:
                make = self._statements.get(child.type)
                statement = make(child) if make else None
                if statement is not None:
                    statements.append(statement)
        self._depth -= 1
        return n.Block(*_span(node), statements)

    def _body(self, node: tree_sitter.Node, field_name: str) -> n.Block:
        body = node.child_by_field_name(field_name)
        if body is None:
            return n.Block(node.end_byte, node.end_byte, [])
        return self.block(body.children, body)

    def _declaration(self, node: tree_sitter.Node) -> n.Statement:
        is_global = bool(node.children) and node.children[0].type == "global"
        inner = next((c for c in node.children if c.type == "assignment_statement"), node)
        names: list[n.Name] = []
        attributes: list[str | None] = []
        for child in (_first(inner, "variable_list") or node).children:
            if child.type == "attribute":
                text = self._raw(child).strip(b"<> \t\r\n").decode("utf-8", "replace")
                if attributes:
                    attributes[-1] = text
            elif child.type in ("identifier", "global") and child.start_byte != node.start_byte:
                names.append(self._name(child))
                attributes.append(None)
        return n.Local(*_span(node), names, attributes, self._list(inner), is_global)

    def _assignment(self, node: tree_sitter.Node) -> n.Statement:
        listed = _first(node, "variable_list") or node
        targets = [self.expression(child) for child in listed.children if child.type != ","]
        values = self._list(node)
        if len(targets) == len(values):
            for target, value in zip(targets, values, strict=True):
                if isinstance(value, n.Function):
                    value.name = self._raw_text(target)
        return n.Assign(*_span(node), targets, values)

    def _function_statement(self, node: tree_sitter.Node) -> n.Statement | None:
        function = self._function(node)
        name = node.child_by_field_name("name")
        if name is None:
            return None
        function.name = self._raw(name).decode("utf-8", "replace")
        first = node.children[0].type
        if first in ("local", "global"):
            return n.LocalFunction(*_span(node), self._name(name), function, first == "global")
        if name.type == "method_index_expression":
            table, word = self._field(name, "table"), self._word(name, "method")
            target: n.Expression = n.Index(*_span(name), table, word)
            function.is_method = True
            function.parameters.insert(0, n.Name(name.end_byte, name.end_byte, "self"))
        else:
            target = self.expression(name)
        return n.Assign(*_span(node), [target], [function], is_function=True)

    def _if(self, node: tree_sitter.Node) -> n.Statement:
        conditions = [self._field(node, "condition")]
        bodies = [self._body(node, "consequence")]
        otherwise = None
        for child in node.children:
            if child.type == "elseif_statement":
                conditions.append(self._field(child, "condition"))
                bodies.append(self._body(child, "consequence"))
            elif child.type == "else_statement":
                otherwise = self._body(child, "body")
        return n.If(*_span(node), conditions, bodies, otherwise)

    def _for(self, node: tree_sitter.Node) -> n.Statement | None:
        clause = node.child_by_field_name("clause")
        if clause is None:
            return None
        if clause.type == "for_numeric_clause":
            name = clause.child_by_field_name("name")
            step = clause.child_by_field_name("step")
            return n.NumericFor(
                *_span(node),
                self._name(name if name is not None else clause),
                self._field(clause, "start"),
                self._field(clause, "end"),
                self.expression(step) if step is not None else None,
                self._body(node, "body"),
            )
        names = [
            self._name(child)
            for child in (_first(clause, "variable_list") or clause).children
            if child.type in ("identifier", "global")
        ]
        return n.GenericFor(*_span(node), names, self._list(clause), self._body(node, "body"))

    def _label(self, node: tree_sitter.Node) -> str:
        name = _first(node, "identifier") or node
        return self._raw(name).decode("utf-8", "replace")

    # -- expressions -------------------------------------------------------------------------

    def expression(self, node: tree_sitter.Node) -> n.Expression:
        """Return the node of an expression."""
        make = self._expressions.get(node.type)
        if make is None or self._depth >= MAX_DEPTH:
            return n.Opaque(*_span(node))
        self._depth += 1
        made = make(node)
        self._depth -= 1
        return made

    def _field(self, node: tree_sitter.Node, field_name: str) -> n.Expression:
        child = node.child_by_field_name(field_name)
        return n.Opaque(*_span(node)) if child is None else self.expression(child)

    def _inner(self, node: tree_sitter.Node) -> n.Expression:
        for child in node.children:
            if child.type in self._expressions:
                return self.expression(child)
        return n.Opaque(*_span(node))

    def _list(self, node: tree_sitter.Node) -> list[n.Expression]:
        listed = _first(node, "expression_list")
        if listed is None:
            return []
        return [self.expression(c) for c in listed.children if c.type in self._expressions]

    def _call(self, node: tree_sitter.Node) -> n.Expression:
        given = node.child_by_field_name("arguments")
        arguments = []
        if given is not None:
            arguments = [self.expression(c) for c in given.children if c.type in self._expressions]
        callee = node.child_by_field_name("name")
        if callee is None:
            return n.Opaque(*_span(node))
        if callee.type == "method_index_expression":
            table, method = self._field(callee, "table"), self._word(callee, "method")
            return n.MethodCall(*_span(node), table, method, arguments)
        return n.Call(*_span(node), self.expression(callee), arguments)

    def _function(self, node: tree_sitter.Node) -> n.Function:
        given = node.child_by_field_name("parameters")
        parameters, is_vararg = [], False
        for child in given.children if given is not None else []:
            if child.type == "vararg_expression":
                is_vararg = True
            elif child.type in ("identifier", "global"):
                parameters.append(self._name(child))
        return n.Function(*_span(node), parameters, is_vararg, self._body(node, "body"))

    def _binary(self, node: tree_sitter.Node) -> n.Expression:
        operator = _operator(node)
        if operator != "..":
            left, right = self._field(node, "left"), self._field(node, "right")
            return n.Binary(*_span(node), operator, left, right)
        operands = []
        rest: tree_sitter.Node | None = node  # `..` is right associative
        while rest is not None and rest.type == "binary_expression" and _operator(rest) == "..":
            operands.append(self._field(rest, "left"))
            rest = rest.child_by_field_name("right")
        if rest is not None:
            operands.append(self.expression(rest))
        return n.Concat(*_span(node), operands)

    def _table(self, node: tree_sitter.Node) -> n.Expression:
        items = []
        for child in node.children:
            if child.type == "field":
                name = child.child_by_field_name("name")
                key: n.Expression | None = None
                if name is not None:
                    in_brackets = child.children[0].type == "["
                    key = self.expression(name) if in_brackets else self._word(child, "name")
                items.append(n.Item(*_span(child), key, self._field(child, "value")))
        return n.Table(*_span(node), items)

    def _name(self, node: tree_sitter.Node) -> n.Name:
        return n.Name(*_span(node), self._raw(node).decode("utf-8", "replace"))

    def _word(self, node: tree_sitter.Node, field_name: str) -> n.String:
        child = node.child_by_field_name(field_name)
        return n.String(*_span(child or node), self._raw(child) if child is not None else b"")

    def _raw(self, node: tree_sitter.Node) -> bytes:
        return self._data[node.start_byte : node.end_byte]

    def _raw_text(self, node: n.Node) -> str:
        return self._data[node.start : node.end].decode("utf-8", "replace")


def _span(node: tree_sitter.Node) -> tuple[int, int]:
    return node.start_byte, node.end_byte


def _operator(node: tree_sitter.Node) -> str:
    for child in node.children:
        if not child.is_named:
            return child.type
    return ""


def _first(node: tree_sitter.Node, kind: str) -> tree_sitter.Node | None:
    return next((child for child in node.children if child.type == kind), None)
