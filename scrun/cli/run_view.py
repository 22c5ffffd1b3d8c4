"""A run of ``scrun lua run`` for people: events as they come, then what became of config.json."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from typing import IO

from rich.console import Console
from rich.text import Text

from scrun.log import ERROR, INFO
from scrun.workbench.run.cassette import Cassette
from scrun.workbench.run.events import (
    Became,
    Began,
    Call,
    Command,
    Document,
    Ended,
    Event,
    Exited,
    Logged,
    Output,
    PathSet,
    Primitive,
    Printed,
    Started,
    Told,
    Wrote,
    decode,
)
from scrun.workbench.run.report import Report, one_line

SHORT_LINES = 12  # of a command's output, without -v
LONG_LINE = 2000  # characters
WHERE = {
    "allocator_command": "$",
    "run": "$",
    "os.execute": "$",
    "io.popen": "$",
    "remote_command": "nodes$",
    "run_remote": "nodes$",
    "get_qos_priority": "slurm",
}
TITLES = {"dry": "dry run", "local": "on this machine", "slurm": "on Slurm", "replay": "replayed"}
DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


class View:
    """Writes to a stream, in colours if that is a terminal."""

    def __init__(self, stream: IO[str], verbose: int) -> None:
        self._console = Console(file=stream, soft_wrap=True, highlight=False, emoji=False)
        self._verbose = verbose
        self._last = 0  # the process whose start was shown last, and nothing since

    def show(self, event: Event) -> None:
        """Show one event."""
        self._show(event)
        self._last = event.pid if isinstance(event, Started) else 0

    def _show(self, event: Event) -> None:
        if isinstance(event, Began):
            arguments = ", ".join(f"{name}={value}" for name, value in event.arguments)
            title = "main chunk" if event.function == "load" else event.function
            self.write(title + (f"({arguments})" if arguments else ""), "bold")
        elif isinstance(event, Command):
            self._command(event)
        elif isinstance(event, Ended):
            self._ended(event)
        elif isinstance(event, Logged):
            style = "red" if event.level <= ERROR else "" if event.level <= INFO else "dim"
            self._lines(f"{event.level_name:8}", event.text, style)
        elif isinstance(event, Told):
            self._lines("user    ", event.text, "yellow")
        elif isinstance(event, PathSet):
            self.write(f"  slurm.set_{event.which}_path {event.path or 'nil'}", "blue")
        elif isinstance(event, Call):
            arguments, results = ", ".join(event.arguments), ", ".join(event.results)
            self.write(f"  slurm.{event.name}({arguments}) = {results}", "blue")
        elif isinstance(event, Printed):
            place = f" (from {event.place})" if event.place else ""
            self.write(f"  standard output, which is the container's{place}:", "yellow")
            self._lines("  ", event.text, "yellow")
        elif isinstance(event, Primitive):
            self._primitive(event)
        elif isinstance(event, Document):
            for line in json.dumps(event.value, indent=2).splitlines():
                self.write(f"  {line}")
        elif isinstance(event, Started):
            self._lines("$", shlex.join(event.argv), "cyan")
        elif isinstance(event, Exited):
            self._exited(event)
        elif isinstance(event, Output):
            for line in event.text.splitlines():
                self.write(f"  {event.source} {event.stream} | {line}", "yellow")
        elif isinstance(event, Became):
            if event.exit_status is None:
                self.write(f"the container is {event.status}", "bold")
            else:
                self.write(f"the container has ended, status {event.exit_status}", "bold")
        elif isinstance(event, Wrote):
            self.write(f"  would be written: {event.path}, {event.size} bytes", "dim")

    def conclude(self, report: Report) -> None:
        """Show what became of it all."""
        write = self.write
        write("")
        if report.diff:
            for line in report.diff:
                write(line, "bold" if line[:3] in ("+++", "---") else DIFF_STYLES.get(line[0], ""))
        elif report.diff is not None:
            write(f"config.json is unchanged: {report.config_path}")
        if report.difference is not None:
            for line in report.difference.diff():
                write(line, DIFF_STYLES.get(line[0], ""))
        for note in report.notes:
            write(f"note: {note}", "yellow")
        container = report.container
        write("")
        job = f"job {report.job_id} on {report.nodes}" if report.job_id else "no job"
        job += f", user {container.user.name}"
        write(f"Lua {report.dialect}, {TITLES[report.backend]}, {job}", "dim")
        write(f"bundle        {container.bundle}")
        write(f"root          {container.root_path}")
        if report.work_dir:
            write(f"kept          {report.work_dir}")
        for label, lines in (
            ("podman shows", report.user_sees() or ["nothing of this"]),
            ("podman logs", report.in_logs()),
        ):
            for line in lines:
                write(f"{label:13} {one_line(line)}")

    def _command(self, event: Command) -> None:
        self._lines(WHERE[event.kind], event.text, "cyan")
        took = f"{event.seconds:.2f} s" if event.ran else "not run"
        if event.failure is not None:
            self.write(f"    error: {event.failure[0]} ({took})", "red")
            return
        via = "" if event.kind in ("allocator_command", "run") else f"{event.kind}, "
        self.write(f"    {via}status {event.status}, {took}", "red" if event.status else "dim")
        for output in (event.output, event.stderr or b""):
            lines = decode(output).splitlines()
            limit = len(lines) if self._verbose else SHORT_LINES
            for line in lines[:limit]:
                self.write(f"    | {line}")
            if len(lines) > limit:
                self.write(f"    | ... {len(lines) - limit} more lines", "dim")

    def _exited(self, event: Exited) -> None:
        who = "" if self._last == event.pid else f"{event.program}: "
        style = "red" if event.status else "dim"
        self.write(f"    {who}status {event.status}, {event.seconds:.2f} s", style)
        lines = (event.output or "").splitlines()
        limit = len(lines) if self._verbose else SHORT_LINES
        for line in lines[:limit]:
            self.write(f"    | {line}")
        if len(lines) > limit:
            self.write(f"    | ... {len(lines) - limit} more lines", "dim")

    def _primitive(self, event: Primitive) -> None:
        arguments = ", ".join(json.dumps(value) for value in event.arguments)
        results = ", ".join(
            "nil" if value is None else json.dumps(value) for value in event.results
        )
        took = "" if event.seconds is None else f"  ({event.seconds:.2f} s)"
        self.write(f"  host.{event.name}({arguments}) = {results}{took}", "blue")

    def _ended(self, event: Ended) -> None:
        if event.error is not None:
            self.write(f"  failed after {event.seconds:.2f} s: {one_line(event.error)}", "red")
        elif event.function != "load":
            self.write(f"  returned {event.returned}, {event.seconds:.2f} s", "green")

    def _lines(self, label: str, text: str, style: str) -> None:
        first, *rest = text.splitlines() or [""]
        self.write(f"  {label} {first}", style)
        for line in rest:
            self.write(f"  {' ' * len(label)} {line}", style)

    def write(self, text: str, style: str = "") -> None:
        """Write one line; an endless one is cut."""
        if len(text) > LONG_LINE:
            text = f"{text[:LONG_LINE]}... ({len(text)} characters)"
        self._console.print(Text(text, style=style))


def print_cassette(cassette: Cassette, verbose: bool) -> None:
    """Show a cassette."""
    view = View(sys.stdout, int(verbose))
    job = cassette.job
    view.write(f"{cassette.script}, Lua {cassette.dialect}, {TITLES[cassette.backend]}", "bold")
    view.write(f"recorded {cassette.created}", "dim")
    view.write(
        f"job {job['job_id']} on {job['nodes']}, container {job['container_id']}, "
        f"user {job['user']} ({job['uid']}:{job['gid']}), {len(job['job_env'])} variables"
    )
    if verbose:
        for entry in job["job_env"]:
            view.write(f"  {decode(entry)}", "dim")
        view.write(decode(cassette.config), "dim")
    for name, path in cassette.staged.items():
        view.write(f"{name:8}{path}")
    last = ""
    for function, command in cassette.commands:
        if function != last:
            view.show(Began(function, []))
            last = function
        view.show(dataclasses.replace(command, ran=True))
