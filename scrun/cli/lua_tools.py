"""``scrun lua``: tools for those who write the site's Lua."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import click

from scrun import log
from scrun.lua.search import SearchPath, site_search

HELP_NAMES = {"help_option_names": ["-h", "-?", "--help", "--usage"]}
USAGE = 2
LATE: dict[str, str] = {  # tool: the module that has a command of that name
    "cassette": "scrun.cli.lua_cassette",
    "check": "scrun.cli.lua_check",
    "doc": "scrun.cli.lua_doc",
    "init": "scrun.cli.lua_init",
    "path": "scrun.cli.lua_which",
    "repl": "scrun.cli.lua_repl",
    "run": "scrun.cli.lua_run",
    "test": "scrun.cli.lua_test",
    "which": "scrun.cli.lua_which",
}


def find_site() -> tuple[SearchPath, str]:
    """Return the search path that ``-f`` and the environment lead to, and what led there."""
    slurm_conf: str | None = click.get_current_context().find_root().params.get("slurm_conf")
    if os.environ.get("SCRUN_LUA_DIR"):
        reason = "SCRUN_LUA_DIR"
    elif slurm_conf:
        reason = "beside the slurm.conf of -f"
    elif os.environ.get("SLURM_CONF"):
        reason = "beside SLURM_CONF"
    else:
        reason = "beside the default slurm.conf"
    return site_search(os.environ, slurm_conf), reason


class Command(click.Command):
    """A tool whose status 1 means findings or failures: a mistake in its usage is 2."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, or complain and leave."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as mistake:
            from scrun.cli.main import explain  # which imports us

            log.report(explain(mistake))
            ctx.exit(USAGE)


class Tools(click.Group):
    """A group that loads a tool's module when the tool is asked for: each has libraries its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all tools, loaded or not."""
        return sorted({*super().list_commands(ctx), *LATE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a tool, or None."""
        home = LATE.get(cmd_name)
        if home is None:
            return super().get_command(ctx, cmd_name)
        command: Any = getattr(import_module(home), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(name="lua", cls=Tools, context_settings=HELP_NAMES, no_args_is_help=False)
def lua() -> None:
    """Write, check, run and test the site's Lua."""
