"""``scrun lua repl``: Lua at a prompt, with the ``slurm`` table live."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import click

from scrun import log
from scrun.anchor.policy import Policy
from scrun.cli.lua_tools import HELP_NAMES, find_site
from scrun.errors import ScrunError, UsageError
from scrun.lua.engines import DIALECTS
from scrun.lua.search import SearchPath
from scrun.settings import Settings
from scrun.workbench.repl.loop import Repl
from scrun.workbench.repl.session import PromptHost, Session, make_state
from scrun.workbench.repl.style import Style, choose_style, columns

Kind = Literal["local", "dry", "slurm"]


@click.command(context_settings=HELP_NAMES)
@click.argument("file", metavar="[FILE]", required=False)
@click.option("-e", "chunks", metavar="CHUNK", multiple=True, help="Run this, and leave.")
@click.option("--lua", "dialect", type=click.Choice(DIALECTS), help="Dialect of Lua.")
@click.option("--local", is_flag=True, help="Run commands on this machine (the default).")
@click.option("--dry-run", is_flag=True, help="Show commands, and change nothing.")
@click.option("--slurm", is_flag=True, help="Run commands in a job, which ends with the prompt.")
@click.option("-v", "--verbose", is_flag=True, help="Show Lua's traceback with each error.")
def repl(
    file: str | None,
    chunks: tuple[str, ...],
    dialect: str | None,
    local: bool,
    dry_run: bool,
    slurm: bool,
    verbose: bool,
) -> int:
    """Try Lua at a prompt, with the slurm table live.

    FILE, such as a scrun.lua, is run first. An expression shows its value; Tab completes; ?NAME
    tells what something is; :help lists what else there is. When standard input is no terminal, it
    is run as a script.
    """
    if local + dry_run + slurm > 1:
        raise UsageError("--local, --dry-run and --slurm exclude each other")
    kind: Kind = "dry" if dry_run else "slurm" if slurm else "local"
    search, _ = find_site()
    style = choose_style()
    with _open_session(kind, style, search, dialect) as (session, about):
        wants_traceback = verbose or log.is_enabled(log.VERBOSE)
        conversation = Repl(session, style, file=file, traceback=wants_traceback)
        if chunks:
            return conversation.run_texts(list(chunks), "-e")
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            text = os.fsdecode(sys.stdin.buffer.read())
            return conversation.run_texts([text] if text.strip() else [], "stdin")
        banner = f"Lua {session.dialect}; {about}. :help tells more, Ctrl-D leaves"
        return conversation.converse(banner)


@contextmanager
def _open_session(
    kind: Kind, style: Style, search: SearchPath, dialect: str | None
) -> Iterator[tuple[Session, str]]:
    """Have a session, and what its backend is, for people."""
    settings = _read_settings(search)
    dialect = dialect or settings.dialect

    def say(level: int, text: str) -> None:
        show(f"{log.NAMES[level]}: {text}")

    def show(text: str) -> None:
        sys.stdout.flush()
        print(style.dim(text), file=sys.stderr, flush=True)

    if kind == "local":
        host = PromptHost(say)
        make = make_state(host, search, dialect, settings.lua_memory_bytes)
        yield Session(host, make, width=columns), "commands run here"
        return
    from scrun.workbench.repl.places import open_backend  # loads what jobs and bundles need

    slurm_conf: str | None = click.get_current_context().find_root().params.get("slurm_conf")
    with open_backend(
        kind, settings, search, dialect=dialect, slurm_conf=slurm_conf, say=say, show=show
    ) as backend:
        yield Session(backend.host, backend.make, width=columns), backend.about


def _read_settings(search: SearchPath) -> Settings:
    """Return the site's settings; a broken file is told, and the prompt comes all the same."""
    try:
        return Policy(search).settings()
    except ScrunError as failure:
        print(f"scrun: {failure}", file=sys.stderr)
        return Settings({})
