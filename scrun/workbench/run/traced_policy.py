"""The policy of a process that tells what it does, and the way by which it tells.

Its events go to a FIFO, a pickle each with its length before it.
"""

from __future__ import annotations

import dataclasses
import os
import pickle
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from scrun.anchor.policy import Policy
from scrun.errors import ScriptError, ScrunError
from scrun.host import process as processes
from scrun.lua.runtime import Interrupted
from scrun.lua.search import SearchPath
from scrun.settings import Settings
from scrun.workbench.run import bypass
from scrun.workbench.run.events import Began, Ended, Event, Journal, Primitive

if TYPE_CHECKING:
    from scrun.anchor.policy import Done
    from scrun.workbench.run.files import Files
    from scrun.workbench.run.hosts import WatchedHost

READ_ONLY = ("config", "console_size", "job_variables")  # they do nothing: not shown
LENGTH_BYTES = 4
TICK_S = 0.05
EVERYTHING = "*"


@dataclasses.dataclass(frozen=True)
class Watch:
    """How an anchor is to be watched, or a verb that has none.

    Attributes:
        fifo: takes the events.
        cancel_path: while that file is there, the verb that it names is ended, or `EVERYTHING`.
        search, script, stager: of the site that is tried out.
        settings: in place of the site's.
        scratch_dir: of the run.
        timeout_s: for a module to load; 0: any time.
        keeper: the process that shows the run; without it everything is ended.
    """

    fifo: str
    cancel_path: str
    search: SearchPath
    script: str | None
    stager: str | None
    settings: Mapping[str, object]
    scratch_dir: str
    timeout_s: float
    keeper: int


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


class TracedPolicy(Policy):
    """Notes verbs, and the primitives that they call."""

    def __init__(self, search: SearchPath, journal: Journal, watch: Watch) -> None:
        super().__init__(search)
        self._journal = journal
        self._watch = watch
        self._verbs: dict[int, str] = {}  # by id of the Done of each that runs
        self._active = ""
        self._deadline: float | None = None  # for what is no verb
        self._traceback = ""
        self._runtime.watch(self.check_end)

    def watch_commands(
        self,
        host: WatchedHost,
        *,
        files: Files | None = None,
        output: Callable[[int, bytes], None] | None = None,
    ) -> None:
        """Let ``os.execute`` be noted, and ended.

        Args:
            host: runs it.
            files: where files go that modules write; None: where they say.
            output: gets 1 or 2 and what the command has written there; None: modules are run by an
                anchor, where nobody sees it, and which no module shall end.
        """

        def execute(script: bytes) -> int:
            observer, processes.observer = processes.observer, None  # the host tells of it
            try:
                with self._ending(host.interrupt):
                    status, out, err = host.shell("os.execute", script)
            finally:
                processes.observer = observer
            stop = self.check_end()
            if stop is not None:
                raise Interrupted(stop[0], code=stop[1])
            if output is not None:
                output(1, out)
                output(2, err or b"")
            return status

        bypass.install(
            self._runtime,
            self._journal,
            execute=execute,
            trace=lambda _traceback: None,
            files=files,
            scratch_dir=self._watch.scratch_dir,
            capture=False,
            may_exit=output is not None,
        )

    def settings(self) -> Settings:
        """Return the site's settings, as they are changed for the run."""
        with self._timed():
            return Settings(super().settings().table | dict(self._watch.settings))

    def offer(self, primitives: Mapping[str, Callable[..., None]]) -> None:
        """Offer them, watched."""
        super().offer({name: self._watched(name, call) for name, call in primitives.items()})

    def check(self, verbs: Iterable[str]) -> None:
        """Check; an error is noted with its traceback."""
        for verb in verbs:
            try:
                with self._timed():
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

        self._verbs[id(ended)] = self._active = verb
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

    def describe_strictly(self, members: dict[str, object]) -> object:
        """Describe."""
        with self._timed():
            return super().describe_strictly(members)

    def _step(self, task: Any, values: tuple[object, ...], done: Done) -> None:
        self._active = self._verbs.get(id(done), "")
        super()._step(task, values, done)

    def check_end(self) -> tuple[str, str] | None:
        """Tell whether what runs is to end: it may be in a loop, where no signal reaches us."""
        is_timed = self._deadline is not None
        if self._deadline is not None and monotonic() > self._deadline:
            return f"took longer than {self._watch.timeout_s:g} s (--timeout)", "ETIMEDOUT"
        try:
            with open(self._watch.cancel_path) as file:
                verb = file.read()
        except OSError:
            verb = "" if os.path.exists(f"/proc/{self._watch.keeper}") else EVERYTHING
        is_meant = verb in (self._active, EVERYTHING) or is_timed
        return ("cancelled", "CANCELLED") if verb and is_meant else None

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Let what is run in this context, which is no verb, take no longer than it may."""
        self._deadline = monotonic() + (self._watch.timeout_s or float("inf"))
        try:
            yield
        finally:
            self._deadline = None

    @contextmanager
    def _ending(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Interrupt, again and again, what runs in this context when it is to end."""
        over = threading.Event()

        def attend() -> None:
            while not over.wait(TICK_S):
                if self.check_end() is not None:
                    interrupt()

        thread = threading.Thread(target=attend)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

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
