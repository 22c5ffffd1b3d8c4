"""Node lists that people give, such as ``n[1-3,7],gpu01``. Source: scontrol(1), "hostnames"."""

from __future__ import annotations

import re

from scrun.cluster.host_list import expand_hosts
from scrun.errors import UsageError

MOST_NODES = 65536
_RANGES = r"\[\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*\]"
_NAME = rf"(?:[^,\[\]]|{_RANGES})+"
_LIST = re.compile(rf"{_NAME}(?:,{_NAME})*")


def expand_nodes(text: str) -> list[str]:
    """Return the names in a node list, in its order; numbers keep their leading zeros.

    Raises:
        UsageError: it is none, or has more than `MOST_NODES` names.
    """
    if not _LIST.fullmatch(text):
        raise UsageError(f"node list {text}: expected names such as n1 or n[1-3,7]")
    most = 0
    for name in re.findall(_NAME, text):
        count = 1
        for ranges in re.findall(_RANGES, name):
            count *= sum(_count(piece, text) for piece in ranges[1:-1].split(","))
        most += count
    if most > MOST_NODES:
        raise UsageError(f"node list {text}: more than {MOST_NODES} nodes")
    return expand_hosts(text)


def _count(piece: str, whole: str) -> int:
    first, _, last = piece.partition("-")
    if int(last or first) < int(first):
        raise UsageError(f"node list {whole}: {piece} is no range of numbers")
    return int(last or first) - int(first) + 1
