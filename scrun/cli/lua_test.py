"""``scrun lua test``: run specs, and tell people and machines how they came out."""

from __future__ import annotations

import os
import signal
import sys
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from scrun import log
from scrun.cli.lua_tools import HELP_NAMES, USAGE, Command, find_site
from scrun.cli.spec_view import Run, make_printer
from scrun.errors import ScrunError, UsageError
from scrun.lua.engines import DIALECTS
from scrun.workbench.test import plan as plans
from scrun.workbench.test import pool
from scrun.workbench.test.results import FileResult, count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

ENDING = (signal.SIGHUP, signal.SIGTERM)  # besides SIGINT


class Stopped(KeyboardInterrupt):
    """A signal ends us; it has the number."""


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)


class Test(Command):
    """The command; what is wrong with the options' values is status 2, too."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run, or complain and leave."""
        for number in ENDING:
            if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores one
                signal.signal(number, _stop)
        try:
            return super().invoke(ctx)
        except UsageError as mistake:
            log.report(mistake)
            return USAGE
        except KeyboardInterrupt as stop:
            return 128 + (stop.args[0] if isinstance(stop, Stopped) else signal.SIGINT)


def _dialects(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    if not value:
        return ()
    if value == "all":
        return DIALECTS
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",")))
    for name in names:
        if name not in DIALECTS:
            raise click.BadParameter(f'no dialect "{name}": {", ".join(DIALECTS)} or all')
    return names


def _words(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for value in values for word in value.split(",") if word)


@click.command(name="test", cls=Test, context_settings=HELP_NAMES)
@click.argument("paths", nargs=-1, metavar="[DIR|FILE]...")
@click.option(
    "--lua",
    "dialects",
    metavar="DIALECTS",
    callback=_dialects,
    help="Run in each of these, separated by commas, or all. Default: the site's setting, else 5.4",
)
@click.option("--filter", multiple=True, metavar="PATTERN", help="Tests whose name has a pattern.")
@click.option("--filter-out", multiple=True, metavar="PATTERN", help="Tests without it.")
@click.option("--tags", multiple=True, metavar="TAG", callback=_words, help="With a #tag.")
@click.option(
    "--exclude-tags", multiple=True, metavar="TAG", callback=_words, help="Without a #tag."
)
@click.option("--shuffle", is_flag=True, help="Shuffle files and tests; prints the seed.")
@click.option("--seed", type=click.IntRange(0), help="Shuffle as an earlier run did.")
@click.option("--repeat", type=click.IntRange(1), default=1, metavar="N", help="Run N times.")
@click.option(
    "-j", "--jobs", type=click.IntRange(1), metavar="N", help="Processes. Default: the cores."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=plans.DEFAULT_TIMEOUT_S,
    metavar="SECONDS",
    help="For one test. Default: 60.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "tap", "junit"]),
    default="text",
    help="What goes to stdout.",
)
@click.option("--junit", metavar="FILE", help="Write JUnit XML there besides.")
@click.option("--coverage", metavar="FILE", help="Count lines; LCOV goes there.")
@click.option("--update", is_flag=True, help="Write golden files in place of comparing.")
@click.option("-I", "include", multiple=True, metavar="DIR", help="Where require looks first.")
@click.option("-s", "--no-capture", is_flag=True, help="Let specs print to the terminal.")
@click.option("-v", "--verbose", is_flag=True, help="Show what passed, tracebacks and prints.")
def test(
    paths: Sequence[str],
    dialects: tuple[str, ...],
    shuffle: bool,
    seed: int | None,
    repeat: int,
    jobs: int | None,
    timeout: float,
    output: str,
    junit: str | None,
    coverage: str | None,
    include: Sequence[str],
    no_capture: bool,
    verbose: bool,
    **more: Any,
) -> int:
    """Run the *_spec.lua files that are named or below a directory; default: below this one.

    Status 0: all passed. 1: something failed, or there was nothing to run. 2: wrong usage.
    """
    if shuffle and seed is None:
        seed = int.from_bytes(os.urandom(3), "big")
    options = plans.Options(
        filter=_patterns(more["filter"]),
        filter_out=_patterns(more["filter_out"]),
        tags=more["tags"],
        exclude_tags=more["exclude_tags"],
        seed=seed,
        timeout_s=timeout,
        directories=tuple(os.path.abspath(directory) for directory in include),
        capture=not no_capture,
        update=more["update"],
        coverage=coverage is not None,
    )
    files = plans.find_files(paths or (".",))
    if not files:
        where = ", ".join(paths) or "this directory"
        raise ScrunError(f"lua test: no *_spec.lua in {where}", code="NOT_FOUND")
    if seed is not None:
        import random  # rarely asked for

        random.Random(seed).shuffle(files)
    plan = plans.make_plan(files, dialects=dialects, site=_site(), rounds=repeat)
    for path in (junit, coverage):
        _check_writable(path)
    began = monotonic()
    printer = make_printer(output, verbose, plan)
    results = []
    for result in pool.run(plan, options, jobs or len(os.sched_getaffinity(0))):
        results.append(result)
        printer.file(result)
    names = tuple(dict.fromkeys(spec.dialect for spec in plan))
    printer.end(Run(results, monotonic() - began, names, seed))
    if junit:
        from scrun.workbench.test.junit import render  # only when asked for

        _write(junit, render(results))
    if coverage:
        _finish_coverage(results, coverage, shown=output == "text")
    return _judge(results)


