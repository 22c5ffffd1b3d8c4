"""``scrun lua which`` and ``scrun lua path``: which file wins, what it replaces."""

from __future__ import annotations

import json
import os

import click

from scrun.cli.lua_tools import HELP_NAMES, find_site
from scrun.errors import ScrunError
from scrun.lua.search import default_site, shipped_dir, site_search
from scrun.oci.slurm_conf import default_slurm_conf
from scrun.workbench.overrides import Candidate, Module, Overrides, Site, full_name

SCRIPT = "scrun.lua"
COLOURS = {"site": "green", "refused": "red"}


@click.command(context_settings=HELP_NAMES)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def which(name: str | None, as_json: bool) -> None:
    """Show which file a module comes from, and why.

    NAME is a module below scrun, such as verbs.kill or settings; scrun.verbs.kill is the same, and
    luastd.verbs.kill the shipped one; scrun.lua is the site's script. Without NAME: all modules
    that a site may replace, and those that this one adds.
    """
    overrides = _find_overrides()
    if name is None:
        _show_all(overrides, as_json)
    elif name == SCRIPT:
        _show_script(overrides, as_json)
    else:
        _show_one(overrides, name, as_json)


@click.command(context_settings=HELP_NAMES)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def path(as_json: bool) -> None:
    """Show where the site's script and the modules are looked for."""
    overrides = _find_overrides()
    site, *others = overrides.sites
    places = {
        "script": f"{site.directory}/{SCRIPT}",
        "site": f"{site.directory}/scrun.d",
        "shipped": os.path.realpath(shipped_dir()),
    }
    refusals = {
        kind: refusal
        for kind in ("script", "site")
        if (refusal := overrides.refusal_of(site.directory) or overrides.refusal_of(places[kind]))
        and os.path.exists(places[kind])
    }
    ignored = [one for one in others if _has_lua(one)]
    if as_json:
        texts = {kind: refusal.message for kind, refusal in refusals.items()}
        elsewhere = [{"directory": one.directory, "reason": one.reason} for one in ignored]
        answer = {**places, "reason": site.reason, "refused": texts, "ignored": elsewhere}
        click.echo(json.dumps(answer))
    else:
        for kind, place in places.items():
            mark = " (refused)" if kind in refusals else ""
            mark = mark or ("" if os.path.exists(place) else " (absent)")
            click.echo(f"{kind:8} {place}{mark}{'' if kind == 'shipped' else ', ' + site.reason}")
        for one in ignored:
            click.echo(f"ignored  {one.directory}, {one.reason}: {site.reason} goes before")
    for refusal in refusals.values():
        raise refusal


def _find_overrides() -> Overrides:
    search, _ = find_site()
    return Overrides(search, _list_sites())


def _list_sites() -> list[Site]:
    """Return the places for a site's Lua, the one in force first."""
    sites = []
    own = os.environ.get("SCRUN_LUA_DIR")
    if own:
        sites.append(Site(own.rstrip("/") or "/", "SCRUN_LUA_DIR"))
    option, variable = _slurm_conf_option(), os.environ.get("SLURM_CONF")
    if option:
        sites.append(_beside(option, "beside the slurm.conf of -f"))
    if variable:
        sites.append(_beside(variable, "beside SLURM_CONF"))
    sites.append(_beside(default_site(), "beside the default slurm.conf"))
    sites.append(_beside(default_slurm_conf(), "beside the slurm.conf that slurmd has fetched"))
    seen: dict[str, Site] = {}
    for site in sites:
        seen.setdefault(site.directory, site)
    return list(seen.values())


def _beside(file: str, reason: str) -> Site:
    return Site(site_search({}, file).site_dir or "/", reason)


def _slurm_conf_option() -> str | None:
    option: str | None = click.get_current_context().find_root().params.get("slurm_conf")
    return option


def _show_all(overrides: Overrides, as_json: bool) -> None:
    modules = list(overrides.all())
    if as_json:
        click.echo(json.dumps([_describe(module) for module in modules]))
    else:
        width = max(len(module.short_name) for module in modules)
        for module in modules:
            first = module.chain[0]
            who = first.place if first.standing == "used" else first.standing
            line = f"{module.short_name:{width}}  {_coloured(who)}"
            if module.is_override:
                line += " " * (9 - len(who)) + _tell_override(overrides, module)
            click.echo(line)
    for module in modules:
        if module.refusal is not None:
            raise module.refusal


def _tell_override(overrides: Overrides, module: Module) -> str:
    if module.refusal is not None:
        return module.refusal.message
    path = module.chain[0].path
    if any(one.place == "shipped" for one in module.chain):
        return f"{path}, replaces the shipped one"
    similar = overrides.mistaken_for(module)
    return f"{path}, replaces nothing; meant for {similar[0]}?" if similar else path


def _show_script(overrides: Overrides, as_json: bool) -> None:
    script = overrides.script()
    if script is None:
        directory = overrides.sites[0].directory
        raise ScrunError(
            f"lua which: no {SCRIPT} in {directory}",
            code="NOT_FOUND",
            hint="the setting stage chooses a stager",
        )
    if as_json:
        click.echo(json.dumps(_describe_candidate(script)))
    else:
        click.echo(script.path)
        click.echo(f"  {script.why if script.standing == 'used' else 'refused'}")
    if script.standing == "refused":
        raise ScrunError(script.why, code="BAD_CONFIG")


def _show_one(overrides: Overrides, name: str, as_json: bool) -> None:
    module = overrides.find(name)
    if module is None:
        similar = overrides.nearest(name)
        raise ScrunError(
            f'lua which: no module "{full_name(name)}" in {overrides.sites[0].directory}/scrun.d '
            f"or {shipped_dir()}",
            code="NOT_FOUND",
            hint=f"did you mean {' or '.join(similar)}?" if similar else None,
        )
    if as_json:
        click.echo(json.dumps(_describe(module)))
    else:
        first, *rest = module.chain
        click.echo(first.path)
        click.echo("  refused" if first.standing == "refused" else f"  {first.why}")
        for one in rest:
            if one.standing == "shadowed":
                verb = "replaces" if module.refusal is None else "would replace"
                click.echo(f"  {verb} {one.path}")
            else:
                click.echo(f"  not {one.path}, {one.why}")
        similar = overrides.mistaken_for(module)
        if similar:
            click.echo(f"  replaces nothing; meant for {' or '.join(similar)}?")
        if module.short_name.startswith("stage.") and (script := overrides.script()):
            click.echo(f"  {script.path} takes the stagers' place")
    if module.refusal is not None:
        raise module.refusal


def _describe(module: Module) -> dict[str, object]:
    first = module.chain[0]
    return {
        "module": module.name,
        "path": first.path,
        "kind": "refused" if first.standing == "refused" else first.place,
        "reason": first.why,
        "shadowed": [one.path for one in module.chain if one.standing == "shadowed"],
        "chain": [_describe_candidate(one) for one in module.chain],
    }


def _describe_candidate(one: Candidate) -> dict[str, str]:
    return {"path": one.path, "place": one.place, "standing": one.standing, "why": one.why}


def _has_lua(site: Site) -> bool:
    return any(os.path.exists(f"{site.directory}/{name}") for name in (SCRIPT, "scrun.d"))


def _coloured(who: str) -> str:
    if os.environ.get("NO_COLOR") or who not in COLOURS:
        return who
    return click.style(who, fg=COLOURS[who])
