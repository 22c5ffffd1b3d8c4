"""Help on a name: the catalog's if it is Slurm's, else what the live value tells of itself."""

from __future__ import annotations

import difflib

from scrun.errors import UsageError
from scrun.workbench.catalog import load as load_catalog
from scrun.workbench.catalog.describe import describe_item, describe_one_field
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
        return "\n".join(describe_item(item, width))
    if facts is not None:
        return explain_value(name, facts)
    if (found := catalog.find_field(name)) is not None:
        return "\n".join(describe_one_field(*found, width))
    near = catalog.nearest(name)
    if not near:
        near = difflib.get_close_matches(name, session.names([], "", methods=False), 3)
    hint = f"did you mean {' or '.join(near)}?" if near else None
    raise UsageError(f"no help on {name}", hint=hint)


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
