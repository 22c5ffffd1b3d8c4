"""Run luastd's verbs as coroutines: a primitive parks the verb until the loop has its answer."""

from __future__ import annotations

from scrun import log
from scrun.errors import ConfigError, ScriptError, ScrunError
from scrun.lua.runtime import Runtime
from scrun.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from scrun.lua.runtime import Task
    from scrun.lua.search import SearchPath

    Resume = Callable[..., None]
    Primitive = Callable[..., None]  # called with resume first, then the Lua arguments
    Done = Callable[[bool, Any, str], None]
    """Whether the verb succeeded, then its value or the reason why not, and the reason's code."""

DIALECT = "5.4"

# `require 'host'` in a policy: each primitive reads as a call and is a yield to the loop.
HOST_MODULE = b"""
local names, yield = ..., coroutine.yield
local host = package.loaded.host or {}
for _, name in ipairs(names) do
  host[name] = function(...) return yield(name, ...) end
end
package.loaded.host = host
function os.exit()
  error("os.exit would end scrun itself: return nil and a message, or call error()", 2)
end
"""


class Policy:
    """The policy state of one anchor.

    Args:
        search: finds ``scrun.*`` and ``luastd.*`` modules.
    """

    def __init__(self, search: SearchPath) -> None:
        self._runtime = Runtime(DIALECT, search=search)
        self._primitives: dict[str, Primitive] = {}

    def settings(self) -> Settings:
        """Return the site's settings.

        Raises:
            ScrunError: the file is no Lua, or a value is wrong.
        """
        table = self._runtime.to_python(self._runtime.require("scrun.settings"), text=True)
        if not isinstance(table, dict):
            raise ConfigError("settings.lua: it must return a table")
        return Settings(table)

    def offer(self, primitives: Mapping[str, Primitive]) -> None:
        """Make ``require 'host'``, or add to it: modules that have it already see the more.

        Args:
            primitives: by name; each must call its ``resume`` exactly once, with the values that
                the Lua call returns: ``resume(True)`` or ``resume(None, message, code)``.
        """
        self._primitives |= primitives
        self._runtime.call(self._runtime.load(HOST_MODULE, "host"), sorted(primitives))

    def check(self, verbs: Iterable[str]) -> None:
        """Load the effective module of each verb: a broken one is found before there is a job.

        Raises:
            ScrunError: a module is no Lua, fails, or has no function ``run``.
        """
        for verb in verbs:
            self._function(verb, "document" if verb == "state" else "run")

    def describe(self, members: dict[str, object]) -> dict[str, object] | None:
        """Return what ``scrun.verbs.state`` makes of the state document; None when it cannot."""
        try:
            document = self.describe_strictly(members)
        except ScrunError as err:
            log.error(f"verbs/state.lua: {err}")
            return None
        return document if isinstance(document, dict) else None

    def describe_strictly(self, members: dict[str, object]) -> object:
        """As `describe`, but an error is raised."""
        result = self._runtime.call(self._function("state", "document"), members)
        return self._runtime.to_python(result[0] if result else None, text=True)

    def run(self, verb: str, container: Mapping[str, object], request: object, done: Done) -> None:
        """Call ``run`` of the verb's effective module; ``done`` hears how it ended.

        Success is a true first result; a second one is a value for the caller. An error in the
        script is logged with its traceback and ends the verb with the script's file and line.
        """
        try:
            task = self._runtime.coroutine(self._function(verb), container, request)
        except ScrunError as err:
            done(False, str(err), err.code)
            return
        self._step(task, (), done)

    def note(self, failure: ScriptError) -> None:
        """Log where a verb was when it raised an error."""
        log.script(failure.traceback)

    def _function(self, verb: str, function_name: str = "run") -> object:
        name = f"scrun.verbs.{verb}"
        module = self._runtime.require(name)
        function = module[function_name.encode()] if self._runtime.is_lua(module) else None
        if function is None:
            raise ScriptError(f"{name}: the module has no function {function_name}")
        return function

    def _step(self, task: Task, values: tuple[object, ...], done: Done) -> None:
        try:
            ended, results = task.resume(*values)
            plain = [self._runtime.to_python(value, text=True) for value in results]
            if not ended and (not plain or plain[0] not in self._primitives):
                raise ScriptError("attempt to yield from outside a coroutine")
        except ScriptError as err:
            self.note(err)
            done(False, str(err), err.code)
            return
        except Exception as err:  # who asked would wait for ever
            log.bug(err, "policy")
            done(False, f"internal error: {type(err).__name__}: {err}", "BUG")
            return
        if ended:
            ok, told, code = (*plain, None, None, None)[:3]
            if ok:
                done(True, told, "")
            else:
                done(False, str(told or "the policy refused"), str(code or "ERROR"))
            return
        name, *arguments = plain

        answered = False

        def resume(*answers: object) -> None:
            nonlocal answered
            if not answered:
                answered = True
                self._step(task, answers, done)

        try:
            self._primitives[str(name)](resume, *arguments)
        except ScrunError as err:
            resume(None, str(err), err.code)
        except Exception as err:  # the verb fails; the container and its anchor live on
            log.bug(err, f"host.{name}")
            resume(None, f"internal error: {type(err).__name__}: {err}", "BUG")
