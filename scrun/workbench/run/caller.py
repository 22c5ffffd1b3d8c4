"""Verbs that are called as an engine would call them, for no longer than they may take."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scrun.errors import ScrunError
from scrun.lua.search import SearchPath
from scrun.workbench.run.attend import Attendant
from scrun.workbench.run.engine import Events
from scrun.workbench.run.events import Ended, Event, Journal
from scrun.workbench.run.options import Options
from scrun.workbench.run.traced_policy import Watch

CANCEL_S = 0.5  # for a verb that runs in Lua to end by itself


class VerbCaller:
    """Has a verb called, and hears what it does.

    Args:
        directory: the run's own.
        backend: the site's setting in the run.

    Attributes:
        notes: what a person should know besides.
    """

    def __init__(
        self,
        options: Options,
        search: SearchPath,
        directory: str,
        attendant: Attendant,
        journal: Journal,
        *,
        backend: str,
    ) -> None:
        self.options = options
        self.notes: list[str] = []
        self._verb = options.functions[0]
        self._directory = directory
        self._cancel_path = f"{directory}/cancel"
        self._attendant = attendant
        self._loop = attendant.loop
        self._journal = journal
        self._failed: Ended | None = None  # how the verb that is called has failed
        settings: dict[str, object] = {"backend": backend}
        if options.dialect is not None:
            settings["dialect"] = options.dialect
        if options.memory_bytes is not None:
            settings["lua_memory_bytes"] = options.memory_bytes
        self._watch = Watch(
            fifo=f"{directory}/events",
            cancel_path=self._cancel_path,
            search=search,
            script=options.site.script,
            stager=options.site.stager,
            settings=settings,
            scratch_dir=f"{directory}/scratch",
            timeout_s=options.timeout_s,
            keeper=os.getpid(),
        )
        self._events = Events(self._loop, self._watch.fifo, self._hear)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Ended) and event.error is not None:
            self._failed = event
        self._journal.add(event)

    @contextmanager
    def _limited(self, verb: str) -> Iterator[None]:
        """Let what is called in this context take no longer than it may."""
        timeout_s = self.options.timeout_s
        late = ScrunError(f"took longer than {timeout_s:g} s (--timeout)", code="ETIMEDOUT")
        timer = None
        if timeout_s and verb == self._verb:
            timer = self._loop.call_later(timeout_s, lambda: self._attendant.stop(late))
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()

    def _cancel(self, verb: str, stop: Callable[[], None]) -> None:
        """End a verb: by itself where it is in Lua, so that it says where; else without a word."""
        self._write_cancel(verb)
        self._loop.call_later(CANCEL_S, stop)

    def _write_cancel(self, verb: str) -> None:
        with open(f"{self._cancel_path}~", "w") as file:
            file.write(verb)
        os.rename(f"{self._cancel_path}~", self._cancel_path)
