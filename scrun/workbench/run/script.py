"""A site's script under observation: a `SiteScript` that also tells what passes the host by."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Literal

from scrun.errors import ScriptError
from scrun.lua.search import SearchPath
from scrun.lua.site import _TOLD, SiteScript
from scrun.workbench.run import bypass
from scrun.workbench.run.events import Ended, Printed, decode
from scrun.workbench.run.files import Files
from scrun.workbench.run.hosts import WatchedHost


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
        self._traceback: bytes | None = None  # of a call in a thread, which the thrown one lacks
        if script is not None:
            pipes = self._runtime.function(self._popen, "io.popen")
            self._runtime.run_host_file("popen.lua", pipes)
        self._settle, self._in_thread = bypass.install(
            self._runtime,
            host.journal,
            execute=self._execute,
            trace=self._trace,
            files=files,
            scratch_dir=scratch_dir,
            offer=self._offer,
        )

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

    def _trace(self, traceback: bytes) -> None:
        self._traceback = traceback

    def _offer(self, hooks: Any, files: Files) -> None:
        bypass.offer_files(self._runtime, hooks, files)
