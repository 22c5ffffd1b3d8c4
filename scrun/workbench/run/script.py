"""A site's script under observation: a `SiteScript` that also tells what passes the host by."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Any, Literal

from scrun.errors import ScriptError
from scrun.lua.search import SearchPath
from scrun.lua.site import _TOLD, SiteScript
from scrun.workbench.run.events import Call, Ended, Printed, decode
from scrun.workbench.run.files import Files
from scrun.workbench.run.hosts import WatchedHost

_WATCH = f"{__file__.rpartition('/')[0]}/watch.lua"


class WatchedScript(SiteScript):
    """Runs as in a container, but for what watch.lua says.

    Args:
        host: what the script runs on; its journal hears of everything.
        script, stager: as of a SiteScript.
        files: where files go that the script writes; None: where the script says.
        scratch_dir: for the output of commands that the script reads as files.
    """

    host: WatchedHost

    def __init__(
        self,
        host: WatchedHost,
        *,
        script: str | None,
        stager: str | None = None,
        search: SearchPath,
        dialect: str,
        memory_bytes: int,
        files: Files | None,
        scratch_dir: str,
    ) -> None:
        super().__init__(
            host,
            script=script,
            stager=stager,
            search=search,
            dialect=dialect,
            memory_bytes=memory_bytes,
        )
        self._returned: object = None
        self._kept = 0
        self._traceback: bytes | None = None  # of a call in a thread, which the thrown one lacks
        self._scratch_dir = scratch_dir
        hooks = self._runtime.lua.table()
        for function in (self._execute, self._keep, self._called, self._trace):
            self._runtime.add_function(hooks, function.__name__.strip("_"), function)
        if files is not None:
            self._offer(hooks, files)
        if script is not None:
            pipes = self._runtime.function(self._popen, "io.popen")
            self._runtime.run_host_file("popen.lua", pipes)
        with open(_WATCH, "rb") as file:
            chunk = self._runtime.lua.compile(file.read(), name=b"=[host]")
        self._settle, self._in_thread = chunk(self._runtime.border, hooks, files is not None)

    @property
    def heard_cancel(self) -> bool:
        """Whether the error that ends it was raised in it."""
        return self._cancel == _TOLD

    def attend(
        self,
        function: str,
        run: Callable[[], None],
        explain: Callable[[ScriptError | None], ScriptError | None],
    ) -> ScriptError | None:
        """Run one function of the script (``load`` too), and note how it ended; the error, if any.

        Args:
            run: calls `load`, `stage_in` or `stage_out`.
            explain: may return another error in place of what it gets.
        """
        start, self._returned = monotonic(), None
        failure: ScriptError | None = None
        for step in (run, self._note_output):
            try:
                step()
            except ScriptError as err:
                if self._traceback is not None:
                    err.traceback = self._runtime.script_error(b"", self._traceback).traceback
                failure = failure or err
        failure = explain(failure)
        ended = Ended(function, monotonic() - start)
        if failure is None:
            ended.returned = self._show(self._returned)
        else:
            ended.error, ended.code = str(failure), failure.code
            ended.traceback = failure.traceback
        self.host.journal.add(ended)
        return failure

    def _note_output(self) -> None:
        """Note what was printed; a command that only now runs can fail as any other."""
        text, place = self._runtime.call(self._settle)
        if text:
            self.host.journal.add(Printed(decode(text), decode(place).removesuffix(": ")))

    def _call(self, function: Any, *args: object) -> tuple[Any, ...]:
        self._traceback = None
        return super()._call(self._in_thread(function), *args)

    def _judge_script(
        self, name: Literal["stage_in", "stage_out"], results: tuple[Any, ...]
    ) -> None:
        self._returned = results[0] if results else None
        super()._judge_script(name, results)

    def _judge_stager(
        self, name: Literal["stage_in", "stage_out"], results: tuple[Any, ...]
    ) -> None:
        self._returned = results[0] if results else None
        super()._judge_stager(name, results)

    def _show(self, value: object) -> str:
        if self._runtime.is_lua(value):
            return "a table or function"
        if value is None or isinstance(value, bool):
            return {None: "nil", True: "true", False: "false"}[value]
        return decode(value) if isinstance(value, bytes) else str(value)

    # -- what watch.lua calls ----------------------------------------------------------------

    def _execute(self, script: bytes) -> int:
        return self._shell("os.execute", script, b"")[0]

    def _popen(self, script: bytes, text: bytes | None = None) -> tuple[int, bytes]:
        return self._shell("io.popen", script, text or b"")

    def _shell(self, kind: str, script: bytes, stdin: bytes) -> tuple[int, bytes]:
        self._guard()
        status, output, _ = self.host.shell(kind, script, stdin)
        self._guard()
        return status, output

    def _keep(self, output: bytes) -> bytes:
        self._kept += 1
        path = f"{self._scratch_dir}/output-{self._kept}"
        with open(path, "wb") as file:
            file.write(output)
        return os.fsencode(path)

    def _trace(self, traceback: bytes) -> None:
        self._traceback = traceback

    def _called(self, name: bytes, arguments: list[bytes], results: list[bytes]) -> None:
        call = Call(name.decode(), [decode(a) for a in arguments], [decode(r) for r in results])
        self.host.journal.add(call)

    def _offer(self, hooks: Any, files: Files) -> None:
        def place(path: bytes, empty: bool) -> bytes:
            return files.place(path, empty=empty)

        functions: tuple[Callable[..., object], ...] = (
            *(place, files.find, files.make_directory, files.remove, files.rename, files.names),
        )
        for function in functions:
            name = function.__name__
            self._runtime.add_function(hooks, name, _for_paths(function))


def _for_paths(function: Callable[..., object]) -> Callable[..., object]:
    """Let the system's own refusal be the script's error."""

    def call(path: bytes, *rest: object) -> object:
        try:
            return function(path, *rest)
        except (OSError, ValueError) as err:  # ValueError: a NUL byte
            reason = getattr(err, "strerror", None) or err
            raise ScriptError(f"{decode(path)}: {reason}") from err

    return call
