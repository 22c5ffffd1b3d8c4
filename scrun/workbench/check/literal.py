"""The values of Lua's literals: strings with their escapes, and numbers."""

from __future__ import annotations

ESCAPES = {
    **{b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"},
    **{b"\\": b"\\", b'"': b'"', b"'": b"'", b"\n": b"\n", b"\r": b"\n"},
}
DIGITS = b"0123456789"
SPACES = b" \t\n\r\v\f"
SUFFIXES = ("ull", "ll", "i")  # luajit's


def read_string(source: bytes) -> bytes:
    """Return the value of a string as it stands in a source, quotes and all."""
    if source[:1] == b"[":
        opening = source.find(b"[", 1) + 1
        text = source[opening : len(source) - opening]
        for line_end in (b"\r\n", b"\n\r", b"\n", b"\r"):
            if text.startswith(line_end):
                return text[len(line_end) :]
        return text
    text = source[1:-1]
    if b"\\" not in text:
        return text
    parts: list[bytes] = []
    at = 0
    while True:
        backslash = text.find(b"\\", at)
        if backslash < 0:
            return b"".join([*parts, text[at:]])
        parts.append(text[at:backslash])
        value, at = _read_escape(text, backslash + 1)
        parts.append(value)


def escapes_of(source: bytes) -> list[tuple[int, str]]:
    """Return the letters after a string's backslashes, with their offsets in ``source``."""
    found: list[tuple[int, str]] = []
    if source[:1] == b"[":
        return found
    at = source.find(b"\\")
    while 0 <= at < len(source) - 1:
        found.append((at, chr(source[at + 1])))
        at = source.find(b"\\", at + 2)
    return found


def _read_escape(text: bytes, at: int) -> tuple[bytes, int]:
    """Return the value of the escape whose first letter is at ``at``, and where it ends."""
    letter = text[at : at + 1]
    if letter == b"z":
        at += 1
        while at < len(text) and text[at] in SPACES:
            at += 1
        return b"", at
    if letter == b"x":
        try:
            return bytes([int(text[at + 1 : at + 3], 16)]), at + 3
        except ValueError:
            return letter, at + 1
    if letter == b"u" and text[at + 1 : at + 2] == b"{":
        end = text.find(b"}", at)
        try:
            return chr(int(text[at + 2 : end], 16)).encode("utf-8", "surrogatepass"), end + 1
        except (ValueError, OverflowError):
            return letter, at + 1
    if letter and letter in DIGITS:
        end = at
        while end < min(at + 3, len(text)) and text[end] in DIGITS:
            end += 1
        return bytes([min(int(text[at:end]), 255)]), end
    if text[at : at + 2] in (b"\r\n", b"\n\r"):
        return b"\n", at + 2
    return ESCAPES.get(letter, letter), at + 1


def read_number(source: str) -> int | float | None:
    """Return the value of a number; None for what only luajit knows."""
    text = source.lower()
    for suffix in SUFFIXES:
        if text.endswith(suffix):
            return _read_int(text.removesuffix(suffix)) if suffix != "i" else None
    if text.startswith("0x"):
        if "." in text or "p" in text:
            try:
                return float.fromhex(text)
            except (ValueError, OverflowError):
                return None
        return _read_int(text)
    if text.isdecimal():
        return _read_int(text)
    try:
        return float(text)
    except ValueError:
        return None


def _read_int(text: str) -> int | None:
    try:
        return int(text, 16) if text.startswith("0x") else int(text)
    except ValueError:  # also: more digits than Python likes
        return None
