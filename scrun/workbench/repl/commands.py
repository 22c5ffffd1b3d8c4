"""What is typed to the prompt itself and not to Lua: ``:load FILE``, ``?slurm.log``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scrun.errors import UsageError

COMMANDS = {
    "help": ("[NAME]", "this list, or help on a name; ?NAME and help(NAME) do the same"),
    "load": ("[FILE]", "run a file; without one, the last again"),
    "quit": ("", "leave, as Ctrl-D does"),
    "reset": ("", "begin anew: a fresh state, with the file of the command line"),
    "type": ("EXPR", "show the type of an expression"),
}
ADVICE = """\
Type Lua: an expression shows its value, an incomplete chunk goes on in the next line.
`local` lasts for one chunk; leave it out to keep a variable. Ctrl-C stops what runs."""

_HELP_CALL = re.compile(r"""help\s*(?:\(\s*["']?([\w.:]*)["']?\s*\))?$""")


@dataclass(frozen=True)
class Command:
    """One of `COMMANDS` with what stands behind it."""

    name: str
    operand: str


def read_command(text: str) -> Command | None:
    """Return the command that a text is; None: it is Lua. Beginnings of names are names.

    Raises:
        UsageError: a colon, but no command of that name.
    """
    text = text.strip()
    if text.startswith("?"):
        return Command("help", text[1:].strip())
    if match := _HELP_CALL.match(text):
        return Command("help", match[1] or "")
    if text in ("quit", "exit", "quit()", "exit()"):
        return Command("quit", "")
    if not text.startswith(":") or text.startswith("::"):  # the latter is a label
        return None
    word, _, operand = text[1:].partition(" ")
    names = [name for name in COMMANDS if word and name.startswith(word)]
    if len(names) != 1:
        raise UsageError(f"no command :{word}", hint=":help lists them")
    return Command(names[0], operand.strip())


def list_commands() -> str:
    """Return what ``:help`` shows."""
    heads = {name: f":{name} {operand}".rstrip() for name, (operand, _) in COMMANDS.items()}
    width = max(map(len, heads.values()))
    lines = [f"  {heads[name]:{width}}  {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join([*lines, ADVICE])
