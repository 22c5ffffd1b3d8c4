"""``scrun lua cassette``: read what ``scrun lua run --record`` has written."""

from __future__ import annotations

import dataclasses
import json

import click

from scrun.cli.run_view import print_cassette
from scrun.workbench.run.cassette import read_cassette
from scrun.workbench.run.events import decode, describe

HELP_NAMES = {"help_option_names": ["-h", "-?", "--help", "--usage"]}


@click.command(name="cassette", context_settings=HELP_NAMES)
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.option("-v", "--verbose", is_flag=True, help="Also whole outputs, and the config.json.")
def cassette(file: str, as_json: bool, verbose: bool) -> None:
    """Show what is in a cassette: the job, and the commands with their answers.

    Paths that are another in every run stand in it as %{scrun:bundle}, %{scrun:root},
    %{scrun:spool} and %{scrun:work}. It holds the job's environment, secrets and all: keep it as
    you keep that.
    """
    found = read_cassette(file)
    if not as_json:
        print_cassette(found, verbose)
        return
    document = {
        "version": 1,
        **{"script": found.script, "dialect": found.dialect},
        **{"backend": found.backend, "created": found.created},
        "job": {**found.job, "job_env": [decode(entry) for entry in found.job["job_env"]]},
        "config": decode(found.config),
        "staged": found.staged,
        "commands": [
            {"function": function, **describe(dataclasses.replace(command, ran=True))}
            for function, command in found.commands
        ],
    }
    click.echo(json.dumps(document, indent=2))
