"""Scoping: which variable a name is, by Lua's rules; what it is given; what is global."""

from __future__ import annotations

import pytest

from scrun.workbench.check import nodes as n
from scrun.workbench.check.parse import parse
from scrun.workbench.check.scope import Scopes, Variable, resolve
from scrun.workbench.check.source import Source


def scopes_of(text: str) -> Scopes:
    tree = parse(Source(text.encode(), "x.lua"))
    assert not tree.bad
    return resolve(tree.root)


def named(scopes: Scopes, name: str) -> list[Variable]:
    return [one for one in scopes.variables if one.name == name]


def reads(scopes: Scopes) -> list[str]:
    return [use.name for use in scopes.reads]


def writes(scopes: Scopes) -> list[str]:
    return [use.name for use in scopes.writes]


def test_a_local_begins_after_its_statement() -> None:
    """``local x = x`` reads the outer one (manual, 3.5)."""
    scopes = scopes_of("local x = 1; local x = x")
    outer, inner = named(scopes, "x")
    assert len(outer.reads) == 1 and not inner.reads
    assert reads(scopes_of("local x = x")) == ["x"]


def test_a_local_function_sees_itself_and_a_function_value_does_not() -> None:
    """Manual, 3.4.11."""
    assert not reads(scopes_of("local function f() return f() end"))
    assert reads(scopes_of("local f = function() return f() end")) == ["f"]


def test_repeat_sees_the_locals_of_its_body() -> None:
    """Manual, 3.3.4; while does not."""
    assert not reads(scopes_of("repeat local done = 1 until done"))
    assert reads(scopes_of("while done do local done = 1 end")) == ["done"]


def test_blocks_end_their_locals() -> None:
    """do, if, loops and functions."""
    for text in (
        "do local a end return a",
        "if true then local a else return a end",
        "for a = 1, 2 do end return a",
        "for a in b do end return a",
        "local function f(a) end return a",
    ):
        assert "a" in reads(scopes_of(text)), text


def test_loops_evaluate_their_bounds_outside() -> None:
    """The loop's variable is not in its own bounds."""
    assert reads(scopes_of("for i = i, 2 do print(i) end")) == ["i", "print"]
    assert reads(scopes_of("for k in pairs(k) do end")) == ["pairs", "k"]


def test_upvalues_are_known() -> None:
    """Variables that an inner function uses."""
    scopes = scopes_of("local a, b = 1, 2; local function f() a = b end")
    assert [one.is_upvalue for one in (*named(scopes, "a"), *named(scopes, "b"))] == [True, True]
    assert not named(scopes, "f")[0].is_upvalue


def test_values_by_their_places() -> None:
    """A call at the end gives the rest; what is missing is nil."""
    scopes = scopes_of("local a, b, c = 1, f(); local d, e = 1")
    given = {one.name: one.values[0] for one in scopes.variables}
    assert given["b"].index == 0 and given["c"].index == 1
    assert isinstance(given["c"].expression, n.Call)
    assert given["d"].expression is not None and given["e"].expression is None


def test_a_call_in_the_middle_or_in_parentheses_gives_one() -> None:
    """Manual, 3.4.12."""
    scopes = scopes_of("local a, b = f(), 1; local c, d = (f())")
    given = {one.name: one.values[0] for one in scopes.variables}
    assert isinstance(given["b"].expression, n.Number)
    assert given["d"].expression is None


def test_only_value() -> None:
    """None of what is assigned again, of parameters and of loop variables."""
    scopes = scopes_of("local a, b = 1, 2; b = 3; for c = 1, 2 do end local function f(d) end")
    known = {one.name: one.only_value is not None for one in scopes.variables}
    assert known == {"a": True, "b": False, "c": False, "f": True, "d": False}


def test_globals_are_what_no_local_is() -> None:
    """Reads and writes apart; _G is the same by another name."""
    scopes = scopes_of(
        "x = y; function f() z = 1 end; _G.g = _G.h; _ENV['e'] = 1; local _G = {}; _G.l = 1"
    )
    assert writes(scopes) == ["x", "f", "z", "g", "e"]
    assert [name for name in reads(scopes) if name not in ("_G", "_ENV")] == ["y", "h"]
    assert [use.is_declared for use in scopes.writes] == [False, False, False, True, True]


def test_the_function_that_writes_is_known() -> None:
    """For assignments in a function are accidents, those of the main chunk perhaps not."""
    scopes = scopes_of("a = 1; local function f() b = 1 end")
    first, second = scopes.writes
    assert first.owner.name == "main chunk" and second.owner.name == "f"


def test_env_of_its_own_has_no_globals() -> None:
    """Names are then fields of that table (manual, 2.2)."""
    scopes = scopes_of("local _ENV = { }; x = y")
    assert not writes(scopes) and not reads(scopes)
    scopes = scopes_of("local function f(_ENV) x = y end; z = 1")
    assert writes(scopes) == ["z"] and not reads(scopes)


def test_declared_globals_of_lua_55() -> None:
    """They are meant, and hide a local of the name."""
    scopes = scopes_of("local x = 1; do global x, y = 2; x = 3; print(y) end x = 4")
    assert [use.is_declared for use in scopes.writes] == [True, True, True]
    assert len(named(scopes, "x")[0].writes) == 1
    assert writes(scopes_of("global function f() end")) == ["f"]


def test_attributes() -> None:
    """const and close are kept."""
    scopes = scopes_of("local a <const>, b <close>, c = 1, nil, 2")
    assert [one.attribute for one in scopes.variables] == ["const", "close", None]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("goto a; ::a::", True),
        ("while x do goto continue; ::continue:: end", True),
        ("do goto a end ::a::", True),
        ("goto a; do ::a:: end", False),
        ("local function f() goto a end ::a::", False),
    ],
)
def test_labels_are_of_the_block_and_of_those_around_it(text: str, found: bool) -> None:
    """But not of inner blocks, nor across functions (manual, 3.3.4)."""
    (label,) = scopes_of(text).labels.values()
    assert (label is not None) is found


def test_methods_have_self() -> None:
    """As a parameter; a function with a dot has none."""
    assert not reads(scopes_of("local t = {}; function t:m() return self end"))
    assert reads(scopes_of("local t = {}; function t.m() return self end")) == ["self"]


def test_arguments_of_a_function_shadow() -> None:
    """The innermost counts."""
    scopes = scopes_of("local a = 1; local function f(a) return function() return a end end")
    outer, inner = named(scopes, "a")
    assert not outer.reads and len(inner.reads) == 1 and inner.is_upvalue
