"""Syntax, as the interpreters of the dialects see it, and what only looks the same in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scrun.errors import ScriptError
from scrun.lua.engines import DIALECTS
from scrun.lua.runtime import Runtime
from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.literal import escapes_of
from scrun.workbench.check.script import Script
from scrun.workbench.check.source import Place, Source

SYNTAX = Rule(
    "syntax",
    "error",
    "The interpreter of the dialect cannot read the file.",
    "Nothing of the file runs before this is right",
    "local x = = 1",
)
ESCAPE = Rule(
    "dialect-escape",
    "warning",
    "An escape in a string means another thing in Lua 5.1: there `\\x41` is `x41`.",
    "Write the byte in decimal, such as \\065, which all dialects read alike",
    "-- with --lua 5.1\nlocal x = '\\x41'",
)
UNREADABLE = Rule(
    "unreadable",
    "error",
    "The file is too long to be a script.",
    "Is this the right file?",
)
PARSER = Rule(
    "parser",
    "note",
    "The interpreter takes the file, but the parser of the rules does not: only the syntax counts.",
    "Write it in the common way, or take this for a limit of the check",
)
RULES = (SYNTAX, ESCAPE, UNREADABLE, PARSER)

NEWER_ESCAPES = {"x": "hexadecimal", "z": "skipping white space", "u": "UTF-8"}
CHUNK = "chunk"


def check_syntax(source: Source, dialects: Iterable[str], bad: list[int]) -> Iterator[Finding]:
    """Yield the complaint of each dialect; equal ones are one finding.

    Args:
        bad: where our own parser stumbled: a column for the message, which has none.
    """
    complaints: dict[tuple[int, str], list[str]] = {}
    for dialect in dialects:
        complaint = read_complaint(source, dialect)
        if complaint is not None:
            complaints.setdefault(complaint, []).append(dialect)
    for (line, text), names in complaints.items():
        which = "every dialect" if len(names) == len(DIALECTS) else f"Lua {', '.join(names)}"
        yield Finding(
            source.path,
            _place(source, line, text, bad),
            SYNTAX.name,
            SYNTAX.severity,
            f"{text} ({which})",
            SYNTAX.advice,
        )


def read_complaint(source: Source, dialect: str) -> tuple[int, str] | None:
    """Return line and message of what a dialect's interpreter has against a text; None: nothing."""
    try:
        Runtime(dialect).load(source.data, CHUNK)
    except ScriptError as err:
        number, _, text = err.message.removeprefix(f"{CHUNK}:").partition(":")
        if number.isdecimal():
            return min(int(number), source.line_count), text.strip()
        return 1, err.message.removeprefix(f"{CHUNK}:").strip()
    return None


def _place(source: Source, line: int, text: str, bad: list[int]) -> Place:
    start = source.line_start(line)
    end = start + len(source.line_bytes(line))
    near = text.rpartition(" near ")[2].strip("'").encode()
    inside = [offset for offset in bad if start <= offset <= end]
    found = _find_all(source.data, near, start, end) if near and near != text.encode() else []
    if found:  # the message names the token, not its column
        at = min(found, key=lambda one: abs(one - inside[0])) if inside else found[0]
        return source.place(at, at + len(near))
    if inside:
        return source.place(inside[0], max(inside[0], end))
    first = start + len(source.line_bytes(line)) - len(source.line_bytes(line).lstrip())
    return source.place(first, end)


def _find_all(data: bytes, wanted: bytes, start: int, end: int) -> list[int]:
    found = []
    at = data.find(wanted, start, end)
    while at >= 0:
        found.append(at)
        at = data.find(wanted, at + 1, end)
    return found


def check_escapes(script: Script, _kinds: Kinds) -> Iterator[Finding]:
    """Yield the escapes that Lua 5.1 takes for plain letters."""
    if script.dialect != "5.1":
        return
    for node in script.nodes:
        if not isinstance(node, n.String):
            continue
        for at, letter in escapes_of(script.source.data[node.start : node.end]):
            if letter in NEWER_ESCAPES:
                place = n.Nil(node.start + at, node.start + at + 2)
                what = NEWER_ESCAPES[letter]
                message = f"Lua 5.1 knows no \\{letter} ({what}): it reads a plain {letter}"
                yield script.finding(ESCAPE, place, message)
