"""The Lua state of a spec: the one of a site's script, with the test library in it.

It is made in two steps, as most of its making is for what a plain spec never looks at: first what
`describe`, `it` and `assert` need, then `complete` all the rest. luastd/test/scope.lua sees to it
that a spec cannot tell: it is called when one uses any other name.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from scrun.lua import host_files, popen, slurm_api
from scrun.lua.runtime import Interrupted, Runtime
from scrun.lua.search import SearchPath
from scrun.workbench.test.compiled import (
    compiled_constants,
    preload_library,
    read_compiled,
)
from scrun.workbench.test.site import SpecHost

if TYPE_CHECKING:
    from collections.abc import Callable

INSTRUCTIONS = 200_000  # between two looks at the clock
FIRST_FILE = "values.lua"  # that each state begins with
STOP = b"collectgarbage 'stop'"  # until a state is made: all of it stays
# A method of every text, so one that a spec can reach without any name.
BEGIN = STOP + b" string.gfind = string.gfind or string.gmatch"
ONE_CHANCE = ("5.1", "5.2", "5.3")  # dialects whose math.random is C's, and so the process's
CLEANING_S = 1.0  # for after_each, once a test is out of time


class SpecRuntime(Runtime):
    """A state whose scripts are watched by one clock, whoever asks for a watch."""

    _search: SearchPath

    def furnish(self, search: SearchPath) -> None:
        """Wait with it for `complete`."""
        self._search = search

    def complete(self) -> None:
        """Make the libraries what they are for a site's script."""
        super().furnish(self._search)

    def run_host_file(self, name: str, *args: object) -> Any:
        """Run a Lua file of scrun.lua."""
        if name == FIRST_FILE:
            self.lua.execute(BEGIN)
        if name == "slurm.lua":
            *others, constants = args
            assert isinstance(constants, bytes)
            args = (*others, compiled_constants(self, constants))
        return self.lua.compile(read_compiled(self.dialect, name), name=b"=[host]")(*args)

    def watch(self, check: Callable[[], tuple[str, str] | None], *, instructions: int = 0) -> None:
        """Do nothing: a script that a spec loads is under the spec's own watch already."""

    def close(self) -> None:
        """Close the state, so that the next one gets its memory; nobody may use it any more."""
        self.__dict__.clear()  # with the last of our references to it lupa closes it

    def set_clock(self, check: Callable[[], tuple[str, str] | None]) -> None:
        """Watch; may be called once."""
        super().watch(check, instructions=INSTRUCTIONS)


class State:
    """A state with the test library in it, of which most waits for `complete`.

    Attributes:
        runtime, host: where scripts run, and on what.
        variables: the job's environment, for ``host.getenv``.
        main: the function of luastd/test/main.lua.
        timed_out: since the clock was last set.
        is_whole: after `complete`.
    """

    def __init__(self, dialect: str, site: str | None, timeout_s: float) -> None:
        self.site = site
        self.timeout_s = timeout_s
        self.timed_out = False
        self.is_whole = False
        self._deadline = monotonic() + timeout_s
        self.variables: dict[bytes, bytes] = {}
        self.runtime = SpecRuntime(dialect, search=SearchPath(site))
        self.host = SpecHost(self.runtime)
        self.main = preload_library(self.runtime, first=True)

    def complete(self) -> None:
        """Make the rest: ``require``, ``slurm``, ``host`` and the like; once."""
        self.is_whole = True
        self.runtime.lua.execute(STOP)
        self.runtime.complete()
        self.install_slurm()
        host_files.install(self.runtime, self.host, self.guard, self.variables)
        popen.install(self.runtime)
        preload_library(self.runtime, first=False)

    def install_slurm(self) -> Any:
        """Set a fresh global ``slurm``; return the function that prepares a job_env."""
        return slurm_api.install(self.runtime, self.host, self.guard)

    def begin(self) -> None:
        """Let the time for a file begin, with chance as it is in a new process."""
        if self.runtime.dialect in ONE_CHANCE:
            self.runtime.lua.execute(b"math.randomseed(1)")
        self.set_clock()

    def set_clock(self) -> None:
        """Let the time for a test begin."""
        self.timed_out = False
        self._deadline = monotonic() + self.timeout_s

    def check(self) -> tuple[str, str] | None:
        """Tell why the running test must end; None: it may go on."""
        if monotonic() < self._deadline:
            return None
        self.timed_out = True
        self._deadline = monotonic() + CLEANING_S
        return self.complaint, "ETIMEDOUT"

    @property
    def complaint(self) -> str:
        """What is said of a test that took too long."""
        return f"timed out after {self.timeout_s:g} s"

    def guard(self) -> None:
        """Raise when the time is over; called around what waits."""
        answer = self.check()
        if answer is not None:
            raise Interrupted(answer[0], code=answer[1])
