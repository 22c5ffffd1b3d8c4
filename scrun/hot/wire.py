"""Messages between a client and an anchor: a definite-length subset of CBOR (RFC 8949).

None, bool, int (64 bits), float, bytes, str, list, tuple (as a list) and dict. Text may hold file
names that are not UTF-8, as Python decodes them (surrogateescape), and returns them unchanged.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_DEPTH = 64


def dumps(value: object) -> bytes:
    """Return ``value`` encoded; ValueError when it has a type, size or depth not in the subset."""
    parts: list[bytes] = []
    _encode(value, parts, MAX_DEPTH)
    return b"".join(parts)


def loads(data: bytes) -> "Any":
    """Return the one value that ``data`` holds; ValueError for anything else."""
    try:
        value, end = _decode(data, 0, MAX_DEPTH)
    except IndexError:
        raise ValueError("wire: message is cut short") from None
    if end != len(data):
        raise ValueError("wire: bytes follow the message")
    return value


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes((major << 5 | number,))
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes((major << 5 | info,)) + number.to_bytes(size, "big")
    raise ValueError("wire: number needs more than 64 bits")


def _encode(value: object, parts: list[bytes], depth: int) -> None:
    if depth < 0:
        raise ValueError("wire: nested too deeply")
    if value is None:
        parts.append(b"\xf6")
    elif value is True:
        parts.append(b"\xf5")
    elif value is False:
        parts.append(b"\xf4")
    elif isinstance(value, str):
        text = value.encode("utf-8", "surrogateescape")
        parts += (_head(3, len(text)), text)
    elif isinstance(value, int):
        parts.append(_head(0, value) if value >= 0 else _head(1, -1 - value))
    elif isinstance(value, bytes):
        parts += (_head(2, len(value)), value)
    elif isinstance(value, (list, tuple)):
        parts.append(_head(4, len(value)))
        for item in value:
            _encode(item, parts, depth - 1)
    elif isinstance(value, dict):
        parts.append(_head(5, len(value)))
        for key, item in value.items():
            _encode(key, parts, depth - 1)
            _encode(item, parts, depth - 1)
    elif isinstance(value, float):
        from _struct import pack  # rare: no message of a hot verb has one

        parts.append(pack(">Bd", 0xFB, value))
    else:
        raise ValueError(f"wire: cannot send {type(value).__name__}")


def _decode(data: bytes, at: int, depth: int) -> "tuple[Any, int]":
    if depth < 0:
        raise ValueError("wire: nested too deeply")
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        return _decode_simple(data, at, info)
    if info < 24:
        number = info
    elif info < 28:
        size = 1 << info - 24
        if at + size > len(data):
            raise IndexError
        number = int.from_bytes(data[at : at + size], "big")
        at += size
    else:
        raise ValueError("wire: indefinite length")
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if number > len(data) - at:  # every item takes a byte: refuse before making a long list
        raise IndexError
    if major in (2, 3):
        end = at + number
        raw = data[at:end]
        return (raw if major == 2 else raw.decode("utf-8", "surrogateescape")), end
    if major == 4:
        items = []
        for _ in range(number):
            item, at = _decode(data, at, depth - 1)
            items.append(item)
        return items, at
    if major == 5:
        pairs = {}
        for _ in range(number):
            key, at = _decode(data, at, depth - 1)
            if isinstance(key, (list, dict)):
                raise ValueError("wire: a map key is a list or a map")
            pairs[key], at = _decode(data, at, depth - 1)
        return pairs, at
    raise ValueError("wire: tagged value")


def _decode_simple(data: bytes, at: int, info: int) -> "tuple[Any, int]":
    if info == 20:
        return False, at
    if info == 21:
        return True, at
    if info == 22:
        return None, at
    if info == 27:
        if at + 8 > len(data):
            raise IndexError
        from _struct import unpack  # rare, see _encode

        return unpack(">d", data[at : at + 8])[0], at + 8
    raise ValueError("wire: simple value outside the subset")