def _finish_coverage(results: Sequence[FileResult], path: str, *, shown: bool) -> None:
    from scrun.workbench.test import coverage  # only when asked for
    from scrun.workbench.test.text import coverage_rows

    covered = coverage.merge(results)
    try:
        coverage.write_lcov(covered, path)
    except OSError as failure:
        raise ScrunError(f"write {path}: {failure.strerror}") from failure
    if not shown:
        return
    rows = [("file", "lines", "", "not run"), *coverage_rows(covered)]
    if sys.stdout.isatty():
        from rich.console import Console  # for terminals only
        from rich.table import Table

        table = Table(*rows[0], box=None)
        for row in rows[1:]:
            table.add_row(*row)
        Console().print(table)
        return
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, lines, share, missing in rows:
        line = f"{name:{widths[0]}}  {lines:>{widths[1]}}  {share:>{widths[2]}}  {missing}"
        click.echo(line.rstrip())


def _judge(results: Sequence[FileResult]) -> int:
    counts = count(results)
    if counts.failed or counts.errors:
        return 1
    if not counts.total:
        declared = sum(result.declared or 0 for result in results)
        what = "the filters leave none of the tests" if declared else "there are no tests"
        raise ScrunError(f"lua test: nothing was run: {what}", code="NOT_FOUND")
    return 0


def _site() -> str | None:
    """Return the site directory that was asked for; None: each spec finds its own.

    SLURM_CONF asks for nothing: where it is set, it is for every shell.
    """
    search, _ = find_site()
    slurm_conf = click.get_current_context().find_root().params.get("slurm_conf")
    asked = slurm_conf or os.environ.get("SCRUN_LUA_DIR")
    return search.site_dir if asked else None


def _patterns(patterns: Sequence[str]) -> tuple[str, ...]:
    """Check Lua patterns: a wrong one would fail in every test.

    Raises:
        UsageError: a malformed one.
    """
    if patterns:
        from scrun.errors import ScriptError
        from scrun.lua.runtime import Runtime  # the one who knows

        find = Runtime().get("string.find")
        for pattern in patterns:
            try:
                find(b"", pattern.encode())
            except ScriptError:
                raise
            except Exception as failure:
                raise UsageError(f'lua test: pattern "{pattern}": {failure}') from failure
    return tuple(patterns)


def _check_writable(path: str | None) -> None:
    """Refuse a file that cannot be written, before anything runs."""
    if path is not None:
        directory = os.path.dirname(os.path.abspath(path))
        if not os.access(directory, os.W_OK):
            raise UsageError(f"lua test: {path} cannot be written: {directory} is no such place")


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as failure:
        raise ScrunError(f"write {path}: {failure.strerror}") from failure
