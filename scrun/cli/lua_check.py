"""``scrun lua check``: the faults of scripts, found without running them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from scrun import log
from scrun.anchor.policy import Policy
from scrun.cli.lua_tools import HELP_NAMES, USAGE, Command, find_site
from scrun.cli.version import __version__
from scrun.errors import ScrunError, UsageError
from scrun.lua.engines import DIALECTS
from scrun.lua.search import SearchPath
from scrun.workbench.catalog import SCRIPT_TYPES, VERSIONS
from scrun.workbench.check import (
    RULES,
    Finding,
    Options,
    ScriptType,
    check_files,
    format_json,
    format_line,
    format_sarif,
    format_text,
    is_failure,
)
from scrun.workbench.run import options as run_options

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


@click.command(name="check", cls=Command, context_settings=HELP_NAMES)
@click.argument("files", metavar="FILE...", nargs=-1)
@click.option(
    "--type",
    "script_type",
    type=click.Choice((*SCRIPT_TYPES, "module", "spec")),
    help="What the files are; else by name and contents, and scrun at last.",
)
@click.option("--lua", "dialect", type=click.Choice(DIALECTS), help="Dialect; else the site's.")
@click.option("--all-dialects", is_flag=True, help="Syntax in all dialects.")
@click.option("--slurm-version", type=click.Choice(VERSIONS), help="What this Slurm has.")
@click.option("--globals", "names", metavar="NAME[,NAME]", multiple=True, help="Known globals.")
@click.option(
    "--format", "form", type=click.Choice(("text", "json", "sarif")), default="text", help="Output."
)
@click.option(
    "--fail-on",
    type=click.Choice(("error", "warning", "never")),
    default="error",
    help="Least severity that makes the exit status 1; error when it is not said.",
)
@click.option("--list-rules", is_flag=True, help="List the rules and leave.")
def check(
    files: tuple[str, ...],
    script_type: ScriptType | None,
    dialect: str | None,
    all_dialects: bool,
    slurm_version: str | None,
    names: tuple[str, ...],
    form: str,
    fail_on: str,
    list_rules: bool,
) -> int:
    """Find mistakes in scripts without running them.

    FILE is a script, a module of scrun.d, a directory (all its *.lua), or - for standard input.
    A comment "-- scrun: ignore RULE" silences a rule on its line, or alone on a line for the next;
    "-- scrun: ignore-file RULE" in the whole file.

    The exit status is 0 without errors, 1 with some, 2 for a wrong call.
    """
    if list_rules:
        _list_rules()
        return 0
    if not files:
        log.report(UsageError("lua check: no file is named", hint="- is standard input"))
        return USAGE
    options = Options(
        script_type=script_type,
        dialect=dialect,
        site_dialect=None if dialect else _site_dialect(files),
        all_dialects=all_dialects,
        slurm_version=slurm_version,
        globals=frozenset(name for word in names for name in word.split(",")),
    )
    try:
        findings = list(check_files(files, options))
    except ScrunError as failure:
        log.report(failure)
        return USAGE
    _write(findings, form)
    return 1 if is_failure(findings, fail_on) else 0


def _write(findings: list[Finding], form: str) -> None:
    if form == "json":
        click.echo(format_json(findings), nl=False)
    elif form == "sarif":
        click.echo(format_sarif(findings, RULES, __version__), nl=False)
    elif sys.stdout.isatty():
        _show(findings)
    else:
        click.echo(format_text(findings), nl=False)


def _show(findings: list[Finding]) -> None:
    """Print for a person: in colours, and with the sum at the end."""
    for one in findings:
        place, _, rest = format_line(one).partition(f": {one.severity}: ")
        severity = click.style(one.severity, fg=COLOURS[one.severity], bold=True)
        click.echo(f"{click.style(place, bold=True)}: {severity}: {rest}")
        click.echo(click.style(f"    {one.advice}", dim=True))
    counts = [
        f"{number} {severity}{'s' * (number != 1)}"
        for severity in COLOURS
        if (number := sum(one.severity == severity for one in findings))
    ]
    click.echo(", ".join(counts) or "no findings")


def _list_rules() -> None:
    width = max(map(len, RULES))
    for name, rule in sorted(RULES.items()):
        click.echo(f"{name:{width}}  {rule.severity:7}  {rule.summary}")


def _site_dialect(files: Sequence[str]) -> str | None:
    """Return what the settings of the files' own site say, or else those of this machine's.

    None when they cannot be read.
    """
    try:
        for file in files:
            directory = "" if file == "-" else run_options.find_site(file).directory
            if directory and os.path.isfile(f"{directory}/scrun.d/settings.lua"):
                return Policy(SearchPath(directory)).settings().dialect
        return Policy(find_site()[0]).settings().dialect
    except ScrunError:
        return None
