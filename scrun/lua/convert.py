"""Python data as the flat list of scalars that crosses the border (see border.lua), and back.

dict <-> object, list and tuple <-> array, None <-> null, bool, int, float. Lua strings arrive as
bytes, keys of objects as str; both Python's str and bytes become Lua strings. Bytes that are no
UTF-8 survive in str by ``surrogateescape``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

NULL, TRUE, FALSE, ARRAY, OBJECT, LIVE = range(6)
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1


def to_bytes(text: str | bytes) -> bytes:
    """A Lua string. Lone surrogates that name no byte are kept in their three-byte form."""
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def to_text(value: bytes) -> str:
    """Inverse of ``to_bytes``: never fails."""
    return value.decode("utf-8", "surrogateescape")


def scalar(value: Any) -> Any:
    """What lupa may push for a plain value; TypeError for all others (they would be wrapped).

    Integers beyond 64 bits become floats, as every Lua number was before 5.3.
    """
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if kind is bytes or kind is float:
        return value
    if isinstance(value, str):
        return to_bytes(value)
    if isinstance(value, int):
        number = int(value)
        return number if _INT_MIN <= number <= _INT_MAX else float(number)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, float):
        return float(value)
    raise TypeError(f"a {kind.__name__} is no data for Lua")


def flatten(value: Any, out: list[Any], is_live: Callable[[Any], bool]) -> None:
    """Append ``value`` to ``out``; ``is_live`` tells Lua objects, which pass as they are."""
    if value is None:
        out += (False, NULL)
    elif value is True:
        out += (False, TRUE)
    elif value is False:
        out += (False, FALSE)
    elif isinstance(value, dict):
        out += (False, OBJECT, len(value))
        for key, item in value.items():
            key = scalar(key)
            if key is None or isinstance(key, bool):
                raise TypeError(f"{key!r} is no key for a Lua table")
            out.append(key)
            flatten(item, out, is_live)
    elif isinstance(value, (list, tuple)):
        out += (False, ARRAY, len(value))
        for item in value:
            flatten(item, out, is_live)
    elif is_live(value):
        out += (False, LIVE, value)
    else:
        out.append(scalar(value))


def unflatten(values: Iterator[Any], text: bool = False) -> Any:
    """Read one value; ``text``: strings become str instead of bytes."""
    value = next(values)
    if value is not False:
        return to_text(value) if text and type(value) is bytes else value
    kind = next(values)
    if kind == OBJECT:
        result = {}
        for _ in range(next(values)):
            key = next(values)
            result[to_text(key) if type(key) is bytes else key] = unflatten(values, text)
        return result
    if kind == ARRAY:
        return [unflatten(values, text) for _ in range(next(values))]
    if kind == LIVE:
        return next(values)
    return None if kind == NULL else kind == TRUE
