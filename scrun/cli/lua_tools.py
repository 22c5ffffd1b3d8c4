"""``scrun lua``: tools for those who write the site's Lua."""

from __future__ import annotations

import json
import os

import click

from scrun.errors import ScrunError
from scrun.lua.search import SearchPath, locate_site, shipped_dir

HELP_NAMES = {"help_option_names": ["-h", "-?", "--help", "--usage"]}


class Site:
    """Where the site's Lua is, and what made it so."""

    def __init__(self, slurm_conf: str | None) -> None:
        override = os.environ.get("SCRUN_LUA_DIR")
        from_environment = os.environ.get("SLURM_CONF")
        self.script, self.directory = locate_site(slurm_conf or from_environment, override)
        if override:
            self.reason = "SCRUN_LUA_DIR"
        elif slurm_conf:
            self.reason = "beside the slurm.conf of -f"
        elif from_environment:
            self.reason = "beside SLURM_CONF"
        else:
            self.reason = "beside the default slurm.conf"


def find_site() -> Site:
    """Return the site that ``-f`` and the environment lead to."""
    return Site(click.get_current_context().find_root().params.get("slurm_conf"))


@click.group(name="lua", context_settings=HELP_NAMES)
def lua() -> None:
    """Look at the Lua modules that a container would use."""


@lua.command(context_settings=HELP_NAMES)
@click.argument("name", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def which(name: str, as_json: bool) -> None:
    """Show which file a module comes from, and why.

    NAME is a module below scrun, such as verbs.kill or settings; scrun.verbs.kill is the same, and
    luastd.verbs.kill the shipped one.
    """
    site = find_site()
    full = name if name.partition(".")[0] in ("scrun", "luastd") else f"scrun.{name}"
    found = SearchPath(site.directory).find(full)
    if found is None:
        raise ScrunError(
            f'lua which: no module "{full}" in {site.directory} or {shipped_dir()}',
            code="NOT_FOUND",
        )
    if found.kind == "site":
        reason = f"the site's own, {site.reason}"
    elif full.startswith("luastd."):
        reason = "shipped: luastd names nothing else"
    else:
        reason = f"shipped: {site.directory} has none"
    if as_json:
        answer = {"module": full, "path": found.path, "kind": found.kind, "reason": reason}
        click.echo(json.dumps({**answer, "shadowed": found.shadowed}))
        return
    click.echo(found.path)
    click.echo(f"  {reason}")
    for path in found.shadowed:
        click.echo(f"  replaces {path}")


@lua.command(context_settings=HELP_NAMES)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def path(as_json: bool) -> None:
    """Show where the site's script and the modules are looked for."""
    site = find_site()
    script = os.path.join(os.path.dirname(site.directory), "scrun.lua")
    places = {"script": script, "site": site.directory, "shipped": shipped_dir()}
    if as_json:
        click.echo(json.dumps({**places, "reason": site.reason}))
        return
    for kind, place in places.items():
        absent = "" if os.path.exists(place) else " (absent)"
        reason = "" if kind == "shipped" else f", {site.reason}"
        click.echo(f"{kind:8} {place}{absent}{reason}")
