"""A source text as the parser and the messages need it: bytes, lines, places, comments."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: lines and columns count from 1, columns in characters."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment: its text without dashes and brackets, and the lines it is on.

    ``is_alone``: nothing else stands on its first line before it.
    """

    text: str
    start: int
    line: int
    end_line: int
    is_alone: bool


class Source:
    """The text of one file.

    Args:
        data: as read. A byte order mark is dropped, and a first line that begins with ``#`` (as
            Lua skips it) is blanked.
        path: as messages name it.
    """

    def __init__(self, data: bytes, path: str) -> None:
        self.path = path
        data = data.removeprefix(BOM)
        if data.startswith(b"#"):
            end = data.find(b"\n")
            end = len(data) if end < 0 else end
            data = b" " * end + data[end:]
        self.data = data
        parsable = data if _is_utf8(data) else data.translate(_ASCII)
        # The grammar does not know a line that goes on across \r\n. Offsets stay the same.
        self.parsable = parsable.replace(b"\\\r\n", b"\\\n ")
        self._lines = [0]
        at = data.find(b"\n")
        while at >= 0:
            self._lines.append(at + 1)
            at = data.find(b"\n", at + 1)

    @property
    def line_count(self) -> int:
        """The number of lines."""
        return len(self._lines)

    def line_of(self, offset: int) -> int:
        """Return the line of a byte, from 1 on."""
        return bisect_right(self._lines, offset)

    def line_start(self, line: int) -> int:
        """Return the offset of a line's first byte; past the last one, the end."""
        return self._lines[line - 1] if line <= len(self._lines) else len(self.data)

    def line_bytes(self, line: int) -> bytes:
        """Return a line without its end."""
        return self.data[self.line_start(line) : self.line_start(line + 1)].rstrip(b"\r\n")

    def place(self, start: int, end: int) -> Place:
        """Return the place of a range of bytes."""
        first, last = self.line_of(start), self.line_of(end)
        return Place(first, self._column(first, start), last, self._column(last, end))

    def text(self, start: int, end: int) -> str:
        """Return a range as text; what is no UTF-8 shows as escapes."""
        return self.data[start:end].decode("utf-8", "backslashreplace")

    def _column(self, line: int, offset: int) -> int:
        before = self.data[self._lines[line - 1] : offset]
        return len(before.decode("utf-8", "replace")) + 1


_ASCII = bytes(range(128)) + b"x" * 128  # a letter: luajit has such bytes in names


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
