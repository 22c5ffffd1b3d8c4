"""A Lua coroutine as the host drives it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scrun.lua.runtime import LuaObject, Runtime


class Task:
    """A Lua coroutine driven by the host. The state's main thread must be idle meanwhile."""

    __slots__ = ("_args", "_resume", "_runtime", "done")

    def __init__(self, runtime: Runtime, resume: LuaObject, args: tuple[object, ...]) -> None:
        self._runtime = runtime
        self._resume = resume
        self._args = args
        self.done = False

    def resume(self, *values: object) -> tuple[bool, tuple[Any, ...]]:
        """Run to the next yield, ``(False, yielded)``, or to the end, ``(True, results)``.

        ``values`` are what the pending ``coroutine.yield`` returns; data is copied into tables.

        Raises:
            ScriptError: the task raised, and is done.
        """
        args, self._args = self._args, ()
        self.done = True  # unless it says otherwise
        results = self._runtime.enter(self._resume, *args, *values)
        if results[0] is None:
            raise self._runtime.script_error(*results[1:])
        self.done = results[0]
        return self.done, results[1:]
