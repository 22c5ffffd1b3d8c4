"""Host lists as Slurm writes them: ``n[1-3,7],gpu01``. Source: scontrol(1), "hostnames"."""

from __future__ import annotations


def expand_hosts(text: str) -> list[str]:
    """Return the names in a host list, in its order; numbers keep their leading zeros.

    What is no host list is its own name.
    """
    names: list[str] = []
    for part in _split(text):
        names += _expand(part)
    return names


def _split(text: str) -> list[str]:
    """Split at the commas that are outside of brackets."""
    parts, depth, part = [], 0, ""
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += letter
    return [one for one in (*parts, part) if one]


def _expand(part: str) -> list[str]:
    head, opened, rest = part.partition("[")
    inside, closed, tail = rest.partition("]")
    if not opened or not closed:
        return [part]
    numbers: list[str] = []
    for piece in inside.split(","):
        first, dash, last = piece.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            return [part]
        span = range(int(first), int(last or first) + 1)
        numbers += [str(number).zfill(len(first)) for number in span]
    tails = _expand(tail) if tail else [""]
    return [f"{head}{number}{end}" for number in numbers for end in tails]
