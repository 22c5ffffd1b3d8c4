"""What Tab offers: names of the live state, commands of the prompt, files, names to get help on."""

from __future__ import annotations

import os
import re

from scrun.lua.engines import DIALECTS
from scrun.workbench.catalog import load as load_catalog
from scrun.workbench.repl.session import Key, Session

KEYWORDS = (
    *("and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in"),
    *("local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while"),
)
WITHOUT_GOTO = DIALECTS[0]
# A path of names and literal keys, up to the "." or ":" before the word: `a.b["c"][1].`
STEP = r"""[A-Za-z_]\w*|\[\s*(?:\d+|"[^"\\]*"|'[^'\\]*')\s*\]"""
PATH = re.compile(rf"(?:^|[^\w.:\])])([A-Za-z_]\w*(?:\s*(?:\.\s*(?:{STEP})|{STEP}))*)\s*([.:])\s*$")
STEPS = re.compile(STEP)
HELP = re.compile(r"\s*(?:\?|:h\w*\s|help\s*\()\s*([\w.:]*)$")
COMMAND = re.compile(r"\s*:(\w*)$")
FILE = re.compile(r"\s*:l\w*\s+(.*)$")


def complete(session: Session, line: str, word: str, commands: list[str]) -> list[str]:
    """Return what may stand in place of ``word``, the end of ``line``.

    Args:
        commands: those of the prompt, without the colon.
    """
    before = line[: len(line) - len(word)]
    if COMMAND.match(line) and not line.lstrip().startswith("::"):
        return [name for name in commands if name.startswith(word)]
    if match := FILE.match(line):
        return complete_file(match[1], word)
    if match := HELP.match(line):
        return complete_help(session, match[1], word)
    if (match := PATH.search(before)) is not None:
        names = session.names(parse_path(match[1]), word, methods=match[2] == ":")
        return [_called(name, kind) for name, kind in names.items()]
    if before.rstrip().endswith((".", ":")) and not before.rstrip().endswith(".."):
        return []  # of a call's result or the like: nothing is called to find out
    if not word and not before.strip():
        return ["  "]  # Tab at the beginning of a line indents
    names = session.names([], word, methods=False)
    words = [key for key in (*KEYWORDS, *_goto(session)) if word and key.startswith(word)]
    return sorted({*words, *(_called(name, kind) for name, kind in names.items())})


def complete_file(path: str, word: str) -> list[str]:
    """Return the files that a beginning of a path may mean, as ends of it."""
    directory, _, start = os.path.expanduser(path).rpartition("/")
    if path.startswith("/") and not directory:
        directory = "/"
    try:
        found = [entry for entry in os.scandir(directory or ".") if entry.name.startswith(start)]
    except OSError:
        return []
    shown = [entry.name + ("/" if entry.is_dir() else "") for entry in found]
    # `word` may be less than the last part of the path: "-" and "." end a word.
    kept = len(start) - len(word)
    hidden = start.startswith(".")
    return sorted(name[kept:] for name in shown if kept >= 0 and (hidden or name[0] != "."))


def complete_help(session: Session, name: str, word: str) -> list[str]:
    """Return names of the catalog and of the state that begin with ``name``, as ends of it."""
    path, _, _ = name.rpartition(".")
    known = {item.name for item in load_catalog().items()}
    live = session.names(parse_path(path), word, methods=False)
    names = {full for full in known if full.startswith(name)}
    names |= {f"{path}.{found}" if path else found for found in live}
    kept = len(name) - len(word)
    # One step at a time: `?sl` is `slurm`, not its hundreds of members.
    return sorted({full[kept:].partition(".")[0] for full in names})


def parse_path(path: str) -> list[Key]:
    """Return the keys of ``a.b["c"][1]``."""
    keys: list[Key] = []
    for step in STEPS.findall(path):
        inner = step.strip("[] \t") if step.startswith("[") else step
        if inner.isdecimal():
            keys.append(int(inner))
        else:
            keys.append(inner.strip("\"'"))
    return keys


def _called(name: str, kind: str) -> str:
    return f"{name}(" if kind == "function" else name


def _goto(session: Session) -> tuple[str, ...]:
    return () if session.dialect == WITHOUT_GOTO else ("goto",)
