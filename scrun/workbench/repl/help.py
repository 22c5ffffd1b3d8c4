"""Help on a name: the catalog's if it is Slurm's, else what the live value tells of itself."""

from __future__ import annotations

import difflib
from textwrap import fill, indent

from scrun.errors import UsageError
from scrun.workbench.catalog import Constant, Entry, Function, Item, Record, Value
from scrun.workbench.catalog import load as load_catalog
from scrun.workbench.repl.completion import parse_path
from scrun.workbench.repl.session import Facts, Session

COMMENT = "--"


def explain(session: Session, name: str, width: int) -> str:
    """Return help on a name such as ``slurm.log``, in lines of at most ``width`` columns.

    Raises:
        UsageError: nobody knows the name; the hint has the nearest ones.
    """
    name = name.strip().removesuffix("()")
    catalog = load_catalog()
    facts = session.describe(parse_path(name))
    item = catalog.find(name)
    if item is None and facts is not None and facts.name is not None:
        item = catalog.find(facts.name)  # a local name of a slurm function
    if item is not None and (facts is None or item.name.endswith(name) or facts.name == item.name):
        return explain_item(item, width)
    if facts is not None:
        return explain_value(name, facts)
    near = catalog.nearest(name)
    if not near:
        near = difflib.get_close_matches(name, session.names([], "", methods=False), 3)
    hint = f"did you mean {' or '.join(near)}?" if near else None
    raise UsageError(f"no help on {name}", hint=hint)


def explain_item(item: Item, width: int) -> str:
    """Return what the catalog has on something."""
    parts = [item.signature, indent(_wrap(item.meaning, width - 2), "  ")]
    if isinstance(item, (Function, Entry)):
        rows = [
            (one.name + ("?" if one.optional else ""), one.type, one.meaning)
            for one in item.parameters
        ]
        rows += [("->", one.type, one.meaning) for one in item.returns]
        parts.append(_table(rows, width))
    elif isinstance(item, Record):
        parts.append(_table([(one.name, one.type, one.meaning) for one in item.fields], width))
    parts.append(_versions(item))
    if not isinstance(item, Constant):
        parts.append(indent(_wrap(item.note, width - 2), "  "))
        parts.append(indent(item.example.strip("\n"), "    "))
    return "\n".join(part for part in parts if part.strip())


def explain_value(name: str, facts: Facts) -> str:
    """Return what a live value tells: of a function its head and the comment before it."""
    if facts.type != "function":
        return f"{name}: {facts.type}\n{facts.shown}"
    parameters = "..." if facts.parameters is None else facts.parameters
    lines = [f"{facts.name or name}({parameters})"]
    if not facts.line:
        return f"{lines[0]}\n  a function of Lua or of the host"
    if facts.file is not None:
        lines += [f"  {text}" for text in comment_before(facts.file, facts.line)]
    return "\n".join([*lines, f"  {facts.file or '?'}:{facts.line}"])


def comment_before(path: str, line: int) -> list[str]:
    """Return the comment that ends right before a line of a file; none when there is no file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()[: line - 1]
    except OSError:
        return []
    found: list[str] = []
    while lines and lines[-1].lstrip().startswith(COMMENT):
        found.insert(0, lines.pop().strip().lstrip("-").strip())
    return found


def _versions(item: Item) -> str:
    if isinstance(item, Constant):
        return f"  in Slurm {', '.join(sorted(item.versions))}" if item.versions else ""
    words = []
    if isinstance(item, (Function, Value, Record)) and item.script_types:
        words.append(f"in scripts of {', '.join(sorted(item.script_types))}")
    if isinstance(item, Entry):
        words.append(f"called in scripts of {item.script_type}")
    if item.since:
        words.append(f"since Slurm {item.since}")
    if item.removed:
        words.append(f"until Slurm {item.removed}")
    return f"  {', '.join(words)}" if words else ""


def _table(rows: list[tuple[str, str, str]], width: int) -> str:
    if not rows:
        return ""
    names = max(len(name) for name, _, _ in rows)
    types = max(len(kind) for _, kind, _ in rows)
    lines = []
    for name, kind, meaning in rows:
        head = f"  {name:{names}}  {kind:{types}}  "
        text = fill(
            meaning,
            max(width, len(head) + 20),
            initial_indent=head,
            subsequent_indent=" " * len(head),
        )
        lines.append(text or head.rstrip())
    return "\n".join(lines)


def _wrap(text: str, width: int) -> str:
    return "\n".join(fill(part, max(width, 20)) for part in text.split("\n\n"))
