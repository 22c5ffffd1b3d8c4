"""``scrun lua``: tools for those who write the site's Lua."""

from __future__ import annotations

import json
import os
from importlib import import_module
from typing import Any

import click

from scrun.errors import ScrunError
from scrun.lua.search import SearchPath, shipped_dir, site_search

HELP_NAMES = {"help_option_names": ["-h", "-?", "--help", "--usage"]}
LATE: dict[str, str] = {  # tool: the module that has a command of that name
    "doc": "scrun.cli.lua_doc",
    "init": "scrun.cli.lua_init",
    "repl": "scrun.cli.lua_repl",
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


@lua.command(context_settings=HELP_NAMES)
@click.argument("name", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def which(name: str, as_json: bool) -> None:
    """Show which file a module comes from, and why.

    NAME is a module below scrun, such as verbs.kill or settings; scrun.verbs.kill is the same, and
    luastd.verbs.kill the shipped one.
    """
    search, origin = find_site()
    directory = f"{search.site_dir}/scrun.d"
    full = name if name.partition(".")[0] in ("scrun", "luastd") else f"scrun.{name}"
    found = search.find(full)
    if found is None:
        raise ScrunError(
            f'lua which: no module "{full}" in {directory} or {shipped_dir()}',
            code="NOT_FOUND",
        )
    if found.kind == "site":
        reason = f"the site's own, {origin}"
    elif full.startswith("luastd."):
        reason = "shipped: luastd names nothing else"
    else:
        reason = f"shipped: {directory} has none"
    if as_json:
        answer = {"module": full, "path": found.path, "kind": found.kind, "reason": reason}
        click.echo(json.dumps({**answer, "shadowed": found.shadowed}))
        return
    click.echo(os.path.realpath(found.path) if found.kind == "shipped" else found.path)
    click.echo(f"  {reason}")
    for path in found.shadowed:
        click.echo(f"  replaces {path}")


@lua.command(context_settings=HELP_NAMES)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def path(as_json: bool) -> None:
    """Show where the site's script and the modules are looked for."""
    search, reason = find_site()
    site = search.site_dir or ""
    places = {
        "script": f"{site}/scrun.lua",
        "site": f"{site}/scrun.d",
        "shipped": os.path.realpath(shipped_dir()),
    }
    if as_json:
        click.echo(json.dumps({**places, "reason": reason}))
        return
    for kind, place in places.items():
        absent = "" if os.path.exists(place) else " (absent)"
        click.echo(f"{kind:8} {place}{absent}{'' if kind == 'shipped' else ', ' + reason}")
