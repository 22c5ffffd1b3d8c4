"""JSON without ``json``: the same values and refusals, and the place of an error."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrun.oci.jsontext import JSONSyntaxError, dumps, loads

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30
)


@given(values)
def test_text_reads_back_as_the_value(value: Any) -> None:
    for indent in (None, 2):
        text = dumps(value, indent)
        assert loads(text.encode()) == value
        assert json.loads(text) == value


@given(values, st.sampled_from([None, 1, 4]))
def test_json_writes_the_same(value: Any, indent: int | None) -> None:
    separators = (",", ":") if indent is None else (",", ": ")
    expected = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)
    assert dumps(value, indent) == expected


@given(
    st.binary(max_size=40) | st.text(alphabet='{}[]",:0123456789.eE+-truefalsnu \n\\', max_size=20)
)
def test_what_json_refuses_is_refused(data: bytes | str) -> None:
    raw = data.encode() if isinstance(data, str) else data
    try:
        expected = json.loads(raw.decode())
    except ValueError:
        with pytest.raises(JSONSyntaxError):
            loads(raw)
    else:
        assert loads(raw) == expected


@pytest.mark.parametrize(
    ("data", "line", "column", "words"),
    [
        (b"", 1, 1, "value is missing"),
        (b'{\n  "a": 1,\n  "b" 2\n}', 3, 7, "':' delimiter"),
        (b'{"a": 1}\nx', 2, 1, "after the end"),
        (b'{"a": }', 1, 7, "value is missing"),
        (b'\n"\xff"', 2, 2, "UTF-8"),
        (b'{"a": NaN}', 1, 1, "NaN"),
        (b"[" * 200_000, 1, 1, "too deeply"),
        (b"1" * 5000, 1, 1, "4300"),
        (b'"a\nb"', 1, 3, "control character"),
    ],
)
def test_an_error_has_its_place(data: bytes, line: int, column: int, words: str) -> None:
    with pytest.raises(JSONSyntaxError) as caught:
        loads(data)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in str(caught.value)


def test_order_and_emptiness_survive() -> None:
    text = '{"z":[],"a":{},"m":null,"i":18446744073709551615}'
    assert dumps(loads(text.encode())) == text


def test_a_byte_order_mark_is_skipped() -> None:
    assert loads(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_odd_path_bytes_always_encode() -> None:
    """A path's undecodable byte is a lone surrogate in Python; UTF-8 has none."""
    text = dumps({"bundle": b"/tmp/\xff\xc3\xa9".decode(errors="surrogateescape")})
    assert text.encode() == b'{"bundle":"/tmp/\\udcff\\u00e9"}'


@pytest.mark.parametrize("value", [{1: 2}, {"a": b"x"}, [object()], {"a": {1, 2}}])
def test_values_json_lacks_are_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        dumps(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_json_lacks_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="no JSON form"):
        dumps([value])


def test_the_layer_loads_nothing_heavy() -> None:
    """Start-up: `create` imports all of this; each of these modules costs 2 to 15 ms."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import scrun.oci.config, scrun.oci.ids, scrun.oci.state, scrun.oci.signals\n"
        "import scrun.oci.oci_conf, scrun.oci.commands, scrun.oci.jsontext\n"
        "scrun.oci.jsontext.loads(b'[1.5, {}]')\n"
        "scrun.oci.signals.parse_signal('TERM')\n"
        "heavy = {'os', 're', 'json', 'enum', 'typing', 'signal', 'pathlib', 'subprocess',\n"
        "         'dataclasses', 'functools', 'datetime', 'collections', 'stat'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    root = __file__.rsplit("/tests/", 1)[0]
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, root], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []


def test_a_mistake_is_placed_in_a_process_that_never_loaded_json() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from scrun.oci.jsontext import JSONSyntaxError, loads\n"
        "try: loads(b'[1,\\n \"a\\nb\"]')\n"
        "except JSONSyntaxError as err: print(err.line)"
    )
    root = __file__.rsplit("/tests/", 1)[0]
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, root], capture_output=True, text=True, check=True
    )
    assert result.stdout == "2\n"
