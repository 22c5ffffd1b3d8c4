"""A Markdown page, as far as tests look into it: fenced blocks, tables, links, anchors."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        words: of its opening line; the first one names the language.
        line: of the page, from 1.
    """

    words: tuple[str, ...]
    text: str
    line: int


class Page:
    """A document of the checkout, by its path there."""

    def __init__(self, path: str) -> None:
        self.path = CHECKOUT / path
        self.text = self.path.read_text()

    def blocks(self) -> list[Block]:
        """Return the fenced blocks in their order."""
        return [
            Block(tuple(match[1].split()), match[2], self.text.count("\n", 0, match.start()) + 1)
            for match in FENCE.finditer(self.text)
        ]

    def prose(self) -> str:
        """Return the page without its fenced blocks."""
        return FENCE.sub("", self.text)

    def table(self, header: str) -> list[list[str]]:
        """Return the rows, as cells, of the tables whose first column is called ``header``."""
        rows: list[list[str]] = []
        inside = False
        for line in self.prose().splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            if not line.startswith("|"):
                inside = False
            elif inside:
                rows.append(cells)
            elif cells[0] == header:
                inside = True
        return [row for row in rows if not set(row[0]) <= set("-: |")]

    def links(self) -> list[str]:
        """Return the targets of all links."""
        return LINK.findall(self.prose())

    def anchors(self) -> set[str]:
        """Return what links into this page may name, as GitHub makes it of the headings."""
        headings = HEADING.findall(self.prose())
        return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings}


def code(cell: str) -> list[str]:
    """Return what stands in backquotes in a table's cell."""
    return re.findall(r"`([^`]+)`", cell)
