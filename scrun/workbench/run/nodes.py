"""Node lists as Slurm writes them: ``n[1-3,7],gpu01``. Source: scontrol(1), "hostnames"."""

from __future__ import annotations

import re

from scrun.errors import UsageError

MOST_NODES = 65536
_PARTS = re.compile(r"[^,\[\]]*(?:\[[^\[\]]*\][^,\[\]]*)*")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def expand_nodes(text: str) -> list[str]:
    """Return the names in a node list, in its order; numbers keep their leading zeros.

    Raises:
        UsageError: it is none, or has more than `MOST_NODES` names.
    """
    names: list[str] = []
    position = 0
    while position <= len(text):
        match = _PARTS.match(text, position)
        assert match is not None  # it matches nothing as well
        position = match.end() + 1
        if not match[0] or (match.end() < len(text) and text[match.end()] != ","):
            raise UsageError(f"node list {text}: expected names such as n1 or n[1-3,7]")
        names += _expand(match[0], text)
        if len(names) > MOST_NODES:
            raise UsageError(f"node list {text}: more than {MOST_NODES} nodes")
    return names


def _expand(part: str, whole: str) -> list[str]:
    head, bracket, rest = part.partition("[")
    if not bracket:
        return [part]
    inside, _, tail = rest.partition("]")
    tails = _expand(tail, whole) if tail else [""]
    numbers: list[str] = []
    for piece in inside.split(","):
        match = _RANGE.fullmatch(piece)
        first, last = (match[1], match[2] or match[1]) if match else ("1", "0")
        if int(first) > int(last) or int(last) - int(first) >= MOST_NODES:
            raise UsageError(f"node list {whole}: {piece} is no range of numbers")
        numbers += [f"{n:0{len(first)}}" for n in range(int(first), int(last) + 1)]
    if len(numbers) * len(tails) > MOST_NODES:
        raise UsageError(f"node list {whole}: more than {MOST_NODES} nodes")
    return [f"{head}{number}{end}" for number in numbers for end in tails]
