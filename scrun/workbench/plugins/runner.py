"""One run: the script in its state, a function of it, and what it said."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scrun.errors import ScriptError
from scrun.host.loop import Loop
from scrun.log import ERROR, INFO
from scrun.lua.plugin_fields import Field, read_fields
from scrun.lua.plugin_script import PluginScript
from scrun.lua.search import SearchPath
from scrun.workbench.catalog import VERSIONS, load
from scrun.workbench.plugins.host import PluginHost
from scrun.workbench.plugins.result import LogLine, Result, Verdict
from scrun.workbench.plugins.slurm_errors import error_name, error_text
from scrun.workbench.run.attend import Attendant

NEWEST = VERSIONS[-1]
_PLACE = re.compile(r"[^\n]*?:\d+: ")


@dataclass(frozen=True)
class Inputs:
    """What the script is to see; the options of ``scrun lua run``.

    Attributes:
        job, job_rec, partitions, reservations, jobs, qos, options: paths of JSON files.
        default_partition: the name of the partition that is; a dump does not say.
        env: variables of the job, or of the command for cli_filter; None: nothing was said.
        uid: who submits or modifies; None: this process's user.
        job_id: which job of a dump; for the functions that get one, its number.
        command: sbatch, salloc, srun or scrontab; None: as the job is.
        arguments: for burst_buffer functions: what is given in place of the usual, by name.
    """

    job: str | None = None
    job_rec: str | None = None
    partitions: str | None = None
    default_partition: str | None = None
    reservations: str | None = None
    jobs: str | None = None
    qos: str | None = None
    options: str | None = None
    env: Mapping[str, str] | None = None
    uid: int | None = None
    job_id: int | None = None
    command: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)


class Runner:
    """Runs functions of one script.

    Args:
        version: one of the catalog's VERSIONS; None: the newest one's ways, and all names.
        listen: hears of every line of the log as it comes.
    """

    def __init__(
        self,
        path: str,
        script_type: str,
        inputs: Inputs,
        *,
        qos: Mapping[str, int] | None,
        version: str | None,
        dialect: str | None,
        memory_bytes: int | None,
        settings: Any,
        search: SearchPath | None,
        timeout_s: float,
        listen: Callable[[LogLine], None] | None,
    ) -> None:
        self.path = os.path.abspath(path)
        self.inputs = inputs
        self.version = version
        self.host = PluginHost(cluster_name="cluster", qos=qos, listen=listen)
        names: Iterable[str] | None = None
        if version is not None:
            known = load().known_names(script_type, version)
            names = [name.removeprefix("slurm.") for name in known]
        self.script = PluginScript(
            self.host,
            self.path,
            script_type,
            names=names,
            search=search,
            settings=settings,
            dialect=dialect,
            memory_bytes=memory_bytes,
        )
        self._timeout_s = timeout_s

    def fields(self, record: str) -> dict[str, Field]:
        """Return the fields that a record has in this version."""
        known = read_fields()[record]
        return {name: one for name, one in known.items() if one.is_known(self.version)}

    def is_since(self, version: str) -> bool:
        """Tell whether what came with a version is to be followed."""
        order = [tuple(map(int, one.split("."))) for one in (self.version or NEWEST, version)]
        return order[0] >= order[1]

    def start(self, function: str) -> Result:
        """Load the script; return a result to be filled.

        Raises:
            ScriptError: as Slurm words it; it would not start with such a script.
        """
        self.script.restrict()
        self._attend(self.script.load)
        if not self.script.has_function(function):
            raise ScriptError(f"{self.path}: has no function {function}", code="NOT_FOUND")
        return Result(
            script=self.path,
            script_type=self.script.script_type,
            function=function,
            version=self.version or NEWEST,
            dialect=self.script.dialect,
        )

    def call(self, result: Result, *args: Any) -> tuple[Any, ...] | None:
        """Call the function of a result; None: it failed, and the error is in the result."""
        answers: list[tuple[Any, ...]] = []
        try:
            self._attend(lambda: answers.append(self.script.run_function(result.function, *args)))
        except ScriptError as err:
            result.error = err
            return None
        finally:
            result.log = self.host.log_lines
            result.messages = self.host.messages
        result.returned = [self._describe(value) for value in answers[0]]
        return answers[0]

    def judge(self, value: Any, what: str) -> Verdict:
        """Return what a status means; what is no number is taken for success, and logged."""
        number = self.script.number_of(value)
        if number is None:
            self.say(INFO, f"{what}: {self.path}: non-numeric return code")
            return Verdict(True)
        return reject(int(number)) if int(number) else Verdict(True)

    def say(self, level: int, text: str) -> None:
        """Log a line of Slurm's own."""
        self.host.log(level, text.encode("utf-8", "surrogateescape"))

    def complain(self, text: str) -> None:
        """Log an error of Slurm's own."""
        self.say(ERROR, text)

    def _describe(self, value: Any) -> Any:
        try:
            return self.script.data_of(value)
        except ScriptError:
            return f"({type(value).__name__})"

    def _attend(self, work: Callable[[], None]) -> None:
        attendant = Attendant(Loop())
        late = ScriptError(f"took longer than {self._timeout_s:g} s", code="ETIMEDOUT")
        try:
            with attendant.signals():
                attendant.run(
                    work,
                    cancel=self.script.cancel,
                    interrupt=self.host.interrupt,
                    late=late,
                    timeout_s=self._timeout_s,
                )
        except ScriptError as err:
            reason = attendant.reason
            if reason is None:
                raise
            place = _PLACE.match(err.message)
            message = (place[0] if place else f"{self.path}: ") + reason.message
            raise ScriptError(message, code=reason.code, traceback=err.traceback) from err


def reject(number: int) -> Verdict:
    """Return the verdict of an error's number."""
    return Verdict(False, number, error_name(number), error_text(number))
