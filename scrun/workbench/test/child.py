"""The inside of a spec's process: run a file, note what happens as it happens.

Events are ``["b", name, source]`` a test begins, ``["f", outcome, ...]`` it has finished,
``["d", tests, hits, seconds]`` the file has. So a process that ends without the last one has been
ended, and the parent sees in which test. They come as lines of JSON, each with a list of events.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

from scrun.errors import ScriptError, ScrunError
from scrun.workbench.test import golden
from scrun.workbench.test.site import Stages
from scrun.workbench.test.state import INSTRUCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.workbench.test.plan import Options, Spec
    from scrun.workbench.test.state import State

LOADING = "(loading)"
FILTERS = ("filter", "filter_out", "tags", "exclude_tags")
MOST_TEXT = 200_000  # of one message; a spec may compare very long strings


class Child:
    """Runs one spec file. It is made before the file is known, as far as all are alike.

    Attributes:
        is_spoilt: after `run`: what it has run may have done something to the process.
        is_whole: after `run`: what it has run could have; else it had no name of anything.
    """

    def __init__(self, state: State, options: Options) -> None:
        self._state = state
        self._options = options
        self.is_spoilt = self.is_whole = False
        self._pending: list[list[object]] = []
        self._exit: str | None = None
        self._open = False
        self._has_timed_out = False
        self._began = 0.0
        self._stages = Stages(state)
        self._spec: Spec
        self._events: int
        function = state.runtime.function
        first = (self.begin, self.finish, self.complete)
        state.main[b"prepare"](*[function(one, one.__name__) for one in first])

    def collect(self) -> None:
        """Collect the garbage of its making: before a fork, or each process would begin with it."""
        self._state.runtime.call(self._state.runtime.get("collectgarbage"))

    def close(self) -> bool:
        """Close the state of a file that has run, if nobody can tell: no script has a finalizer.

        Returns: False: it has to be kept to the end of the process.
        """
        if self.is_whole:
            return False
        state = self._state
        runtime = state.runtime
        for owner in (self, self._stages, state.host, state):
            owner.__dict__.clear()
        runtime.close()
        return True

    def run(self, spec: Spec, events: int, scratch: str) -> None:
        """Run a file to its end.

        Args:
            events: descriptor of the file that takes the lines.
            scratch: where the spec's directories are made.
        """
        self._spec, self._events = spec, events
        runtime, options = self._state.runtime, self._options
        directories, path = _search_path(options.directories, spec.directories, os.getcwd())
        self._stages.begin(directories, scratch)
        stop_counting = self._start_clock()
        self._state.begin()
        declared: object = None
        self.is_spoilt = True
        began = monotonic()
        try:
            chunk = runtime.load_file(spec.path)
            filters = {name: found for name in FILTERS if (found := getattr(options, name))}
            seed = None if options.seed is None else options.seed + spec.round - 1
            settings = (path, seed, filters or None)
            main = self._state.main[b"run"]
            declared, has_foreign_code = runtime.call(main, chunk, f"{spec.path}:1", *settings)
            self.is_spoilt = bool(has_foreign_code) or self._has_timed_out
        except ScrunError as failure:
            self._fail(failure)
        self.is_whole = self._state.is_whole or self.is_spoilt
        hits = stop_counting() if stop_counting else {}
        self._send(["d", declared, hits, round(monotonic() - began, 6)])

    # -- the functions that luastd/test/main.lua gets -----------------------------------------

    def _functions(self) -> Any:
        table = self._state.runtime.lua.table()
        add = self._state.runtime.add_function
        for raising in (self.golden, self.exit):
            add(table, raising.__name__, raising)
        add(table, "directory", self._stages.directory)
        for returning in ("load", "stager", "stage_in", "stage_out"):
            add(table, returning, getattr(self._stages, returning), errors="return")
        return table

    def complete(self) -> None:
        """Make the rest of the state: the spec is no plain one."""
        state = self._state
        state.complete()
        state.host.listen(*state.runtime.call(state.main[b"extend"], self._functions()))

    def begin(self, name: object, source: object) -> None:
        """Say that a test begins, and let its time begin."""
        self._open = True
        self._exit = None
        self._began = monotonic()
        self._state.set_clock()
        self._send(["b", _text(name), _text(source)])

    def finish(self, outcome: object, *details: object) -> None:
        """Say how it came out: message, place, traceback, expected, actual."""
        self._open = False
        message, *more = (_text(detail) for detail in (*details, *[None] * (5 - len(details))))
        if self._state.timed_out:
            self._has_timed_out = True
            outcome = b"error"
            if message is None or self._state.complaint not in message:
                message = self._state.complaint
        elif self._exit is not None and outcome in (b"pass", b"pending"):
            outcome, message = b"error", self._exit
        self._state.set_clock()  # for the fixtures between this test and the next
        took_s = round(monotonic() - self._began, 6)
        self._pending.append(["f", took_s, _text(outcome), message, *more])

    def golden(self, name: bytes, value: object) -> golden.Verdict:
        """Compare with a golden file."""
        replace = self._stages.replacements()
        spec, update = self._spec.path, self._options.update
        return golden.compare(spec, os.fsdecode(name), value, replace, update)

    def exit(self, code: object = None) -> None:
        """Refuse ``os.exit``: the test has failed, whoever catches the error."""
        self._exit = f"os.exit({'' if code is None else _text(code)}) was called"
        raise ScriptError(self._exit)

    # -- inside ------------------------------------------------------------------------------

    def _fail(self, failure: ScrunError) -> None:
        """Report what was raised outside of any test, or inside of one that it has ended."""
        if not self._open:
            self.begin(LOADING, f"{self._spec.path}:1")
        where, message = split_place(str(failure))
        trace = failure.traceback if isinstance(failure, ScriptError) else ""
        self.finish(b"error", message.encode(), where.encode(), trace.encode())

    def _send(self, event: list[object]) -> None:
        data = f"{json.dumps([*self._pending, event])}\n".encode()
        self._pending = []
        while data:
            data = data[os.write(self._events, data) :]

    def _start_clock(self) -> Callable[[], object] | None:
        if not self._options.coverage:
            self._state.runtime.set_clock(self._state.check)
            return None
        from scrun.workbench.test import coverage  # only when asked for

        self._state.runtime.call(self._state.main[b"complete"])
        return coverage.start(self._state, INSTRUCTIONS)


def split_place(message: str) -> tuple[str, str]:
    """Split ``file:line: what`` into its place and the rest; no place: an empty one."""
    place, separator, rest = message.partition(": ")
    line = place.rpartition(":")[2]
    return (place, rest) if separator and line.isdecimal() and "\n" not in place else ("", message)


@lru_cache
def _search_path(
    asked: tuple[str, ...], above: tuple[str, ...], here: str
) -> tuple[tuple[str, ...], str]:
    """Return where a spec's modules and scripts are, and the same as in package.path."""
    directories = tuple(dict.fromkeys((*asked, *above, here, f"{here}/src")))
    return directories, ";".join(f"{path}/?.lua;{path}/?/init.lua" for path in directories)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    text = str(value)
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}… ({len(text)} characters)"
