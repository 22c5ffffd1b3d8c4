"""Slurm's errors by number: their names, and what its commands say of them."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import scrun.lua

_FIRST_OF_SLURM = 1000
_UNSPECIFIED = -1


@cache
def _texts() -> Mapping[int, tuple[str, str]]:
    numbers = dict(
        re.findall(
            r"(\w+)=(-?\d+)",
            Path(scrun.lua.__file__).with_name("constants.txt").read_text(encoding="utf-8"),
        )
    )
    texts: dict[int, tuple[str, str]] = {}
    path = Path(__file__).with_name("errors.txt")
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, text = line.partition(" ")
        if name in numbers:
            texts.setdefault(int(numbers[name]), (name, text))
    return texts


def error_name(number: int) -> str | None:
    """Return the name of an error, of Slurm or of the system; None: it has none."""
    if number == _UNSPECIFIED:
        return "ERROR"  # as scripts know it: slurm.ERROR
    found = _texts().get(number)
    return found[0] if found else errno.errorcode.get(number)


def error_text(number: int) -> str:
    """Return what slurm_strerror() says."""
    found = _texts().get(number)
    return found[1] if found else os.strerror(number)
