"""What a run came to: the changed config.json, the paths, what the engine's user would see."""

from __future__ import annotations

import dataclasses
import os
from time import time_ns
from typing import TYPE_CHECKING, Any

from scrun.anchor.container import Container
from scrun.errors import ScrunError
from scrun.log import format_time
from scrun.oci import jsontext
from scrun.oci.config import FILE_NAME
from scrun.workbench.run.bundle import Bundle, parse_config
from scrun.workbench.run.cassette import Cassette, Places
from scrun.workbench.run.config_diff import diff_configs, diff_lines
from scrun.workbench.run.events import Began, Command, Event, Journal, Told, Wrote, describe
from scrun.workbench.run.files import Files
from scrun.workbench.run.replay import Difference, ReplayHost

if TYPE_CHECKING:
    from scrun.workbench.run.hosts import Host

LONGEST_MESSAGE = 2000
UNASKED = ("features", "spec")  # verbs that no podman calls
FORMAT = 1  # of the JSON document


@dataclasses.dataclass
class Report:
    """A run, as far as it came.

    Attributes:
        bundle: as the script found it. ``events``: of the run, in order.
        work_dir: the run's own directory, if it was kept.
        config_path: of the config.json after stage_in; ``config_text`` None: there is none.
        diff: of config.json; None: stage_in was not run, or there is nothing to compare.
        error: what ended the run, ``function`` in which; the exit status is 1 then.
        difference: where it left its cassette.
        notes: what a person should know besides.
        is_containerless: it was a verb that asks no container: there is no bundle, and no job.
    """

    script: str
    dialect: str
    backend: str
    container: Container
    job_id: int
    nodes: str
    cluster_name: str
    bundle: Bundle
    events: list[Event]
    work_dir: str | None = None
    config_path: str | None = None
    config_text: bytes | None = None
    diff: list[str] | None = None
    error: ScrunError | None = None
    function: str = ""
    difference: Difference | None = None
    notes: list[str] = dataclasses.field(default_factory=list)
    is_containerless: bool = False

    @property
    def exit_status(self) -> int:
        """0, or 1 when a function failed."""
        return int(self.error is not None)

    def fail(self, function: str, error: ScrunError, host: Host | None = None) -> None:
        """Note the error that ends the run."""
        self.function, self.error = function, error
        if isinstance(host, ReplayHost) and error.code == "REPLAY":
            self.difference = host.difference

    def read_config(self, files: Files | None) -> None:
        """Compare the config.json that the container has now with what it was."""
        path = f"{self.container.bundle.rstrip('/')}/{FILE_NAME}"
        place = os.fsencode(path) if files is None else files.find(os.fsencode(path))
        self.config_path = path
        try:
            with open(place, "rb") as file:
                self.config_text = file.read()
            self.diff = diff_configs(self.bundle.text, self.config_text, self.config_file, path)
            parse_config(self.config_text, os.path.dirname(path))
        except OSError as err:
            self.notes.append(f"{path}: {(err.strerror or str(err)).lower()}")
        except (ScrunError, jsontext.JSONSyntaxError) as err:
            where = "" if isinstance(err, ScrunError) else f"{path}: "
            self.notes.append(f"a runtime would refuse it: {where}{err}")

    def take_spec(self, path: str, text: bytes) -> None:
        """Note the config.json that the verb ``spec`` has made for a path."""
        self.config_path, self.config_text = path, text
        self.diff = diff_lines("", text.decode(errors="replace"), os.devnull, path)
        try:
            parse_config(text, os.path.dirname(path))
        except ScrunError as err:
            self.notes.append(f"a runtime would refuse it: {err}")

    @property
    def config_file(self) -> str:
        """The config.json that the script was given."""
        return self.container.config_file

    def add_written(self, files: Files, journal: Journal) -> None:
        """Note the files that the script wrote where they do not count."""
        for path, size in files.written():
            journal.add(Wrote(path, size))

    def user_sees(self) -> list[str]:
        """Return the lines that the user of ``podman run`` would see of this on stderr.

        Not what the script tells the user before the container runs: nobody is attached then.
        """
        line = self.engine_line()
        return [line] if line else []

    def in_logs(self) -> list[str]:
        """Return the lines on the stderr of ``create``, which ``podman logs`` shows."""
        return [f"scrun: {event.text}" for event in self.events if isinstance(event, Told)]

    def engine_line(self) -> str | None:
        """Return the one line of the failure; None when there is none that an engine could meet."""
        if self.error is None or self.error.code == "REPLAY":
            return None
        if self.function in UNASKED:
            return None
        name, message = self.container.id, one_line(str(self.error))
        if self.function == "checkpoint":  # engines let it write to their own stderr
            return f"scrun: {message}"
        if self.function == "stage_out":  # the container has run: its own stderr gets it
            return f"scrun: stage out {name}: {message}"
        what = {"load": f"create {name}: ", "stage_in": f"create {name}: stage in: "}
        what["create"] = what["load"]
        return f"Error: OCI runtime error: scrun: {what.get(self.function, '')}{message}"

    def document(self) -> dict[str, Any]:
        """Return the run as one JSON object."""
        config, container = self.config_text, self.container
        has_container = not self.is_containerless
        before = self.bundle.text.decode(errors="replace")
        error = None
        if self.error is not None:
            error = {
                "function": self.function,
                "message": one_line(str(self.error)),
                "code": self.error.code,
                "traceback": getattr(self.error, "traceback", ""),
            }
        difference = None
        if self.difference is not None:
            expected, got = self.difference.expected, self.difference.got
            difference = {
                "function": self.difference.function,
                "number": self.difference.number,
                "expected": None if expected is None else describe(expected),
                "got": None if got is None else describe(got),
                "diff": self.difference.diff(),
            }
        user = container.user
        return {
            "version": FORMAT,
            "script": self.script,
            "dialect": self.dialect,
            "backend": self.backend,
            "container": container.id,
            "job": {
                **{"id": self.job_id, "nodes": self.nodes},
                **{"user": user.name, "uid": user.uid, "gid": user.gid},
            },
            "events": [describe(event) for event in self.events],
            "paths": {
                "bundle": container.bundle if has_container else None,
                "root": container.root_path if has_container else None,
                "original_bundle": container.submission_bundle if has_container else None,
                "original_root": container.submission_root_path if has_container else None,
            },
            "config": {
                "before_path": self.config_file if has_container else None,
                "before": before if has_container else None,
                "after_path": self.config_path,
                "after": None if config is None else config.decode(errors="replace"),
                "diff": self.diff,
            },
            "user_sees": self.user_sees(),
            "in_logs": self.in_logs(),
            "notes": self.notes,
            "difference": difference,
            "error": error,
            "exit_status": self.exit_status,
        }


