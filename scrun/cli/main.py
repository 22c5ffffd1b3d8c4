"""The click command line: what the hot parser hands on, and every tool that is not a verb.

The runtime verbs are built from the same table as the hot parser (`scrun.hot.options`), so their
help and their mistakes are explained here while their arguments mean the same there.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

import click

from scrun import log
from scrun.cli.lua_tools import lua
from scrun.cli.version import format_version
from scrun.entry import run
from scrun.errors import ScrunError, UsageError
from scrun.hot.options import (
    COUNT,
    FLAG,
    GLOBAL,
    HELP,
    LIST,
    OPTIONAL,
    REST,
    VERSION,
    Option,
    Verb,
    find_option,
)
from scrun.hot.parse import Command, parse, take_option
from scrun.hot.verbs import VERBS

HELP_NAMES = {"help_option_names": ["-h", "-?", "--help", "--usage"]}
SECTIONS = {
    "Container verbs": tuple(VERBS),
    "Lua tools": ("lua",),
    "Site tools": ("version",),
}
SIMILAR = 0.75  # an unknown option this much like one of ours is a slip of the fingers


class Sections(click.Group):
    """A group whose help lists its commands under headings."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, in the order of `SECTIONS`."""
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(name, self.commands[name].get_short_help_str(80)) for name in names]
                )


def main(argv: list[str]) -> int:
    """Run ``scrun`` with these arguments and return the exit status. Failures are one line."""
    words, values, ignored = split_globals(argv)
    try:
        _configure_log(values, ignored)
        command = parse(words)  # the same words without options that nobody knows
        if command is not None:
            return run(command)
        result = scrun.main(args=words, prog_name="scrun", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as mistake:
        log.report(explain(mistake))
    except click.Abort:
        return 130
    except ScrunError as failure:
        log.report(failure)
    except Exception as failure:
        log.report(f"internal error: {type(failure).__name__}: {failure}")
    return 1


def split_globals(argv: list[str]) -> tuple[list[str], dict[str, Any], list[str]]:
    """Return argv without unknown global options, the values of the known ones, and the unknown.

    Other runtimes have options that we do not know of; an engine that passes one shall not fail.
    One that looks like a mistyped option of ours stays, for click to complain of.
    """
    known = [name for option in GLOBAL for name in option.names]
    values: dict[str, Any] = {}
    ignored: list[str] = []
    kept: list[str] = []
    words = argv[::-1]
    while words and words[-1].startswith("-") and words[-1] != "--":
        word, before = words[-1], len(words)
        name = word.partition("=")[0]
        is_long = word.startswith("--")
        if find_option(GLOBAL, name if is_long else word[:2]) is not None:
            if not take_option(words, GLOBAL, values, ignored):
                kept += argv[len(argv) - before :]
                return kept, values, ignored
            taken = before - len(words)
            kept += argv[len(argv) - before :][: max(taken, 1)]
            continue
        if not is_long or difflib.get_close_matches(name, known, 1, SIMILAR):
            break
        words.pop()
        ignored.append(name)
        after = words[-1] if words and name == word else "-"
        if not after.startswith("-") and after not in scrun.commands:  # then it is the value
            words.pop()
    return kept + words[::-1], values, ignored


def explain(mistake: click.ClickException) -> UsageError:
    """Return click's complaint in our style: one line, what is wrong, what to do."""
    text = mistake.format_message().strip().replace("\n", " ").replace("'", '"')
    text, _, similar = text.partition("Did you mean")
    text = text.strip(" (.")
    text = text[:1].lower() + text[1:]
    context = getattr(mistake, "ctx", None)
    path = context.command_path if context is not None else "scrun"
    where = path.removeprefix("scrun").strip()
    name = getattr(mistake, "option_name", None)
    names = [word for word in re.findall(r"[\w-]+", similar) if word not in ("one", "of")]
    if where and isinstance(name, str) and find_option(GLOBAL, name) is not None:
        hint = f"{name} goes before {where}"
    elif names:
        hint = f"did you mean {' or '.join(names)}?"
    else:
        hint = f'"{path} --help" shows what there is'
    return UsageError(f"{where}: {text}" if where else text, hint=hint)


def _configure_log(values: dict[str, Any], ignored: list[str]) -> None:
    log.configure_globals(values)
    for name in ignored:
        log.debug(f"option {name} has no effect here")


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(format_version())
        ctx.exit()


def _check_number(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value and not value.isdecimal():
        raise click.BadParameter(f'"{value}" is not a number')
    return value


def _build_option(option: Option) -> click.Option:
    settings: dict[str, Any] = {"help": option.help}
    if option.kind == FLAG:
        settings["is_flag"] = True
    elif option.kind == COUNT:
        settings["count"] = True
    elif option.kind == LIST:
        settings.update(multiple=True, metavar=option.metavar)
    elif option.kind == VERSION:
        settings.update(is_flag=True, is_eager=True, expose_value=False, callback=_print_version)
    else:
        settings["metavar"] = option.metavar
        if option.kind == OPTIONAL:
            settings.update(is_flag=False, flag_value="", callback=_check_number)
    key = option.key or "ignored_" + option.names[-1].strip("-").replace("-", "_")
    return click.Option([*option.names, key], **settings)


def _build_options(options: tuple[Option, ...]) -> list[click.Parameter]:
    return [_build_option(option) for option in options if option.kind != HELP]


def _build_verb(name: str, verb: Verb) -> click.Command:
    operands = verb.operands.split()
    arguments: list[click.Parameter] = [
        click.Argument(
            [word.strip("[].").lower()],
            required=not word.startswith("["),
            metavar=word,
            nargs=-1 if word.endswith("...") else 1,
            type=click.UNPROCESSED,
        )
        for word in operands
    ]

    def callback(**values: Any) -> int:
        given: list[Any] = []
        for word in operands:
            value = values.pop(word.strip("[].").lower())
            given += value if isinstance(value, tuple) else [value]
        options = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in values.items()
            if value not in (None, False, ()) and not key.startswith("ignored_")
        }
        globals = click.get_current_context().find_root().params
        return run(
            Command(
                name,
                {key: value for key, value in globals.items() if value},
                options,
                [word for word in given if word is not None],
            )
        )

    return click.Command(
        name,
        callback=callback,
        params=[*arguments, *_build_options(verb.options)],
        help=verb.help,
        context_settings={**HELP_NAMES, "allow_interspersed_args": verb.most != REST},
    )


def _version() -> None:
    click.echo(format_version())


scrun = Sections(
    "scrun",
    help="Run OCI containers as Slurm jobs. An engine (podman, docker) calls the container verbs.",
    params=_build_options(GLOBAL),
    context_settings=HELP_NAMES,
    subcommand_metavar="COMMAND [ARGS]...",
    no_args_is_help=False,  # no command is a mistake
)
for _name, _verb in VERBS.items():
    scrun.add_command(_build_verb(_name, _verb))
scrun.add_command(lua)
scrun.add_command(click.Command("version", callback=_version, help="Show the version."))
