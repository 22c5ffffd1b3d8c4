"""The lines of a Lua file that have code, read from what Lua 5.4 compiles it to.

Source: lua 5.4, ldump.c and lundump.c. The debug library tells the lines of a function only when
there is one, so not those of functions that were never made.
"""

from __future__ import annotations

SIGNATURE = b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n"
SIZES = bytes((4, 8, 8))  # of an instruction, an integer and a float
NO_LINE_INFO = -128  # the line is in the list of absolute ones
_FLOAT, _INTEGER, _SHORT, _LONG = 0x13, 0x03, 0x04, 0x14


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        value = 0
        while True:
            byte = self.byte()
            value = value << 7 | byte & 0x7F
            if byte & 0x80:
                return value

    def text(self) -> None:
        size = self.number()
        self.take(size - 1 if size else 0)


def read_lines(dump: bytes) -> set[int]:
    """Return the lines that have code, of what ``string.dump`` gives.

    Raises:
        ValueError: it is not of a Lua 5.4 that we know.
    """
    reader = _Reader(dump)
    if reader.take(len(SIGNATURE)) != SIGNATURE or reader.take(len(SIZES)) != SIZES:
        raise ValueError("no bytecode of Lua 5.4")
    reader.take(16)  # samples of both kinds of numbers
    reader.byte()  # how many upvalues
    lines: set[int] = set()
    _read_function(reader, lines)
    return lines


def _read_function(reader: _Reader, lines: set[int]) -> None:
    reader.text()
    line = reader.number()
    is_main = line == 0
    reader.number()
    reader.take(3)
    reader.take(4 * reader.number())
    _skip_constants(reader)
    reader.take(3 * reader.number())
    for _ in range(reader.number()):
        _read_function(reader, lines)
    steps = reader.take(reader.number())
    absolute = {}
    for _ in range(reader.number()):
        at = reader.number()
        absolute[at] = reader.number()
    for at, byte in enumerate(steps):
        step = byte - 256 if byte > 127 else byte
        line = absolute[at] if step == NO_LINE_INFO else line + step
        # A vararg function, as a main chunk is, begins with an instruction that has no line of
        # its own.
        if not (is_main and at == 0):
            lines.add(line)
    for _ in range(reader.number()):
        reader.text()
        reader.number()
        reader.number()
    for _ in range(reader.number()):
        reader.text()


def _skip_constants(reader: _Reader) -> None:
    for _ in range(reader.number()):
        kind = reader.byte()
        if kind in (_FLOAT, _INTEGER):
            reader.take(8)
        elif kind in (_SHORT, _LONG):
            reader.text()
