"""The site's script on a thread of its own: whatever it waits for, the anchor does not.

The thread runs stage_in and stage_out of one container in one Lua state, one at a time; its end is
told to the loop by a pipe.
"""

from __future__ import annotations

import posix
from _thread import start_new_thread

from scrun import log
from scrun.anchor.stage_arguments import make_context, stage_in_arguments, stage_out_arguments
from scrun.errors import ClusterError, HostError, ScriptError, ScrunError
from scrun.lua.site import SiteScript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.anchor.container import Container
    from scrun.anchor.stage_host import StageHost
    from scrun.host.loop import Loop
    from scrun.lua.search import SearchPath
    from scrun.settings import Settings

    Done = Callable[[ScrunError | None], None]

STOP_AGAIN_S = 0.1
BEGIN_AGAIN_S, BEGIN_TRIES = 1.0, 10  # while the user may have no further thread (RLIMIT_NPROC)
CANCEL_AGAIN_S = 30.0  # a stager's own cleaning up has this long


class Staging:
    """Loads the script, runs its two functions, and can end what runs.

    Args:
        search: finds scrun.lua, and the modules it requires.
    """

    def __init__(
        self,
        loop: Loop,
        container: Container,
        host: StageHost,
        *,
        search: SearchPath,
        settings: Settings,
    ) -> None:
        self._loop = loop
        self._container = container
        self._host = host
        self._settings = settings
        self._search = search
        self._script: SiteScript | None = None
        self._busy = False
        self._stopped: ScrunError | None = None
        self._loading: list[Done] | None = None  # who waits for the script's chunk, while it runs
        self._load_error: ScrunError | None = None

    def begin(self) -> None:
        """Begin to load the script, while this thread goes on; `load` waits for its end."""
        self._loading = []

        def loaded(error: ScrunError | None) -> None:
            waiting, self._loading, self._load_error = self._loading, None, error
            for done in waiting or ():
                done(error)

        self._on_thread(lambda: self._get_script().load(), loaded)

    def load(self, done: Done) -> None:
        """Hear of the script's chunk: what is wrong with it is known before there is a job."""
        if self._loading is None:
            done(self._load_error)
        else:
            self._loading.append(done)

    def stage_in(self, done: Done) -> None:
        """Run stage_in, as long as the setting ``stage_timeout_s`` allows."""
        self._on_thread(self._stage_in, done, self._settings.stage_timeout_s)

    def stage_out(self, done: Done) -> None:
        """Run stage_out; after a stage_in that did not succeed, only what a stager cleans up."""
        self._stopped = None
        self._on_thread(self._stage_out, done, self._settings.stage_timeout_s)

    def clean_up(self, done: Done) -> None:
        """Let a stager remove what a stage_in that failed has made.

        A scrun.lua is not asked: it would bring half a copy back (Slurm skips it as well).
        """
        script = self._script
        if script is None or not script.is_stager:
            done(None)
            return
        script.clear_cancel()
        self.stage_out(done)

    def stop(self, reason: ScrunError) -> bool:
        """End what runs; its ``done`` hears ``reason``. False: nothing runs."""
        if not self._busy:
            return False
        self._stopped = reason
        self._cancel()
        self._press()
        return True

    def _cancel(self) -> None:
        """Raise an error in the script; again after a while, when it caught the first one."""
        if self._busy and self._stopped is not None:
            if self._script is not None:
                self._script.cancel()
            self._loop.call_later(CANCEL_AGAIN_S, self._cancel)

    def _press(self) -> None:
        """Kill what the script waits for until it has ended: it may start more."""
        if self._busy and self._stopped is not None:
            self._host.stop()
            self._loop.call_later(STOP_AGAIN_S, self._press)

    def make_script(self) -> SiteScript:
        """Return the script, not loaded yet."""
        return SiteScript(
            self._host,
            script=self._search.script(),
            search=self._search,
            settings=self._settings,
        )

    def _get_script(self) -> SiteScript:
        if self._script is None:
            self._script = self.make_script()
        return self._script

    def _stage_in(self) -> None:
        container, entries = self._container, self._host.job_entries()
        arguments = stage_in_arguments(container, container.job_id, entries, self._context())
        self._get_script().stage_in(**arguments)

    def _stage_out(self) -> None:
        container = self._container
        arguments = stage_out_arguments(container, container.job_id, self._context())
        self._get_script().stage_out(**arguments)

    def _context(self) -> dict[str, object]:
        backend, nodes = self._host.backend.name, self._node_names()
        return make_context(self._container, backend, nodes, self._settings.table)

    def _node_names(self) -> list[str]:
        """Return the names of the job's nodes; Slurm itself expands a list such as ``n[1-2]``."""
        listed = self._host.backend.job_variables.get("SLURM_JOB_NODELIST", "")
        if "[" not in listed and "," not in listed:
            return [listed] if listed else []
        from scrun.host.capture import capture  # most jobs have one node

        argv = ["scontrol", "show", "hostnames", listed]
        status, output, _ = capture(argv, self._host.environment())
        if status:
            raise ClusterError(f"expand node list {listed}: {output.decode(errors='replace')}")
        return output.decode().split()

    def _on_thread(self, work: Callable[[], None], done: Done, timeout_s: float = 0) -> None:
        try:
            reader, writer = posix.pipe2(posix.O_CLOEXEC)
        except OSError as err:
            failed = HostError("run the script", err)
            self._loop.call_later(0, lambda: done(failed))
            return
        failure: list[ScrunError] = []

        def body() -> None:
            try:
                work()
            except ScrunError as err:
                failure.append(err)
            except Exception as err:  # the border of a thread: nobody above would see it
                failure.append(ScriptError(f"internal error: {type(err).__name__}: {err}"))
            finally:
                posix.close(writer)

        def begin(tries: int) -> None:
            try:
                start_new_thread(body, ())
            except RuntimeError as err:
                if tries and self._stopped is None:
                    self._loop.call_later(BEGIN_AGAIN_S, lambda: begin(tries - 1))
                else:
                    failure.append(ScriptError(f"run the script: {err}", code="EAGAIN"))
                    posix.close(writer)

        def over() -> None:
            self._loop.forget(reader)
            posix.close(reader)
            self._busy = False
            if timer is not None:
                timer.cancel()
            error = failure[0] if failure else None
            if isinstance(error, ScriptError) and error.traceback:
                log.script(error.traceback)
            # Success counts for nothing when the script's commands were killed under it.
            done(self._stopped or error)

        def too_late() -> None:
            text = f"took longer than {timeout_s:g} s (setting stage_timeout_s)"
            self.stop(ScriptError(text, code="ETIMEDOUT"))

        self._busy = True
        self._loop.watch(reader, over)
        timer = self._loop.call_later(timeout_s, too_late) if timeout_s else None
        begin(BEGIN_TRIES)
