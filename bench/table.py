"""The result for people: plain text, or a rich table on a terminal."""

from collections.abc import Sequence

from bench.cluster import OURS, C
from bench.figures import Row

COLUMNS = ("", "ours", "min", "C", "min", "ours/C", "crun", "budget", "")


def print_table(rows: Sequence[Row], *, styled: bool) -> None:
    """Print the rows and, below, what was left out of them."""
    lines = [_make_line(row) for row in rows]
    if styled:
        _print_rich(lines)
    else:
        _print_plain(lines)
    for row in rows:
        for who, (count, reason) in row.dropped.items():
            print(f"{row.what}, {who}: {count} without a figure, the last because: {reason}")


def _make_line(row: Row) -> tuple[str, ...]:
    cells = [f"{row.what} ({row.unit})"]
    for who in (OURS, C):
        one = row.by.get(who)
        cells += [f"{one.median:.1f}", f"{one.minimum:.1f}"] if one else ["-", "-"]
    cells.append("-" if row.ratio is None else f"{row.ratio:.2f}")
    crun = row.by.get("crun")
    cells.append(f"{crun.median:.1f}" if crun else "")
    if row.budget is None:
        return (*cells, "", "")
    budget = f"{row.budget:g} MiB" if row.unit == "MiB" else f"{row.budget:g} x C"
    return (*cells, budget, {True: "met", False: "missed", None: "unknown"}[row.met])


def _print_plain(lines: Sequence[tuple[str, ...]]) -> None:
    table = [COLUMNS, *lines]
    widths = [max(len(line[index]) for line in table) for index in range(len(COLUMNS))]
    for line in table:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip())


def _print_rich(lines: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for index, name in enumerate(COLUMNS):
        table.add_column(name, justify="right" if index else "left", no_wrap=True)
    colours = {"met": "green", "missed": "red"}
    for line in lines:
        colour = colours.get(line[-1])
        table.add_row(*line[:-1], f"[{colour}]{line[-1]}[/]" if colour else line[-1])
    Console().print(table)
