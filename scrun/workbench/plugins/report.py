"""A result as a person or a machine reads it."""

from __future__ import annotations

from typing import Any

from scrun.log import ERROR, INFO
from scrun.lua.plugin_fields import read_fields
from scrun.workbench.plugins.result import Change, Result

_WIDTH = 40  # of a value; longer ones are cut


def render_text(result: Result, *, log_level: int | None = None) -> str:
    """Return lines for a terminal, the verdict last.

    Args:
        log_level: the highest level of the log to show; None: info and verbose lines too.
    """
    blocks = [_changes(result.changes, result.script_type)]
    log = [line for line in result.log if log_level is None or line.level <= log_level]
    if result.script_type == "cli_filter":  # whose log is what the person sees
        log = [line for line in log if line.level not in (ERROR, INFO)]
    lines = [str(line) for line in log]
    for title, texts in (("log", lines), ("shown", result.shown), ("note", result.notes)):
        blocks.append("".join(f"{title}: {line}\n" for text in texts for line in text.split("\n")))
    if len(result.returned) > 1 and result.returned[1]:
        blocks.append(f"returned: {result.returned[1]}\n")
    blocks.append(f"{result.function}: {result.verdict}\n")
    return "".join(block for block in blocks if block).rstrip("\n")


def document(result: Result) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    verdict = result.verdict
    return {
        "script": result.script,
        "type": result.script_type,
        "function": result.function,
        "slurm_version": result.version,
        "lua": result.dialect,
        "verdict": {
            "accepted": verdict.accepted,
            "number": verdict.number,
            "name": verdict.name,
            "text": verdict.text,
        },
        "changes": [
            {"field": one.field, "before": one.before, "after": one.after, "place": one.place}
            for one in result.changes
        ],
        "user_messages": result.messages,
        "shown": result.shown,
        "log": [{"level": line.level, "text": line.text} for line in result.log],
        "returned": result.returned,
        "notes": result.notes,
        "error": None if result.error is None else str(result.error),
    }


def _changes(changes: list[Change], script_type: str) -> str:
    if not changes:
        return ""
    rows = [("field", "before", "after", "")]
    for one in changes:
        before = show_value(one.field, one.before, script_type)
        after = show_value(one.field, one.after, script_type)
        rows.append((one.field, before, after, _short(one.place)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "".join(
        "  ".join([*(row[i].ljust(widths[i]) for i in range(3)), row[3]]).rstrip() + "\n"
        for row in rows
    )


def show_value(field: str, value: Any, script_type: str) -> str:
    """Return a value for a table: NO_VAL and INFINITE by their names, texts cut to one line."""
    if value is None:
        return "nil"
    if isinstance(value, str):
        text = value.replace("\n", "\\n")
        return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
    if script_type == "job_submit" and isinstance(value, int) and not isinstance(value, bool):
        known = read_fields()["job_desc"].get(field)
        bits = known.bits if known is not None else 0
        suffix = {8: "8", 16: "16", 64: "64"}.get(bits, "")
        if bits and value == (1 << bits) - 2:
            return f"NO_VAL{suffix}"
        if bits in (32, 64) and value == (1 << bits) - 1:
            return f"INFINITE{suffix}"
    return str(value)


def _short(place: str) -> str:
    return place.rpartition("/")[2]
