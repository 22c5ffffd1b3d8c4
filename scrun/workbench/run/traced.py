"""An anchor that tells what it does: the real one, with parts that note what passes them.

It is forked by the workbench in the place of `scrun.anchor.main.Anchor`.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from scrun import log
from scrun.anchor import main
from scrun.anchor.policy import Policy
from scrun.anchor.stage_host import StageHost
from scrun.anchor.staging import Staging
from scrun.host import process as processes
from scrun.host.loop import Loop
from scrun.host.process import SIGKILL
from scrun.lua.search import SearchPath
from scrun.lua.site import SiteScript
from scrun.settings import Settings
from scrun.workbench.run.events import (
    Began,
    Exited,
    Journal,
    Logged,
    Started,
)
from scrun.workbench.run.hosts import LiveHost, WatchedHost
from scrun.workbench.run.script import WatchedScript
from scrun.workbench.run.traced_policy import Sink, TracedPolicy, Watch

if TYPE_CHECKING:
    from typing import NoReturn

    from scrun.host.process import Process

LONGEST_WORD = 300  # characters of an argument of a program; the scripts for nodes are long


def make_serve(watch: Watch) -> Callable[..., NoReturn]:
    """Return what is the anchor for `scrun.anchor.create.create`."""

    class Traced(TracedAnchor):
        pass

    Traced.watch = watch

    return functools.partial(main.serve, kind=Traced)


class TracedAnchor(main.Anchor):
    """The anchor; ``watch`` says how."""

    watch: Watch

    def make_loop(self) -> Loop:
        """Begin to watch: it is the first part."""
        self.journal = Journal(Sink(self.watch.fifo).send)
        self._watched_loop = loop = TracedLoop(self.journal)
        processes.observer = loop.observe
        log.listen(self._logged)
        return loop

    def find_site(self, slurm_conf: str) -> SearchPath:
        """Return the one that is tried out."""
        return self.watch.search

    def make_policy(self, search: SearchPath) -> Policy:
        """Return one that notes."""
        policy = TracedPolicy(search, self.journal, self.watch)
        policy.watch_commands(WatchedHost(LiveHost(self.container, ""), self.journal))
        return policy

    def make_host(self, cluster: str) -> StageHost:
        """Return one that answers what is run past it as well."""
        return LiveHost(self.container, cluster)

    def make_staging(self, host: StageHost, search: SearchPath, settings: Settings) -> Staging:
        """Return one that notes."""
        assert isinstance(host, LiveHost)
        loop, container, journal = self.loop, self.container, self.journal
        return TracedStaging(loop, container, host, search=search, settings=settings).watched(
            WatchedHost(host, journal), self.watch
        )

    def _interrupted(self, number: int) -> None:
        """End the container at once: the run is over."""
        self.lifecycle.interrupt(SIGKILL)

    def _logged(self, level: int, text: str) -> None:
        if level <= log.INFO:
            self.journal.add(Logged(level, text))


class TracedLoop(Loop):
    """Notes the programs that this thread starts, and how they end."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal
        self._thread = threading.get_ident()  # commands of the script are noted by its host
        self._running: dict[int, tuple[str, float]] = {}
        self._captured: dict[int, Exited] = {}

    def observe(self, pid: int, argv: Sequence[str] | None, status: int) -> None:
        """Hear of a start, or of an end."""
        if threading.get_ident() != self._thread:
            return
        if argv is not None:
            self._running[pid] = os.path.basename(argv[0]), monotonic()
            self._journal.add(Started(pid, [_shorten(word) for word in argv]))
            return
        program, began = self._running.pop(pid, ("", 0.0))
        if program:
            event = Exited(pid, program, status, monotonic() - began)
            if pid in self._captured:
                self._captured[pid] = event
            else:
                self._journal.add(event)

    def capture(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        callback: Callable[[int, bytes], None],
        *,
        streams: tuple[int, ...] = (1,),
    ) -> Process:
        """Capture, and note the output."""

        def called(status: int, output: bytes) -> None:
            event = self._captured.pop(process.pid)
            event.output = output.decode(errors="replace")
            self._journal.add(event)
            callback(status, output)

        process = super().capture(argv, environment, called, streams=streams)
        self._captured[process.pid] = Exited(process.pid, "", 0, 0.0)
        return process


class TracedStaging(Staging):
    """Runs the script under observation."""

    def watched(self, host: WatchedHost, watch: Watch) -> TracedStaging:
        """Return this, to be watched so."""
        self._watched_host, self._watch = host, watch
        return self

    def make_script(self) -> SiteScript:
        """Return one that notes."""
        watch, settings = self._watch, self._settings
        stager = watch.stager or settings.stage
        return TracedScript(
            self._watched_host,
            script=watch.script,
            stager=stager,
            search=self._search,
            dialect=settings.dialect,
            memory_bytes=settings.lua_memory_bytes,
            files=None,
            scratch_dir=watch.scratch_dir,
        )


class TracedScript(WatchedScript):
    """Notes its functions as they are called."""

    def load(self) -> None:
        """Load."""
        self._traced("load", super().load)

    def stage_in(self, **arguments: Any) -> None:
        """Stage in."""
        run = super().stage_in
        self._traced("stage_in", lambda: run(**arguments))

    def stage_out(self, **arguments: Any) -> None:
        """Stage out."""
        run = super().stage_out
        self._traced("stage_out", lambda: run(**arguments))

    def _traced(self, function: str, run: Callable[[], None]) -> None:
        self.host.journal.add(Began(function, []))
        failure = self.attend(function, run, lambda failure: failure)
        if failure is not None:
            raise failure


def _shorten(word: str) -> str:
    """Return a word as it is shown: of a script its first line."""
    first, *more = word.strip("\n").split("\n")
    if len(first) > LONGEST_WORD:
        first, more = first[:LONGEST_WORD], [""]
    return f"{first} ..." if more else first
