"""What tests prove of engines' commands: the marker ``engine_command``, and docs/engines.md of it.

A test says which command it drives, and where that is refused, why::

    @pytest.mark.engine_command("podman", "top")
    @pytest.mark.engine_command("podman", "checkpoint", refused="Slurm has no way to …")
    @pytest.mark.engine_command("docker", "stats", note="of the node, not of this machine")

A command may have many tests, and a test many commands; the row is true when all of them pass.
The page is written by::

    pytest -p tests.py.engines.results --engines-page=docs/engines.md tests/py/engines

With ``--collect-only`` it is as if all had passed; test_engines_page.py compares it so.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

MARKER = "engine_command"
ENGINES = ("podman", "docker", "containerd")

# What users of these engines expect; each has a test, be it one that proves the refusal.
REQUIRED = {
    "podman": (
        "run",
        "run -it",
        "create",
        "start",
        "attach",
        "logs",
        "exec",
        "top",
        "stats",
        "pause",
        "unpause",
        "kill",
        "stop",
        "wait",
        "restart",
        "rm",
        "cp",
        "diff",
        "commit",
        "export",
        "inspect",
        "pod create",
        "run --pod",
        "healthcheck run",
        "update",
        "build",
        "compose",
    ),
    "docker": (
        "run",
        "run -it",
        "run -d",
        "exec",
        "logs",
        "attach",
        "top",
        "stats",
        "pause",
        "unpause",
        "update",
        "kill",
        "stop",
        "rm",
        "restart",
        "events",
        "build",
        "restart of containerd",
        "restart of dockerd with live-restore",
    ),
    "containerd": ("ctr run --runc-binary",),
}

INTRODUCTION = """\
# Commands of engines

What works when scrun is the runtime, and what is refused, with the reason. The tests in
tests/py/engines drive the real engines on a real Slurm cluster; this table is made from their
results, and a test compares the two:

    pytest -p tests.py.engines.results --engines-page=docs/engines.md tests/py/engines
"""


@dataclasses.dataclass
class Row:
    """A command of an engine, by all of its tests."""

    engine: str
    command: str
    outcomes: list[str] = dataclasses.field(default_factory=list)
    refused: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)

    def verdict(self) -> str:
        """Return what the page says of it."""
        if "failed" in self.outcomes:
            return "FAILS"
        if set(self.outcomes) != {"passed"}:
            return "not known: its tests were skipped"
        if self.refused:
            return f"refused: {self.refused}"
        return "; ".join(["works", *self.notes])


class Results:
    """The rows of one session.

    Args:
        page: where to write them.
        assume: outcome of what is collected and not run.
    """

    def __init__(self, page: Path, assume: str) -> None:
        self._page = page
        self._assume = assume
        self._markers: dict[str, list[pytest.Mark]] = {}
        self._outcomes: dict[str, str] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which tests stand for a command."""
        for item in session.items:
            markers = list(item.iter_markers(MARKER))
            if markers:
                self._markers[item.nodeid] = markers

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test went; its teardown counts as well."""
        if report.nodeid in self._markers:
            worst = self._outcomes.get(report.nodeid)
            if report.failed or worst is None or (report.skipped and worst == "passed"):
                self._outcomes[report.nodeid] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Write the page."""
        self._page.write_text(render(self._rows()))

    def _rows(self) -> list[Row]:
        rows: dict[tuple[str, str], Row] = {}
        for nodeid, markers in self._markers.items():
            for marker in markers:
                engine, command = marker.args
                assert engine in ENGINES, f"{nodeid}: engine {engine}"
                row = rows.setdefault((engine, command), Row(engine, command))
                row.outcomes.append(self._outcomes.get(nodeid, self._assume))
                row.refused = marker.kwargs.get("refused", "") or row.refused
                note = marker.kwargs.get("note")
                if note and note not in row.notes:
                    row.notes.append(note)
        return list(rows.values())


def missing(page: str) -> list[str]:
    """Return the required commands that a page has no row of."""
    found = [
        (engine, command)
        for engine, commands in REQUIRED.items()
        for command in commands
        if not _has_row(page, engine, command)
    ]
    return [f"{engine} {command}" for engine, command in found]


def _has_row(page: str, engine: str, command: str) -> bool:
    section = page.partition(f"\n## {engine}\n")[2].partition("\n## ")[0]
    return f"\n| `{command}` | " in section


def render(rows: list[Row]) -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for engine in ENGINES:
        order = REQUIRED[engine]

        def place(row: Row, order: tuple[str, ...] = order) -> tuple[int, str]:
            family = row.command.split(" -")[0]
            known = [order.index(name) for name in (row.command, family) if name in order]
            return (known[-1] if known else len(order), row.command)

        ours = sorted((row for row in rows if row.engine == engine), key=place)
        if ours:
            parts.append(f"\n## {engine}\n\n| command | |\n| --- | --- |\n")
            parts += [f"| `{row.command}` | {row.verdict()} |\n" for row in ours]
    return "".join(parts)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option that asks for the page."""
    parser.getgroup("engines").addoption(
        "--engines-page", metavar="FILE", help="write the table engine x command to this file"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect results when asked to."""
    page = config.getoption("--engines-page")
    if page:
        assume = "passed" if config.option.collectonly else "skipped"
        config.pluginmanager.register(Results(Path(page), assume))
