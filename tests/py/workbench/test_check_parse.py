"""The tree of `scrun lua check`: constructs, values, places, and texts that are no good Lua."""

from __future__ import annotations

import pytest

from scrun.lua.runtime import Runtime
from scrun.workbench.check import nodes as n
from scrun.workbench.check.formats import conversions, read_format
from scrun.workbench.check.literal import escapes_of, read_number, read_string
from scrun.workbench.check.parse import MAX_DEPTH, Tree, parse
from scrun.workbench.check.source import Source


def read(text: str | bytes) -> Tree:
    data = text.encode() if isinstance(text, str) else text
    return parse(Source(data, "x.lua"))


def statements(text: str) -> list[n.Statement]:
    tree = read(text)
    assert not tree.bad
    return tree.root.body.statements


def expression(text: str) -> n.Expression:
    (statement,) = statements(f"x = {text}")
    assert isinstance(statement, n.Assign)
    return statement.values[0]


def test_every_statement_has_its_class() -> None:
    """One of each, in order; `;` is none."""
    made = statements(
        "local a <const>, b = 1, 2; local function f() end x = 1 function m.n() end f()\n"
        "do end while a do break end repeat until a if a then elseif b then else end\n"
        "for i = 1, 2, 3 do end for k, v in pairs(t) do end goto l ::l:: return 1"
    )
    assert [type(one) for one in made] == [
        *(n.Local, n.LocalFunction, n.Assign, n.Assign, n.CallStatement),
        *(n.Do, n.While, n.Repeat, n.If, n.NumericFor, n.GenericFor, n.Goto, n.Label, n.Return),
    ]
    assert isinstance(made[0], n.Local) and made[0].attributes == ["const", None]
    assert isinstance(made[8], n.If) and len(made[8].bodies) == 2 and made[8].otherwise
    assert isinstance(made[9], n.NumericFor) and isinstance(made[9].step, n.Number)


def test_methods_have_self() -> None:
    """``function a.b:c(x)`` assigns to a.b.c a function of self and x."""
    (made,) = statements("function a.b:c(x, ...) end")
    assert isinstance(made, n.Assign) and made.is_function
    function = made.values[0]
    assert isinstance(function, n.Function) and function.is_vararg and function.name == "a.b:c"
    assert [one.id for one in function.parameters] == ["self", "x"]


def test_a_chain_of_concatenations_is_one_node() -> None:
    """As ``..`` is right associative; parentheses end the chain."""
    made = expression("'a' .. b .. ('c' .. d)")
    assert isinstance(made, n.Concat) and len(made.operands) == 3
    assert isinstance(n.strip(made.operands[2]), n.Concat)


def test_precedence() -> None:
    """``not a == b`` compares a truth value; ``-2 ^ 2`` negates a power."""
    made = expression("not a == b")
    assert isinstance(made, n.Binary) and made.operator == "==" and isinstance(made.left, n.Unary)
    made = expression("-2 ^ 2")
    assert isinstance(made, n.Unary) and isinstance(made.operand, n.Binary)


def test_fields_by_name_and_by_key_are_one_kind() -> None:
    """``a.b`` and ``a['b']`` are the same place; a table's keys likewise."""
    for text in ("a.b", "a['b']", "a[ [[b]] ]"):
        made = expression(text)
        assert isinstance(made, n.Index) and made.field == "b"
    table = expression("{ a = 1, ['b'] = 2, 3; [4] = 5 }")
    assert isinstance(table, n.Table)
    keys = [item.key.value if isinstance(item.key, n.String) else None for item in table.items]
    assert keys == [b"a", b"b", None, None] and isinstance(table.items[3].key, n.Number)


def test_calls_with_a_string_or_a_table() -> None:
    """``f 'x'`` and ``o:m { }`` have one argument."""
    made = expression("f 'x'")
    assert isinstance(made, n.Call) and len(made.arguments) == 1
    made = expression("o:m { 1 }")
    assert isinstance(made, n.MethodCall) and made.method.value == b"m" and len(made.arguments) == 1


def test_global_is_a_name_where_it_is_no_declaration() -> None:
    """Lua 5.5's word is a name in the older dialects."""
    made = statements("global = 1; print(global)")
    assert isinstance(made[0], n.Assign) and isinstance(made[0].targets[0], n.Name)
    declared = statements("global x, y = 1 global function f() end global *")
    assert [type(one) for one in declared] == [n.Local, n.LocalFunction, n.GlobalAll]
    assert isinstance(declared[0], n.Local) and declared[0].is_global


