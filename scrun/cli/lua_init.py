"""``scrun lua init``: begin a directory with a script that is checked and tested."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from scrun.anchor.policy import Policy
from scrun.cli.lua_tools import HELP_NAMES, find_site
from scrun.errors import ScrunError
from scrun.lua.engines import DIALECTS
from scrun.workbench.catalog import SCRIPT_TYPES
from scrun.workbench.starter import CI, plan, write

NEXT = {
    "scrun": (
        ("scrun lua check scrun.lua", "finds mistakes"),
        ("scrun lua test", "runs the spec"),
        ("scrun lua run scrun.lua --dry-run", "shows what it would do to a container"),
    ),
    "job_submit": (
        ("scrun lua check --type job_submit job_submit.lua", "finds mistakes"),
        ("scrun lua test", "runs the spec"),
        ("scrun lua run job_submit.lua slurm_job_submit", "shows what it does to a job"),
    ),
    "cli_filter": (
        ("scrun lua check --type cli_filter cli_filter.lua", "finds mistakes"),
        ("scrun lua test", "runs the spec"),
        ("scrun lua run cli_filter.lua slurm_cli_pre_submit", "shows what it does to options"),
    ),
    "burst_buffer": (
        ("scrun lua check --type burst_buffer burst_buffer.lua", "finds mistakes"),
        ("scrun lua test", "runs the spec"),
        ("scrun lua run burst_buffer.lua slurm_bb_get_status", "runs one of its functions"),
    ),
}
LAST = ("scrun lua doc", "tells what there is")


@click.command(context_settings=HELP_NAMES)
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option(
    "--type", "script_type", type=click.Choice(SCRIPT_TYPES), default="scrun", help="Of script."
)
@click.option(
    "--ci",
    type=click.Choice([*CI, "none"]),
    default="github",
    help="Whose CI the snippet is for; github when it is not said.",
)
@click.option("--lua", "dialect", type=click.Choice(DIALECTS), help="Dialect of Lua.")
def init(directory: Path, script_type: str, ci: str, dialect: str | None) -> None:
    """Begin DIR with a starter script, its spec, settings for editors and a CI snippet.

    A file that is there already is never overwritten: with another text in it, nothing is written.
    """
    files = plan(script_type, dialect=dialect or _site_dialect(), ci=None if ci == "none" else ci)
    written = write(directory, files)
    for one in files:
        state = "" if one in written else " (it was there)"
        click.echo(f"{directory / one.path}  {one.purpose}{state}")
    click.echo(click.style("Next", bold=True))
    steps = [*NEXT[script_type], LAST]
    if directory != Path("."):
        steps.insert(0, (f"cd {shlex.quote(str(directory))}", ""))
    width = max(len(command) for command, _ in steps)
    for command, purpose in steps:
        click.echo(f"  {command.ljust(width)}  {purpose}".rstrip())


def _site_dialect() -> str:
    """Return the dialect of the site's settings; where there is no site, or a broken one: 5.4."""
    try:
        return Policy(find_site()[0]).settings().dialect
    except ScrunError:
        return "5.4"
