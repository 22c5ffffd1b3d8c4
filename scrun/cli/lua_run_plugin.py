"""The part of ``scrun lua run`` that runs job_submit, cli_filter and burst_buffer scripts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from scrun.errors import ScrunError, UsageError
from scrun.log import VERBOSE
from scrun.lua.plugin_options import COMMANDS
from scrun.workbench.catalog import VERSIONS
from scrun.workbench.plugins import PLUGIN_TYPES, Inputs, detect, document, render_text, run

Function = TypeVar("Function", bound=Callable[..., Any])

HELP = """\b
Scripts of Slurm's plugins run as well, with JSON for what they see:
  job_submit.lua    slurm_job_submit, slurm_job_modify: what changes in the job, what the user of
                    sbatch reads, the verdict
  cli_filter.lua    slurm_cli_setup_defaults, _pre_submit, _post_submit: one runs those before it
  burst_buffer.lua  slurm_bb_NAME
JSON is what scontrol, squeue or slurmrestd have, or an object with the names of the Lua API, as in
{"partition": "main", "time_limit": 60}. The status is 0 when the verdict is accepted, else 1.
"""

OPTIONS = (
    click.option(
        *("--type", "script_type"),
        type=click.Choice(PLUGIN_TYPES),
        help="Which plugin's script FILE is; by its name or that of FUNCTION when not given.",
    ),
    click.option("--job", metavar="JSON", help="The job, or the change of slurm_job_modify."),
    click.option("--job-rec", metavar="JSON", help="For slurm_job_modify: the job as it is."),
    click.option("--partitions", metavar="JSON", help="The partitions."),
    click.option("--default-partition", metavar="NAME", help="Which of them is the default."),
    click.option("--reservations", metavar="JSON", help="slurm.reservations."),
    click.option("--jobs", metavar="JSON", help="slurm.jobs."),
    click.option("--qos", metavar="JSON", help="Priorities for slurm.get_qos_priority."),
    click.option("--options", metavar="JSON", help="The command line's options, for cli_filter."),
    click.option("--command", type=click.Choice(tuple(COMMANDS)), help="The command."),
    click.option("--uid", metavar="N", type=click.IntRange(0), help="Who submits or modifies."),
    click.option(
        "--env", metavar="NAME=VALUE", multiple=True, help="A variable of the job or the command."
    ),
    click.option(
        "--arg", metavar="NAME=VALUE", multiple=True, help="An argument of a slurm_bb function."
    ),
    click.option("--slurm-version", type=click.Choice(VERSIONS), help="Whose ways to follow."),
)
NAMES = (
    *("script_type", "job", "job_rec", "partitions", "default_partition", "reservations"),
    *("jobs", "qos", "options", "command", "uid", "env", "arg", "slurm_version"),
)


def plugin_options(function: Function) -> Function:
    """Add OPTIONS to a click command; its function gets them by NAMES."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def is_plugin(path: str, function: str | None, plugin: dict[str, Any]) -> bool:
    """Tell whether it is this part's to run.

    Raises:
        UsageError: it is not, but there are options that are for plugins only.
    """
    if plugin["script_type"] or detect(path, function):
        return True
    given = [name for name in NAMES if plugin[name]]
    if given:
        option = "--" + given[0].replace("_", "-")
        raise UsageError(
            f"{option} is for scripts of plugins",
            hint=f"--type says that {path} is one: {', '.join(PLUGIN_TYPES)}",
        )
    return False


def run_plugin(
    path: str,
    function: str | None,
    plugin: dict[str, Any],
    *,
    job_id: int | None = None,
    dialect: str | None = None,
    timeout_s: float = 0.0,
    memory_bytes: int | None = None,
    settings: Any = None,
    as_json: bool = False,
    verbose: int = 0,
) -> int:
    """Run a function and print what came of it; return the exit status.

    Args:
        plugin: the values of OPTIONS.
        verbose: 1: tracebacks, and debug lines of the log.
    """
    inputs = Inputs(
        **{name: plugin[name] for name in ("job", "job_rec", "partitions", "default_partition")},
        **{name: plugin[name] for name in ("reservations", "jobs", "qos", "options", "command")},
        uid=plugin["uid"],
        env=_read_pairs("--env", plugin["env"]) if plugin["env"] else None,
        arguments=_read_pairs("--arg", plugin["arg"]),
        job_id=job_id,
    )
    result = run(
        path,
        function,
        inputs,
        script_type=plugin["script_type"],
        version=plugin["slurm_version"],
        dialect=dialect,
        memory_bytes=memory_bytes,
        settings=settings,
        timeout_s=timeout_s,
    )
    if as_json:
        click.echo(json.dumps(document(result), indent=2))
    else:
        click.echo(render_text(result, log_level=None if verbose else VERBOSE))
    error = result.error
    if error is not None:
        traceback: str = getattr(error, "traceback", "")
        if verbose and traceback:
            click.echo(traceback, err=True)
        message = error.message.partition("\n")[0]
        raise ScrunError(message, code=error.code, hint=error.hint)
    return result.exit_status


def _read_pairs(option: str, entries: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not name:
            raise UsageError(f"{option} {entry}: expected NAME=VALUE")
        pairs[name] = value if equals else os.environ.get(name, "")
    return pairs
