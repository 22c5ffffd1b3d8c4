"""``scrun lua repl``: Lua at a prompt, with the ``slurm`` table live."""

from __future__ import annotations

import os
import sys

import click

from scrun import log
from scrun.anchor.policy import Policy
from scrun.cli.lua_tools import HELP_NAMES, find_site
from scrun.errors import ScrunError
from scrun.lua.engines import DIALECTS
from scrun.lua.search import SearchPath
from scrun.settings import Settings
from scrun.workbench.repl.loop import Repl
from scrun.workbench.repl.session import PromptHost, Session
from scrun.workbench.repl.style import Style, choose_style, columns


@click.command(context_settings=HELP_NAMES)
@click.argument("file", metavar="[FILE]", required=False)
@click.option("-e", "chunks", metavar="CHUNK", multiple=True, help="Run this, and leave.")
@click.option("--lua", "dialect", type=click.Choice(DIALECTS), help="Dialect of Lua.")
@click.option("--local", is_flag=True, help="Run commands on this machine (the default).")
@click.option("-v", "--verbose", is_flag=True, help="Show Lua's traceback with each error.")
def repl(
    file: str | None, chunks: tuple[str, ...], dialect: str | None, local: bool, verbose: bool
) -> int:
    """Try Lua at a prompt, with the slurm table live.

    FILE, such as a scrun.lua, is run first. An expression shows its value; Tab completes; ?NAME
    tells what something is; :help lists what else there is. When standard input is no terminal, it
    is run as a script.
    """
    search, _ = find_site()
    style = choose_style()
    settings = _read_settings(search)
    host = PromptHost(lambda level, text: _say(style, level, text))
    session = Session(
        host,
        search=search,
        dialect=dialect or settings.dialect,
        memory_bytes=settings.lua_memory_bytes,
        width=columns,
    )
    wants_traceback = verbose or log.is_enabled(log.VERBOSE)
    conversation = Repl(session, style, file=file, traceback=wants_traceback)
    if chunks:
        return conversation.run_texts(list(chunks), "-e")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        text = os.fsdecode(sys.stdin.buffer.read())
        return conversation.run_texts([text] if text.strip() else [], "stdin")
    banner = f"Lua {session.dialect}; commands run here. :help tells more, Ctrl-D leaves"
    return conversation.converse(banner)


def _read_settings(search: SearchPath) -> Settings:
    """Return the site's settings; a broken file is told, and the prompt comes all the same."""
    try:
        return Policy(search).settings()
    except ScrunError as failure:
        print(f"scrun: {failure}", file=sys.stderr)
        return Settings({})


def _say(style: Style, level: int, text: str) -> None:
    """Show a line that the script logged."""
    sys.stdout.flush()
    print(style.dim(f"{log.NAMES[level]}: {text}"), file=sys.stderr, flush=True)