def one_line(message: str) -> str:
    """Return an error's message as one line of a bearable length."""
    first, newline, rest = message.partition("\n")
    if newline and "not found:" in first:  # require lists all the places where it looked
        rest = ""
        first = first.rstrip(":")
    text = " ".join(f"{first} {rest}".split("\n")).strip()
    if len(text) > LONGEST_MESSAGE:
        text = f"{text[:LONGEST_MESSAGE]}... ({len(text)} characters)"
    return text


def write_cassette(report: Report, path: str, entries: list[bytes], places: Places) -> None:
    """Write the cassette of a run.

    Args:
        entries: the job's environment, with the names of places.

    Raises:
        ConfigError: it cannot be written.
    """
    function, commands = "load", []
    for event in report.events:
        if isinstance(event, Began):
            function = event.function
        elif isinstance(event, Command):
            commands.append((function, places.hide_command(event)))
    container = report.container
    paths = {"bundle": container.bundle, "root": container.root_path or ""}
    staged = {
        name: os.fsdecode(places.hide(os.fsencode(value))) for name, value in paths.items() if value
    }
    Cassette(
        dialect=report.dialect,
        script=os.path.basename(report.script),
        backend=report.backend,
        created=format_time(time_ns()),
        job={
            "container_id": container.id,
            "job_id": report.job_id,
            "nodes": report.nodes,
            "user": container.user.name,
            "uid": container.user.uid,
            "gid": container.user.gid,
            "cluster_name": report.cluster_name,
            "job_env": entries,
        },
        config=places.hide(report.bundle.text),
        staged=staged,
        commands=commands,
    ).write(path)
