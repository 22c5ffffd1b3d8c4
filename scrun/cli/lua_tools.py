"""``scrun lua``: tools for those who write the site's Lua."""

from __future__ import annotations

import os

import click

from scrun.errors import UsageError
from scrun.lua.search import SearchPath, locate_site


@click.group(name="lua")
def lua() -> None:
    """Look at the Lua modules that a container would use."""


@lua.command()
@click.argument("name")
def which(name: str) -> None:
    """Print the file that NAME (verbs.kill, scrun.verbs.kill) leads to, and what it replaces."""
    full = name if name.startswith(("scrun.", "luastd.")) else f"scrun.{name}"
    search = _search()[1]
    found = search.find(full)
    if found is None:
        places = " or ".join(_directories(search))
        raise UsageError(f'lua which: no module "{full}" in {places}', code="NOT_FOUND")
    click.echo(f"{found.path} ({found.kind})")
    for path in found.shadowed:
        click.echo(f"  instead of {path}")


@lua.command()
def path() -> None:
    """Print the site's script and the directories that modules come from, in order."""
    script, search = _search()
    click.echo(f"script: {script or 'none'}")
    for directory in _directories(search):
        there = "" if os.path.isdir(directory) else " (not there)"
        click.echo(f"modules: {directory}{there}")


def _search() -> tuple[str | None, SearchPath]:
    """Return the site's script, if it has one, and the search path of this caller."""
    given = click.get_current_context().find_root().params.get("slurm_conf")
    conf = given or os.environ.get("SLURM_CONF") or None
    script, site_dir = locate_site(conf, os.environ.get("SCRUN_LUA_DIR") or None)
    return script, SearchPath(site_dir)


def _directories(search: SearchPath) -> list[str]:
    return [directory for directory in (search.site_dir, search.shipped) if directory]
