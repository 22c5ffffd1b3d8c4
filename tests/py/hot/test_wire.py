"""The wire format against cbor2, and against bytes from strangers."""

from __future__ import annotations

from contextlib import suppress

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrun.hot.wire import MAX_DEPTH, dumps, loads

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)  # cbor2 writes these as half floats
    | st.binary()
    | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30
)


@given(values)
def test_what_we_write_cbor2_reads(value: object) -> None:
    assert cbor2.loads(dumps(value)) == value


@given(values)
def test_what_cbor2_writes_we_read(value: object) -> None:
    assert loads(cbor2.dumps(value)) == value


@given(values)
def test_a_value_comes_back(value: object) -> None:
    assert loads(dumps(value)) == value


@given(st.binary(max_size=64))
def test_strange_bytes_are_a_value_or_a_value_error(data: bytes) -> None:
    with suppress(ValueError):
        loads(data)


@given(values, st.data())
def test_a_message_cut_short_is_refused(value: object, data: st.DataObject) -> None:
    message = dumps(value)
    cut = data.draw(st.integers(0, len(message) - 1))
    with pytest.raises(ValueError):
        loads(message[:cut])


def test_a_file_name_that_is_not_utf8_comes_back() -> None:
    name = b"a\xffb".decode("utf-8", "surrogateescape")
    assert loads(dumps(name)) == name


def test_a_long_list_is_refused_before_it_is_made() -> None:
    with pytest.raises(ValueError, match="cut short"):
        loads(b"\x9b" + b"\x7f" * 8)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ValueError, match="deeply"):
        loads(b"\x81" * (MAX_DEPTH + 2) + b"\xf6")


@pytest.mark.parametrize("value", [object(), {1, 2}, 2**64, -(2**64) - 1])
def test_what_the_subset_lacks_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        dumps(value)
