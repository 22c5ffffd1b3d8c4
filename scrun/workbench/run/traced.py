"""An anchor that tells what it does: the real one, with parts that note what passes them.

It is forked by the workbench in the place of `scrun.anchor.main.Anchor`. Its events go to a FIFO, a
pickle each with its length before it.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pickle
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from scrun import log
from scrun.anchor import main
from scrun.anchor.policy import Policy
from scrun.anchor.stage_host import StageHost
from scrun.anchor.staging import Staging
from scrun.errors import ScriptError, ScrunError
from scrun.host import process as processes
from scrun.host.loop import Loop
from scrun.host.process import SIGKILL
from scrun.lua.search import SearchPath
from scrun.lua.site import SiteScript
from scrun.settings import Settings
from scrun.workbench.run.events import (
    Began,
    Ended,
    Event,
    Exited,
    Journal,
    Logged,
    Primitive,
    Started,
)
from scrun.workbench.run.hosts import LiveHost, WatchedHost
from scrun.workbench.run.script import WatchedScript

if TYPE_CHECKING:
    from typing import NoReturn

    from scrun.anchor.policy import Done
    from scrun.host.process import Process

READ_ONLY = ("config", "console_size", "job_variables")  # they do nothing: not shown
LONGEST_WORD = 300  # characters of an argument of a program; the scripts for nodes are long
LENGTH_BYTES = 4
EVERYTHING = "*"


@dataclasses.dataclass(frozen=True)
class Watch:
    """How an anchor is to be watched.

    Attributes:
        fifo: takes the events.
        cancel_path: while that file is there, the verb that it names is ended, or `EVERYTHING`.
        search, script, stager: of the site that is tried out.
        settings: in place of the site's.
        scratch_dir: of the run.
    """

    fifo: str
    cancel_path: str
    search: SearchPath
    script: str | None
    stager: str | None
    settings: Mapping[str, object]
    scratch_dir: str


def make_serve(watch: Watch) -> Callable[..., NoReturn]:
    """Return what is the anchor for `scrun.anchor.create.create`."""

    class Traced(TracedAnchor):
        pass

    Traced.watch = watch

    return functools.partial(main.serve, kind=Traced)


class Sink:
    """Sends events, from any thread, as long as anybody reads them."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)

    def send(self, event: Event) -> None:
        """Send one."""
        data = pickle.dumps(event)
        data = len(data).to_bytes(LENGTH_BYTES, "big") + data
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError:  # nobody reads any more
                return


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
        return TracedPolicy(search, self.journal, self.watch)

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


class TracedPolicy(Policy):
    """Notes verbs, and the primitives that they call."""

    def __init__(self, search: SearchPath, journal: Journal, watch: Watch) -> None:
        super().__init__(search)
        self._journal = journal
        self._watch = watch
        self._verbs: dict[int, str] = {}  # by id of the Done of each that runs
        self._active = ""
        self._traceback = ""
        self._runtime.watch(self.check_end)

    def settings(self) -> Settings:
        """Return the site's settings, as they are changed for the run."""
        return Settings(super().settings().table | dict(self._watch.settings))

    def offer(self, primitives: Mapping[str, Callable[..., None]]) -> None:
        """Offer them, watched."""
        super().offer({name: self._watched(name, call) for name, call in primitives.items()})

    def check(self, verbs: Iterable[str]) -> None:
        """Check; an error is noted with its traceback."""
        for verb in verbs:
            try:
                super().check((verb,))
            except ScriptError as err:
                self._journal.add(Began(verb, []))
                self._journal.add(Ended(verb, 0.0, None, str(err), err.code, err.traceback))
                raise

    def run(self, verb: str, container: Mapping[str, object], request: object, done: Done) -> None:
        """Run a verb, and note its beginning and its end."""
        shown = self.shown(container, request)
        self._journal.add(Began(verb, [(name, str(value)) for name, value in shown.items()]))
        start = monotonic()
        self._traceback = ""

        def ended(ok: bool, told: Any, code: str) -> None:
            self._verbs.pop(id(ended), None)
            event = Ended(verb, monotonic() - start, returned="true")
            if not ok:
                event.returned, event.error, event.code = None, str(told), code
                event.traceback = self._traceback
            self._journal.add(event)
            done(ok, told, code)

        self._verbs[id(ended)] = verb
        super().run(verb, container, request, ended)

    def shown(self, _container: Mapping[str, object], request: object) -> dict[str, object]:
        """Return what a person is to see of a verb's arguments."""
        members = request if isinstance(request, dict) else {}
        hidden = ("environment", "config", "process")
        return {name: value for name, value in members.items() if name not in hidden}

    def note(self, failure: ScriptError) -> None:
        """Keep the traceback for the verb's end."""
        self._traceback = failure.traceback
        super().note(failure)

    def describe(self, members: dict[str, object]) -> dict[str, object] | None:
        """Describe; an error is noted as the verb's."""
        try:
            self.describe_strictly(members)
        except ScriptError as err:
            event = Ended("state", 0.0, error=str(err), code=err.code, traceback=err.traceback)
            self._journal.add(event)
        return super().describe(members)

    def _step(self, task: Any, values: tuple[object, ...], done: Done) -> None:
        self._active = self._verbs.get(id(done), "")
        super()._step(task, values, done)

    def check_end(self) -> tuple[str, str] | None:
        """Tell whether what runs is to end: it may be in a loop, where no signal reaches us."""
        try:
            with open(self._watch.cancel_path) as file:
                verb = file.read()
        except OSError:
            return None
        return ("cancelled", "CANCELLED") if verb in (self._active, EVERYTHING) else None

    def _watched(self, name: str, call: Callable[..., None]) -> Callable[..., None]:
        if name in READ_ONLY:
            return call

        def watched(resume: Callable[..., None], *arguments: object) -> None:
            start = monotonic()
            given = list(arguments)

            def resumed(*results: object) -> None:
                seconds = monotonic() - start
                self._journal.add(Primitive(name, given, list(results), seconds))
                resume(*results)

            try:
                call(resumed, *arguments)
            except ScrunError as err:
                resumed(None, str(err), err.code)

        return watched


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
