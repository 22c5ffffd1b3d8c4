"""The text of a string.format: its literal pieces and its conversions."""

from __future__ import annotations

from dataclasses import dataclass

FLAGS = b"-+ #0123456789."


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion such as ``%5.2f``; ``letter`` is empty at the end of the text."""

    spec: str
    letter: str


def read_format(text: bytes) -> list[bytes | Conversion]:
    """Return the pieces of a format in their order; ``%%`` is text."""
    pieces: list[bytes | Conversion] = []
    literal = b""
    at = 0
    while at < len(text):
        percent = text.find(b"%", at)
        if percent < 0:
            literal += text[at:]
            break
        literal += text[at:percent]
        end = percent + 1
        while end < len(text) and text[end] in FLAGS:
            end += 1
        letter = text[end : end + 1]
        at = end + 1
        if text[percent : percent + 2] == b"%%":
            literal += b"%"
            at = percent + 2
            continue
        if literal:
            pieces.append(literal)
            literal = b""
        spec = text[percent : end + 1].decode("latin-1")
        pieces.append(Conversion(spec, letter.decode("latin-1")))
    if literal:
        pieces.append(literal)
    return pieces


def conversions(text: bytes) -> list[Conversion]:
    """Return the conversions of a format."""
    return [piece for piece in read_format(text) if isinstance(piece, Conversion)]
