"""A verb that needs no container (features, spec, checkpoint, restore), in a process of its own.

That process does what `scrun.anchor.containerless` does when it is called on the command line, and
tells of it. On its standard streams is what an engine, or a person, would have got.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING

from scrun import log
from scrun.anchor import containerless
from scrun.errors import HostError, ScriptError, ScrunError, StateError
from scrun.host import process as processes
from scrun.hot.parse import Command
from scrun.lua.search import SearchPath
from scrun.oci.config import FILE_NAME
from scrun.workbench.run.attend import Attendant
from scrun.workbench.run.caller import VerbCaller
from scrun.workbench.run.engine import Call
from scrun.workbench.run.events import Ended, Exited, Journal, Logged, Output, Wrote
from scrun.workbench.run.files import Files
from scrun.workbench.run.hosts import WatchedHost
from scrun.workbench.run.job import find_user
from scrun.workbench.run.options import NO_ID, Options
from scrun.workbench.run.stages import explain_end
from scrun.workbench.run.traced import TracedLoop
from scrun.workbench.run.traced_policy import EVERYTHING, Sink, TracedPolicy, Watch

if TYPE_CHECKING:
    from scrun.anchor.policy import Done
    from scrun.workbench.run.hosts import Host


class ContainerlessVerb(VerbCaller):
    """One verb, called as on a machine of the backend.

    Args:
        directory: the run's own.
        host: answers what modules run past ``require 'host'``.
        files: where files go that modules write; None: where they say.

    Attributes:
        target: the file that ``spec`` is to write, absolute; None of other verbs.
        written: what it wrote; None: nothing.
    """

    def __init__(
        self,
        options: Options,
        search: SearchPath,
        directory: str,
        attendant: Attendant,
        journal: Journal,
        *,
        host: Host,
        files: Files | None,
    ) -> None:
        backend = "local" if options.backend == "local" else "slurm"
        super().__init__(options, search, directory, attendant, journal, backend=backend)
        self._host = host
        self._files = files
        find_user(options.user)  # one that is not there is told of at once
        self._asked = self._ask()
        self.target = containerless.spec_path(self._asked) if self._verb == "spec" else None
        self.written: bytes | None = None

    def run(self) -> ScrunError | None:
        """Run the verb; return its error."""
        calls: list[Call] = []
        place = self._place()
        command = Command(self._verb, self._asked.globals, self._asked.options, self._operands)
        if place is not None:
            command.options = command.options | {"file": place}
        with self._limited(self._verb):
            self._attendant.wait(
                lambda done: calls.append(
                    Call(self._loop, command, done, None, carry_out=self._carry_out)
                ),
                lambda: self._cancel(EVERYTHING, calls[0].stop),
            )
        self._events.close()
        (call,) = calls
        for stream, data in (("stdout", call.output), ("stderr", call.errors)):
            if data:
                self._journal.add(Output(self._verb, stream, data.decode(errors="replace")))
        seconds = monotonic() - call.began
        self._journal.add(Exited(call.process.pid, self._verb, call.status or 0, seconds))
        if not call.status and place is not None:
            self._read(place)
        return self._error(call)

    def _ask(self) -> Command:
        """Return the command as a person would have given it."""
        options = self.options
        given = options.command.options if options.command is not None else {}
        if options.bundle is not None:
            given = {"bundle": options.bundle} | given
        globals_ = {"slurm_conf": options.slurm_conf} if options.slurm_conf else {}
        return Command(self._verb, dict(globals_), given, [])

    @property
    def _operands(self) -> list[str]:
        return [] if self._verb in NO_ID else [self.options.container_id]

    def _place(self) -> str | None:
        """Return the file that ``spec`` shall write: its own, or one of the run's."""
        target = self.target
        if target is None or self.options.in_place:
            return target
        directory = os.path.dirname(target)
        if os.path.lexists(target) or not os.access(directory, os.W_OK | os.X_OK):
            return target  # to be told why not, as anybody would be
        return f"{self._directory}/scratch/{FILE_NAME}"

    def _read(self, place: str) -> None:
        try:
            with open(place, "rb") as file:
                self.written = file.read()
        except OSError as err:
            raise HostError("read", err, path=place) from err
        if place != self.target:
            self._journal.add(Wrote(str(self.target), len(self.written)))

    def _error(self, call: Call) -> ScrunError | None:
        ended = self._failed
        failure = None
        if ended is not None:
            failure = ScriptError(str(ended.error), code=ended.code, traceback=ended.traceback)
        reason = self._attendant.reason
        if reason is not None:
            return explain_end(failure, reason, f"scrun.verbs.{self._verb}")
        if call.status and failure is None:
            errors = call.errors.decode(errors="replace").strip()
            silent = f"{self._verb} ended with status {call.status} and no message"
            return StateError(errors.rpartition("scrun: ")[2] or silent)
        return failure

    # -- in the process of the verb ----------------------------------------------------------

    def _carry_out(self, command: Command) -> int:
        """Carry the verb out as `scrun.entry` does; a failure is a line on stderr."""
        journal = Journal(Sink(self._watch.fifo).send)
        processes.observer = TracedLoop(journal).observe
        os.environ.pop("SCRUN_LUA_DIR", None)  # the site is another

        def listen(level: int, text: str) -> None:
            if level <= log.INFO:
                journal.add(Logged(level, text))

        def make_policy(_search: SearchPath) -> Policy:
            policy = Policy(self._watch, journal, self._asked, self.options.user)
            host = WatchedHost(self._host, journal)
            policy.watch_commands(host, files=self._files, output=_write)
            return policy

        log.listen(listen)
        try:
            return containerless.run(command, make_policy)
        except ScrunError as err:
            if not any(isinstance(event, Ended) and event.error for event in journal.events):
                journal.add(Ended(command.verb, 0.0, error=str(err), code=err.code))
            log.report(err)
            return err.exit_status


class Policy(TracedPolicy):
    """Runs the verb with what was asked, whatever is done about it.

    Args:
        asked: has the options that modules see.
        user: whose facts they get; None: the caller's.
    """

    def __init__(self, watch: Watch, journal: Journal, asked: Command, user: str | None) -> None:
        super().__init__(watch.search, journal, watch)
        self._asked = asked
        self._user = user

    def run(self, verb: str, container: Mapping[str, object], request: object, done: Done) -> None:
        """Run the verb."""
        facts = dict(container)
        if self._user is not None:
            user = find_user(self._user)
            facts |= {"user_id": user.uid, "group_id": user.gid, "rootless": user.uid != 0}
        super().run(verb, facts, self._asked.options, done)

    def shown(self, container: Mapping[str, object], request: object) -> dict[str, object]:
        """Return the facts as well."""
        facts = {name: value for name, value in container.items() if value != ""}
        return facts | super().shown(container, request)


def _write(fd: int, data: bytes) -> None:
    """Write among what the verb prints."""
    os.write(fd, data)
