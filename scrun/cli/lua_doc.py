"""``scrun lua doc``: what there is in Slurm's Lua, from the catalog."""

from __future__ import annotations

import json
import shutil

import click

from scrun.errors import UsageError
from scrun.workbench.catalog import SCRIPT_TYPES, VERSIONS, Catalog, load
from scrun.workbench.catalog.describe import (
    describe_item,
    describe_one_field,
    field_to_data,
    list_sections,
    to_data,
)
from scrun.workbench.catalog.luals import write_luals
from scrun.workbench.catalog.manpage import write_man
from scrun.workbench.catalog.markdown import write_markdown
from scrun.workbench.catalog.outline import sections

HELP_NAMES = {"help_option_names": ["-h", "-?", "--help", "--usage"]}
WRITERS = {"luals": write_luals, "markdown": write_markdown, "man": write_man}


@click.command(context_settings=HELP_NAMES)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--type", "script_type", type=click.Choice(SCRIPT_TYPES), help="Of these scripts.")
@click.option("--slurm-version", type=click.Choice(VERSIONS), help="Of this Slurm.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*WRITERS, "json"]),
    help="Write all of it: types for LuaLS, the page of the documentation, the man page.",
)
def doc(
    name: str | None,
    script_type: str | None,
    slurm_version: str | None,
    as_json: bool,
    form: str | None,
) -> None:
    """Tell what scripts can use: functions, constants, records, and what they define.

    NAME is a function such as log_info (or slurm.log_info), a constant, a function that a script
    defines, a record such as job_desc, or a field such as job_desc.partition. Without NAME: all.
    """
    catalog = load()
    if form in WRITERS:
        if name or script_type or slurm_version or as_json:
            raise UsageError(f"lua doc: --format {form} writes all there is, and takes no more")
        click.echo(WRITERS[form](catalog), nl=False)
        return
    as_json = as_json or form == "json"
    if name is None:
        _list(catalog, script_type, slurm_version, as_json)
        return
    item, field = catalog.find(name), catalog.find_field(name)
    if item is not None:
        data, lines = to_data(item), describe_item(item, _width())
    elif field is not None:
        data, lines = field_to_data(*field), describe_one_field(*field, _width())
    else:
        raise UsageError(f'lua doc: nothing is called "{name}"', hint=_advise(catalog, name))
    if as_json:
        click.echo(json.dumps(data, indent=2))
    else:
        _print(lines)


def _list(catalog: Catalog, script_type: str | None, version: str | None, as_json: bool) -> None:
    listed = sections(catalog, script_type, version)
    if as_json:
        data = [{"section": one.title, **to_data(item)} for one in listed for item in one.items]
        click.echo(json.dumps(data, indent=2))
    else:
        _print([*list_sections(listed, _width()), '"scrun lua doc NAME" tells more of one.'])


def _print(lines: list[str]) -> None:
    """Print lines; on a terminal those that start at its edge are bold. Click sees to that."""
    for line in lines:
        click.echo(line if line.startswith(" ") else click.style(line, bold=True))


def _advise(catalog: Catalog, name: str) -> str:
    record = catalog.records.get(name.partition(".")[0])
    near = [f"{record.name}.{one}" for one in record.nearest(name)] if record else []
    near = near or catalog.nearest(name)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return '"scrun lua doc" lists what there is'


def _width() -> int:
    return max(40, min(shutil.get_terminal_size((100, 24)).columns, 100))
