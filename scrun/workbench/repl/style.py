"""How the prompt looks: colours on a terminal that shows them, and the width of lines."""

from __future__ import annotations

import os
import shutil
import sys

WIDTH = 100  # where there is no terminal


class Style:
    """Marks text, or leaves it as it is."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled

    def dim(self, text: str) -> str:
        """Return what is said beside the results."""
        return f"\x1b[2m{text}\x1b[0m" if self.enabled else text

    def wrong(self, text: str) -> str:
        """Return an error."""
        return f"\x1b[31m{text}\x1b[0m" if self.enabled else text


def choose_style() -> Style:
    """Return colours on a terminal, unless NO_COLOR or TERM=dumb asks for none."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return Style(enabled=sys.stdout.isatty() and sys.stderr.isatty() and not plain)


def columns() -> int:
    """Return the width of a line."""
    return shutil.get_terminal_size((WIDTH, 24)).columns
