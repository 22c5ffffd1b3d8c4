"""Any data comes back from Lua as it went in, and through JSON as well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrun.lua import DIALECTS, Runtime

RUNTIMES = {dialect: Runtime(dialect) for dialect in ("5.1", "5.4", "luajit")}
# Lua 5.1 and luajit have doubles only.
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = NUMBERS.map(lambda n: int(n) if n == int(n) and abs(n) < 2**63 else n)
# A surrogate stands for a byte that is no UTF-8; JSON text has none.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# YAML has no surrogate pairs and no control characters, which JSON has.
YAML_TEXT = st.text("ab é:-?[]{}#,&*!|>'\"\\\n\t~01.e", max_size=20)


def data(text: Any) -> Any:
    return st.recursive(
        st.booleans() | NUMBERS | text,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=20,
    )


ROUND_TRIP = b"local json = require 'json' local v = json.decode(...) return json.encode(v)"


def exactly(value: Any) -> str:
    """Tell apart what ``==`` does not: 1 and True, {} and [], the order of keys."""
    return repr(value)


@pytest.mark.parametrize("dialect", list(RUNTIMES))
@settings(max_examples=150, deadline=None)
@given(value=data(TEXT))
def test_data_comes_back(dialect: str, value: Any) -> None:
    runtime = RUNTIMES[dialect]
    assert exactly(runtime.to_python(runtime.to_lua(value))) == exactly(value)
    runtime.add_function("", "same", lambda given: given)
    again = runtime.call(runtime.get("same"), value)[0]
    assert exactly(runtime.to_python(again)) == exactly(value)


@pytest.mark.parametrize("dialect", list(RUNTIMES))
@settings(max_examples=150, deadline=None)
@given(value=data(TEXT))
def test_json_comes_back(dialect: str, value: Any) -> None:
    text = json.dumps(value)
    back = RUNTIMES[dialect].execute(ROUND_TRIP, "t", text)
    assert exactly(json.loads(back, parse_float=whole)) == exactly(
        json.loads(text, parse_float=whole)
    )


def whole(text: str) -> float:
    """Whole numbers are written without a point, whatever they were."""
    return int(float(text)) if float(text).is_integer() else float(text)


@settings(max_examples=150, deadline=None)
@given(value=data(YAML_TEXT))
def test_yaml_reads_json(value: Any) -> None:
    """JSON is YAML: both readers agree."""
    pytest.importorskip("yaml")
    from scrun.lua.yaml_text import read_yaml

    text = json.dumps(value, ensure_ascii=False)
    assert exactly(read_yaml(text.encode())) == exactly(json.loads(text))


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_bytes_that_are_no_utf8_come_back(dialect: str) -> None:
    runtime = Runtime(dialect)
    odd = b"\x00\xff\xed\xa0\x80\x80".decode("utf-8", "surrogateescape")
    assert runtime.to_python(runtime.to_lua({odd: [odd]})) == {odd: [odd]}
    assert runtime.to_python(runtime.to_lua([odd]), text=False) == [
        odd.encode("utf-8", "surrogateescape")
    ]
    assert runtime.execute("return #...", "t", odd) == 6
