"""JSON text to Python values and back, without importing ``json`` (8 ms of start-up).

CPython's own C scanner and encoder (``_json``) do the work; ``json`` is imported only by their
error path. Strict RFC 8259: UTF-8, no NaN or Infinity, nothing after the value. A name that
occurs twice in an object keeps its last value, as in Go and crun.
"""

from __future__ import annotations

import _json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

BLANKS = " \t\r\n"


class JSONSyntaxError(ValueError):
    """Text that is not JSON. ``line`` and ``column`` count from 1, in characters."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message
        self.line = line
        self.column = column


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"the constant {name} is not JSON")


class _Scanning:
    """What the C scanner asks its context for."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse_constant)


_CONTEXT: Any = _Scanning  # typeshed knows the scanner with a context of its own type only
_SCANNER = _json.make_scanner(_CONTEXT)


def _scan(text: str, start: int) -> tuple[Any, int]:
    """Run the C scanner. Up to Python 3.12 it only looks json.decoder's error up, to raise it."""
    try:
        return _SCANNER(text, start)
    except SystemError:
        import json.decoder  # noqa: F401 (8 ms, and only for text that is not JSON)

        return _SCANNER(text, start)


def loads(data: bytes) -> Any:
    """Decode one JSON value.

    Raises:
        JSONSyntaxError: not UTF-8, not JSON, nested too deeply, or a number too long; with
            the place.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as err:
        before = data[: err.start].decode()
        raise _error("invalid UTF-8", before, len(before)) from None
    if text[:1] == "\ufeff":
        text = text[1:]
    start = _skip_blanks(text, 0)
    try:
        value, end = _scan(text, start)
    except StopIteration as err:
        raise _error("a value is missing", text, err.value) from None
    except RecursionError:
        raise _error("nested too deeply", text, start) from None
    except ValueError as err:  # JSONDecodeError has a place; a bare ValueError is ours or int()'s
        message = getattr(err, "msg", str(err))
        place = getattr(err, "pos", start)
        if message[1:2].islower():
            message = message[0].lower() + message[1:]
        raise _error(message, text, place) from None
    end = _skip_blanks(text, end)
    if end != len(text):
        raise _error("text after the end of the value", text, end)
    return value


def dumps(value: Any, indent: int | None = None) -> str:
    """Encode a value of None, bool, int, float, str, list, tuple and dict with str keys.

    Compact without ``indent``, else one member a line as crun prints. The order of keys is kept.
    Characters stay themselves; a string that UTF-8 cannot carry (a lone surrogate, so also a
    path's odd byte) is escaped, so the text always encodes.

    Raises:
        TypeError: another type. ValueError: NaN or infinity, which JSON lacks.
    """
    step = None if indent is None else " " * indent
    return "".join(_encode(value, step, "\n"))


def _encode(value: Any, step: str | None, newline: str) -> Iterator[str]:
    if isinstance(value, str):
        yield _encode_string(value)
    elif value is None:
        yield "null"
    elif value is True:
        yield "true"
    elif value is False:
        yield "false"
    elif isinstance(value, int):
        yield int.__repr__(value)
    elif isinstance(value, float):
        if value - value != 0:
            raise ValueError(f"{value} has no JSON form")
        yield float.__repr__(value)
    elif isinstance(value, (dict, list, tuple)):
        yield from _encode_container(value, step, newline)
    else:
        raise TypeError(f"{type(value).__name__} has no JSON form")


def _encode_container(
    value: dict[str, Any] | list[Any] | tuple[Any, ...], step: str | None, newline: str
) -> Iterator[str]:
    is_object = isinstance(value, dict)
    if not value:
        yield "{}" if is_object else "[]"
        return
    inner = "" if step is None else newline + step
    opening = "{" if is_object else "["
    for item in value:
        yield opening + inner
        opening = ","
        if isinstance(value, dict):
            if not isinstance(item, str):
                raise TypeError(f"a key of type {type(item).__name__} has no JSON form")
            yield _encode_string(item) + (":" if step is None else ": ")
            item = value[item]
        yield from _encode(item, step, inner)
    yield ("" if step is None else newline) + ("}" if is_object else "]")


def _encode_string(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _json.encode_basestring_ascii(text)
    return _json.encode_basestring(text)


def _skip_blanks(text: str, index: int) -> int:
    length = len(text)
    while index < length and text[index] in BLANKS:
        index += 1
    return index


def _error(message: str, text: str, index: int) -> JSONSyntaxError:
    line = text.count("\n", 0, index) + 1
    return JSONSyntaxError(message, line, index - text.rfind("\n", 0, index))
