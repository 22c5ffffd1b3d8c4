"""Run luastd's verbs as coroutines: a primitive parks the verb until the loop has its answer."""

from __future__ import annotations

from scrun import log
from scrun.errors import ScriptError, ScrunError
from scrun.lua.runtime import Runtime
from scrun.lua.search import install

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrun.lua.runtime import Task
    from scrun.lua.search import SearchPath

    Resume = Callable[..., None]
    Primitive = Callable[..., None]  # called with resume first, then the Lua arguments
    Done = Callable[[bool, str, str], None]  # ok, message, code

# `require 'host'` in a policy: each primitive reads as a call and is a yield to the loop.
HOST_MODULE = b"""
local names, yield = ..., coroutine.yield
local host = {}
for _, name in ipairs(names) do
  host[name] = function(...) return yield(name, ...) end
end
package.loaded.host = host
"""


class Policy:
    """The policy state of one anchor.

    Args:
        search: finds ``scrun.*`` and ``luastd.*`` modules.
        primitives: by name; each must call its ``resume`` exactly once, with the values that
            the Lua call returns: ``resume(True)`` or ``resume(None, message, code)``.
    """

    def __init__(self, search: SearchPath, primitives: Mapping[str, Primitive]) -> None:
        self._runtime = Runtime("5.4")
        install(self._runtime, search)
        self._primitives = dict(primitives)
        self._runtime.call(self._runtime.load(HOST_MODULE, "host"), sorted(primitives))

    def run(
        self, verb: str, function: str, container: Mapping[str, object], request: object, done: Done
    ) -> None:
        """Call ``function`` of the verb's effective module; ``done`` hears how it ended.

        Success is a true first result. An error in the script is logged with its traceback and
        ends the verb with the script's file and line.
        """
        try:
            module = self._runtime.require(f"scrun.verbs.{verb}")
            task = self._runtime.coroutine(module[function.encode()], container, request)
        except ScrunError as err:
            done(False, str(err), err.code)
            return
        self._step(task, (), done)

    def _step(self, task: Task, values: tuple[object, ...], done: Done) -> None:
        try:
            ended, results = task.resume(*values)
        except ScriptError as err:
            log.debug(err.traceback)
            done(False, str(err), err.code)
            return
        plain = [self._runtime.to_python(value, text=True) for value in results]
        if ended:
            ok, message, code = (*plain, None, None, None)[:3]
            done(bool(ok), str(message or "the policy refused"), str(code or "ERROR"))
            return
        name, *arguments = plain

        def resume(*answers: object) -> None:
            self._step(task, answers, done)

        self._primitives[str(name)](resume, *arguments)