@pytest.mark.parametrize(
    "literal",
    [
        r"'a\n\t\\\'\"\065\0z\x41'",
        r"'a\z   b\u{48}\u{20ac}'",
        "'a\\\nb'",
        "[[\nfirst]]",
        "[==[ ]] ]==]",
        r"'\z'",
        "'\\\r\nx'",
        "'é'",
    ],
)
def test_strings_have_the_value_that_lua_gives_them(literal: str) -> None:
    """Decoded as the interpreter decodes."""
    value = Runtime("5.4").execute(f"return {literal}".encode())
    assert read_string(literal.encode()) == value
    made = expression(literal)
    assert isinstance(made, n.String) and made.value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("0x10", 16),
        ("1e3", 1000.0),
        ("0x1p4", 16.0),
        ("3LL", 3),
        ("2i", None),
        (".5", 0.5),
    ],
)
def test_numbers(text: str, value: int | float | None) -> None:
    """Of all dialects, luajit's too."""
    assert read_number(text) == value


def test_a_number_of_any_length() -> None:
    """Python refuses to read very long ones; the check does not."""
    read_number("1" * 10_000)
    assert read_number("0x" + "f" * 10_000) is not None


def test_formats() -> None:
    """Pieces and conversions, as string.format reads them."""
    assert read_format(b"a%%b%5.2f%") == [b"a%b", *conversions(b"%5.2f%")]
    assert [(one.spec, one.letter) for one in conversions(b"%s %-3d%")] == [
        ("%s", "s"),
        ("%-3d", "d"),
        ("%", ""),
    ]
    assert escapes_of(rb"'a\x41\\x'") == [(2, "x"), (6, "\\")]


def test_places_count_characters_from_one() -> None:
    """A two-byte letter before is one column; a byte order mark is none."""
    source = Source("\ufefflocal é = 'ü' .. x".encode(), "x.lua")
    place = source.place(source.data.index(b"x"), len(source.data))
    assert (place.line, place.column, place.end_column) == (1, 18, 19)


def test_comments_know_whether_they_stand_alone() -> None:
    """Also the long ones, over several lines."""
    one, two = read("x = 1 -- a\n--[[ b\nc ]] y = 2").comments
    assert (one.text.strip(), one.line, one.is_alone) == ("a", 1, False)
    assert (two.line, two.end_line, two.is_alone) == (2, 3, True)


def test_a_first_line_for_the_shell_is_no_lua() -> None:
    """As Lua skips it, whatever is in it."""
    assert [type(one) for one in statements("#!/usr/bin/env lua '\nx = 1")] == [n.Assign]


def test_bytes_that_are_no_utf8_are_kept_in_strings() -> None:
    """Latin-1 in old scripts."""
    tree = read(b"-- caf\xe9\nx = 'caf\xe9'\n")
    (made,) = tree.root.body.statements
    assert not tree.bad and isinstance(made, n.Assign)
    assert isinstance(made.values[0], n.String) and made.values[0].value == b"caf\xe9"


def test_what_is_no_lua_is_marked() -> None:
    """The tree is then a guess, and says so."""
    assert read("x = = 1").bad
    assert read("if then").bad


@pytest.mark.parametrize("text", ["(" * 5000 + ")" * 5000, "x = " + "{" * 3000, "do " * 3000])
def test_deep_nesting_ends_in_something(text: str) -> None:
    """No stack of Python's is used up."""
    read(text)


def test_what_is_nested_too_deep_is_opaque() -> None:
    """But what lies before it is there."""
    depth = MAX_DEPTH + 20
    text = "x = " + "-(" * depth + "y" + ")" * depth
    assert any(isinstance(node, n.Opaque) for node in read(text).root.walk())
    long_chain = read("x = " + " .. ".join("a" * 150))
    assert sum(isinstance(node, n.Name) for node in long_chain.root.walk()) == 151


def test_parents_lead_to_the_root() -> None:
    """Every node but the root has one, whose children it is among."""
    root = read("local function f(a) return a.b[1] .. f { x = a } end").root
    for node in root.walk():
        if node is not root:
            assert node.parent is not None and node in list(node.parent.children())
