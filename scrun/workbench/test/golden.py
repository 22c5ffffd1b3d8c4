"""Golden files: what a value was when somebody looked at it and found it right."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DIRECTORY = "golden"
Verdict = tuple[bool, str, str | None, str | None]
"""Whether it is the same, what to say if not, and both texts where they differ."""


def compare(spec: str, name: str, value: Any, replace: Mapping[str, str], update: bool) -> Verdict:
    """Compare a value with the golden file of its name, or write that.

    Args:
        spec: path of the spec file; the golden files are beside it.
        name: a file name; without a suffix ``.json`` is added, or ``.txt`` for a text.
        value: data; texts are kept as they are, all else as JSON with sorted keys.
        replace: texts that differ from run to run, and what stands for them.
    """
    suffix = "" if "." in os.path.basename(name) else ".txt" if _is_text(value) else ".json"
    path = os.path.join(os.path.dirname(spec), DIRECTORY, name + suffix)
    actual = _render(value)
    for text, placeholder in replace.items():
        actual = actual.replace(text, placeholder)
    if update:
        if _read(path) != actual:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                file.write(actual)
        return True, f"{path} was written", None, None
    expected = _read(path)
    if expected is None:
        return False, f"there is no {path} yet: --update writes it", None, None
    if expected == actual:
        return True, f"it is what {path} has", None, None
    return False, f"it is not what {path} has (--update writes it anew)", expected, actual


def _is_text(value: Any) -> bool:
    return isinstance(value, (bytes, str))


def _render(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return value
    text = json.dumps(_data(value), indent=2, sort_keys=True, ensure_ascii=False)
    return text + "\n"


def _data(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, dict):
        return {str(_data(key)): _data(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_data(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # dialects differ in whether they know of it
    return value


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
