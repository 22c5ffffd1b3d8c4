"""A verb of the site for real: on a container of its own, in an anchor that tells what it does.

What the verb needs is done before and not shown: `kill` needs a container that runs. Afterwards the
container is deleted, whatever became of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from scrun.errors import ScriptError, ScrunError, StateError
from scrun.host.loop import Timer
from scrun.hot.parse import Command
from scrun.hot.wire import loads
from scrun.lua.search import SearchPath
from scrun.oci.config import Config
from scrun.oci.state import CREATED, PAUSED, RUNNING, STOPPED
from scrun.workbench.run.attend import Attendant
from scrun.workbench.run.caller import VerbCaller
from scrun.workbench.run.engine import STOPS, Call, Monitor
from scrun.workbench.run.events import (
    Became,
    Began,
    Document,
    Ended,
    Event,
    Exited,
    Journal,
    Output,
    Primitive,
)
from scrun.workbench.run.options import EXPECTED, Options
from scrun.workbench.run.stages import explain_end
from scrun.workbench.run.traced_policy import EVERYTHING

STEPS = {CREATED: (), RUNNING: ("start",), PAUSED: ("start", "pause"), STOPPED: ("start", "end")}
END_S = 20.0  # for the container to end, for each time that it is told to


class LiveVerb(VerbCaller):
    """One verb on one container.

    Args:
        directory: the run's own.

    Attributes:
        record: what the container's directory said of it before it was deleted.
        job_id, nodes: of its job; 0 and empty when there was none.
        at: the verb that failed.
    """

    def __init__(
        self,
        options: Options,
        search: SearchPath,
        config: Config,
        directory: str,
        attendant: Attendant,
        journal: Journal,
    ) -> None:
        super().__init__(options, search, directory, attendant, journal, backend=options.backend)
        self.record: dict[str, Any] = {}
        self.job_id = 0
        self.nodes = ""
        self.at = self._verb
        self._config = config
        self._root = f"{directory}/root"
        self._held: list[Event] | None = []  # not shown; None: all is shown
        self._begun: set[str] = set()  # what the anchor was asked for
        self._state_failed: Ended | None = None  # how the state document did, which is no verb
        self._monitor: Monitor | None = None

    def run(self, look: Callable[[], None]) -> ScrunError | None:
        """Run the verb; return its error.

        Args:
            look: called when the verb has ended, and the container is still there.
        """
        try:
            failure = self._prepare()
            self._read_record()
            if failure is None:
                self._show()
                failure = self._call(self._verb)
                if failure is None:
                    failure = self._see_out()
            else:
                self._show(all_of_it=True)
            self._read_record()
            look()
            return failure
        finally:
            self._clean_up()

    # -- before ------------------------------------------------------------------------------

    def _prepare(self) -> ScrunError | None:
        """Bring a container to the state that the verb expects."""
        if self._verb == "create":
            return None
        status = self.options.status or EXPECTED[self._verb]
        if self._verb == "delete" and self.options.force and not self.options.status:
            status = RUNNING
        for verb in ("create", *STEPS[status]):
            failure = self._end() if verb == "end" else self._call(verb)
            if failure is not None:
                self.at = verb
                return failure
        return None

    def _end(self) -> ScrunError | None:
        """Let the container end, for a verb that needs one that has."""
        if self._monitor is not None and not self._ends_within(0):
            failure = self._call("kill", Command("kill", {}, {}, ["", "KILL"]))
            if failure is not None and failure.code != "NOT_RUNNING":
                return failure
            self._ends_within(END_S)
        return None

    def _show(self, *, all_of_it: bool = False) -> None:
        """Let all be seen from now on."""
        self._events.drain()
        held, self._held = self._held or [], None
        for event in held if all_of_it else ():
            self._journal.add(event)

    # -- the verb ----------------------------------------------------------------------------

    def _call(self, verb: str, command: Command | None = None) -> ScrunError | None:
        """Call a verb as an engine would; return its error."""
        self._failed = None
        with self._limited(verb):
            failure = self._create() if verb == "create" else self._ask(verb, command)
        self._events.drain()
        ended = self._failed if verb != "state" else self._state_failed
        if ended is not None and (failure is not None or verb == "state"):
            failure = ScriptError(str(ended.error), code=ended.code, traceback=ended.traceback)
        reason = self._attendant.reason
        if reason is not None:
            shown = failure if isinstance(failure, ScriptError) else None
            return explain_end(shown, reason, f"scrun.verbs.{verb}")
        if failure is not None and verb == "create":
            failure.message = failure.message.removeprefix(f"create {self.options.container_id}: ")
        return failure

    def _create(self) -> ScrunError | None:
        options, given = self.options, {"root": self._root}
        if options.slurm_conf:
            given["slurm_conf"] = options.slurm_conf
        environment = {}
        if options.job_id is not None:
            environment["SLURM_JOB_ID"] = str(options.job_id)
        command = Command(
            "create", dict(given), {"bundle": self._config.bundle}, [options.container_id]
        )
        os.mkdir(self._root, 0o700)
        self._monitor = monitor = Monitor(
            self._loop,
            command,
            self._watch,
            self._events,
            environment,
            self._hear,
            terminal=self._config.terminal,
        )

        def begin(done: Callable[[], None]) -> None:
            def answered() -> None:
                if monitor.created is not None:
                    done()

            monitor.on_answer = answered

        self._attendant.wait(begin, lambda: self._cancel("create", monitor.stop))
        if monitor.created is True:
            return None
        assert isinstance(monitor.created, ScrunError)
        return monitor.created

    def _ask(self, verb: str, command: Command | None = None) -> ScrunError | None:
        asked = command or (self.options.command if verb == self._verb else None)
        asked = asked or Command(verb, {}, {}, [""])
        operands = [self.options.container_id, *asked.operands[1:]]
        command = Command(verb, {"root": self._root}, asked.options, operands)
        monitor = self._monitor
        assert monitor is not None
        calls: list[Call] = []
        self._attendant.wait(
            lambda done: calls.append(Call(self._loop, command, done, monitor)),
            lambda: self._cancel(verb, calls[0].stop),
        )
        (call,) = calls
        self._events.drain()
        if verb == self._verb:
            self._tell(verb, call)
        errors = call.errors.decode(errors="replace").strip()
        if call.status and (verb != "exec" or self._failed is not None or _is_ours(errors)):
            return StateError(errors.rpartition("scrun: ")[2] or f"status {call.status}")
        return None

    def _tell(self, verb: str, call: Call) -> None:
        """Note what a verb has printed."""
        text = call.output.decode(errors="replace")
        if verb == "state" and text:
            with suppress(ValueError):
                self._journal.add(Document(json.loads(text)))
                return
        if text:
            self._journal.add(Output(verb, "stdout", text))
        if verb == "exec":
            if call.errors:
                self._journal.add(Output(verb, "stderr", call.errors.decode(errors="replace")))
            seconds = monotonic() - call.began
            self._journal.add(Exited(call.process.pid, verb, call.status or 0, seconds))

    # -- after -------------------------------------------------------------------------------

    def _see_out(self) -> ScrunError | None:
        """Wait a while for what a verb brings about, and say what the container is then."""
        monitor, verb = self._monitor, self._verb
        assert monitor is not None
        if verb in ("start", "kill"):
            self._ends_within(self.options.linger_s)
        if self._attendant.reason is not None:
            return explain_end(None, self._attendant.reason, f"after scrun.verbs.{verb}")
        monitor.drain()
        self._events.drain()
        has_ended = monitor.status is not None
        if has_ended and self._verb not in (*self._begun, "state"):
            text = "its anchor is gone: scrun answers by itself then, without Lua"
            self.notes.append(f"the container had ended before {self._verb}, and {text}")
        if has_ended:
            self._journal.add(Became(STOPPED, monitor.status))
        elif verb != "delete":
            self._read_record()
            self._journal.add(Became(str(self.record.get("status"))))
        return None

    def _ends_within(self, seconds: float | None) -> bool:
        """Wait for the container's end, None: until we are stopped; False: it goes on."""
        monitor = self._monitor
        assert monitor is not None
        timers: list[Timer] = []
        stops: list[Callable[[], None]] = []

        def begin(done: Callable[[], None]) -> None:
            def ended() -> None:
                if monitor.status is not None:
                    done()

            stops.append(done)
            monitor.on_answer = ended
            if seconds is not None:
                timers.append(self._loop.call_later(seconds, done))
            ended()

        self._attendant.wait(begin, lambda: stops[0]())
        for timer in timers:
            timer.cancel()
        return monitor.status is not None

    def _read_record(self) -> None:
        path = f"{self._root}/{self.options.container_id}/record.cbor"
        with suppress(OSError, ValueError), open(path, "rb") as file:
            self.record = loads(file.read())
            job = self.record["job"]
            self.job_id = job.get("job_id", self.job_id)
            self.nodes = job.get("variables", {}).get("SLURM_JOB_NODELIST", self.nodes)

    def _clean_up(self) -> None:
        """Delete the container, with no verb of the site's: they may be what is wrong."""
        monitor = self._monitor
        self._hear_no_more()
        if monitor is not None:
            self._write_cancel(EVERYTHING)
            for _ in range(STOPS):
                if monitor.status is None:
                    monitor.stop()
                    patience = None if self._attendant.reason is None else END_S
                    self._ends_within(patience)
            if not self._is_gone():
                self._delete()
            monitor.close()
        self._events.close()

    def _is_gone(self) -> bool:
        assert self._monitor is not None
        path = f"{self._root}/{self.options.container_id}"
        return self._monitor.status is not None and not os.path.isdir(path)

    def _delete(self) -> None:
        operands = [self.options.container_id]
        command = Command("delete", {"root": self._root}, {"force": True}, operands)
        calls: list[Call] = []
        monitor = self._monitor
        assert monitor is not None

        def begin(done: Callable[[], None]) -> None:
            calls.append(Call(self._loop, command, done, monitor))
            self._loop.call_later(END_S, calls[0].stop)

        self._attendant.wait(begin, lambda: None)

    # -- what is heard -----------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        if isinstance(event, Began):
            self._begun.add(event.function)
        if isinstance(event, Ended) and event.error is not None:
            if event.function == "state":
                self._state_failed = event
            else:
                self._failed = event
        if isinstance(event, Primitive) and event.name == "allocate" and event.results[0]:
            self.job_id = int(str(event.results[0]))
        if self._held is None:
            self._journal.add(event)
        else:
            self._held.append(event)

    def _hear_no_more(self) -> None:
        self._events.drain()
        self._held = []


def _is_ours(errors: str) -> bool:
    return errors.startswith("scrun: ")
