"""What ``scrun lua test`` writes to stdout: for people, as TAP, as JUnit XML."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scrun.workbench.test.plan import Spec
    from scrun.workbench.test.results import FileResult
    from scrun.workbench.test.text import Line

STYLES = {"good": "green", "bad": "red", "warn": "yellow", "dim": "dim"}


@dataclass
class Run:
    """A whole run; ``seed`` None: nothing was shuffled."""

    results: Sequence[FileResult]
    seconds: float
    dialects: Sequence[str]
    seed: int | None


class Printer:
    """Writes results to stdout as they come."""

    def file(self, result: FileResult) -> None:
        """Take one file's results."""

    def end(self, run: Run) -> None:
        """Take the end."""


class TextPrinter(Printer):
    """For people."""

    def __init__(self, verbose: bool, show_dialect: bool) -> None:
        from scrun.workbench.test.text import Text  # one of several outputs

        self._text = Text(show_dialect=show_dialect, verbose=verbose)

    def file(self, result: FileResult) -> None:
        """Print what did not pass."""
        _print(self._text.file(result))

    def end(self, run: Run) -> None:
        """Print the totals."""
        _print(self._text.end(run.results, run.seconds, run.dialects, run.seed))


class TapPrinter(Printer):
    """TAP, file by file."""

    def __init__(self) -> None:
        from scrun.workbench.test.tap import Tap  # one of several outputs

        self._tap = Tap()
        click.echo(self._tap.begin())

    def file(self, result: FileResult) -> None:
        """Print a line for each test."""
        for line in self._tap.file(result):
            click.echo(line)

    def end(self, run: Run) -> None:
        """Print the plan, and the seed for those who repeat it."""
        click.echo(self._tap.end())
        if run.seed is not None:
            click.echo(f"# --seed {run.seed}")


class JunitPrinter(Printer):
    """XML, when all is done."""

    def end(self, run: Run) -> None:
        """Print the document."""
        from scrun.workbench.test.junit import render  # one of several outputs

        click.echo(render(run.results), nl=False)


def make_printer(output: str, verbose: bool, plan: Sequence[Spec]) -> Printer:
    """Return the one for an output's name."""
    if output == "tap":
        return TapPrinter()
    if output == "junit":
        return JunitPrinter()
    return TextPrinter(verbose, len({spec.dialect for spec in plan}) > 1)


def _print(lines: Iterable[Line]) -> None:
    if not sys.stdout.isatty():
        for _, text in lines:
            click.echo(text)
        return
    from rich.console import Console  # 60 ms, for terminals only
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for style, text in lines:
        console.print(Text(text, style=STYLES.get(style, "")))
