"""What a script made of a config.json, as a unified diff that shows meaning and not layout."""

from __future__ import annotations

import difflib
from typing import Any

from scrun.oci import jsontext

_NAMES = ("destination", "type", "path", "containerID", "names")  # by what list items are known


def diff_configs(before: bytes, after: bytes, before_name: str, after_name: str) -> list[str]:
    """Return the lines of the diff of two config.json; none when they mean the same.

    Both are printed alike, one member a line, the keys of the new one in the old one's order.

    Raises:
        JSONSyntaxError: one is no JSON.
    """
    old = jsontext.loads(before)
    new = align(jsontext.loads(after), old)
    if old == new:
        return []
    return diff_lines(
        jsontext.dumps(old, indent=2), jsontext.dumps(new, indent=2), before_name, after_name
    )


def diff_lines(before: str, after: str, before_name: str, after_name: str) -> list[str]:
    """Return the unified diff of two texts, without line ends."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), before_name, after_name, lineterm=""
    )
    return list(lines)


def align(new: Any, old: Any) -> Any:
    """Return ``new`` with the keys of its objects in the order that ``old`` has them."""
    if isinstance(new, dict) and isinstance(old, dict):
        keys = [key for key in old if key in new] + [key for key in new if key not in old]
        return {key: align(new[key], old.get(key)) for key in keys}
    if isinstance(new, list) and isinstance(old, list):
        return [align(item, _counterpart(item, index, old)) for index, item in enumerate(new)]
    return new


def _counterpart(item: Any, index: int, old: list[Any]) -> Any:
    """Return what an item of a list was before."""
    if not isinstance(item, dict):
        return None
    if item in old:
        return old[old.index(item)]
    for name in _NAMES:
        for candidate in old if name in item else ():
            if isinstance(candidate, dict) and candidate.get(name) == item[name]:
                return candidate
    return old[index] if index < len(old) else None
