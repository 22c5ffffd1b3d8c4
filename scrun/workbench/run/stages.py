"""The functions of a site's script in order: the main chunk, stage_in, stage_out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from scrun.anchor.container import Container
from scrun.anchor.stage_arguments import make_context, stage_in_arguments, stage_out_arguments
from scrun.errors import ScriptError, ScrunError
from scrun.settings import Settings
from scrun.workbench.run.attend import Attendant, Stuck
from scrun.workbench.run.backends import Place
from scrun.workbench.run.cassette import Places
from scrun.workbench.run.events import Began
from scrun.workbench.run.nodes import expand_nodes
from scrun.workbench.run.options import Options
from scrun.workbench.run.replay import ReplayHost
from scrun.workbench.run.script import WatchedScript

_PLACE = re.compile(r"(?P<place>[^\n]*?:\d+: )", re.DOTALL)


def explain_end(failure: ScriptError | None, reason: ScrunError, name: str) -> ScriptError:
    """Return the error of what was ended: the reason, where it was as the error says.

    Args:
        name: says where it was if nobody else does.
    """
    match = _PLACE.match(failure.message) if failure is not None else None
    return ScriptError(
        (match["place"] if match else f"{name}: ") + reason.message,
        code=reason.code,
        traceback=failure.traceback if failure is not None else "",
    )


class Stages:
    """A script on its place.

    Attributes:
        job_env: as the first stage function got it.
    """

    def __init__(
        self,
        options: Options,
        settings: Settings,
        script: WatchedScript,
        place: Place,
        places: Places,
        attendant: Attendant,
    ) -> None:
        self.options = options
        self.settings = settings
        self.script = script
        self.place = place
        self.attendant = attendant
        self.container: Container = place.host.container
        self.job_env: list[bytes] = []
        self._places = places

    @property
    def name(self) -> str:
        """What errors call the script that have no place."""
        return self.script.script or f"scrun.stage.{self.script.stager}"

    def attend(self, function: str) -> ScrunError | None:
        """Run a function on a thread of its own, as long as it may; return its error.

        Raises:
            Stuck: it does not end; nothing of the script may be touched any more.
        """
        failures: list[ScrunError | None] = []
        self.guard(function, lambda: failures.append(self.run(function)))
        return failures[0]

    def clean_up(self) -> None:
        """Let a stager remove what a stage_in that failed has made, as in a container."""
        reason, self.attendant.reason = self.attendant.reason, None
        self.script.clear_cancel()
        self.attend("stage_out")
        self.attendant.reason = reason

    def guard(
        self,
        function: str,
        work: Callable[[], None],
        cancel: Callable[[], None] | None = None,
    ) -> None:
        """Do ``work`` on a thread of its own, and ``cancel`` it when its time is over."""
        timeout_s = self.options.timeout_s
        late = ScriptError(f"took longer than {timeout_s:g} s (--timeout)", code="ETIMEDOUT")
        try:
            self.attendant.run(
                work,
                cancel=cancel or self.script.cancel,
                interrupt=self.script.host.interrupt,
                late=late,
                timeout_s=timeout_s,
            )
        except Stuck as err:
            why = "it is in a C function that cannot be interrupted"
            if self.script.heard_cancel:
                why = "it catches the error that is to end it"
            raise Stuck(f"{self.name}: {function}: {err.message}; {why}", code=err.code) from err

    def run(self, function: str) -> ScrunError | None:
        """Run a function on this thread; return its error."""
        host = self.place.host
        if isinstance(host, ReplayHost):
            host.begin(function)
        arguments: list[tuple[str, str]] = []
        if function != "load":
            self.job_env = self.job_env or host.job_entries()
            arguments = self._describe_arguments(function)
        self.script.host.journal.add(Began(function, arguments))
        failure = self.script.attend(function, lambda: self._call(function), self.explain)
        if failure is None and isinstance(host, ReplayHost):
            try:
                host.check_end()
            except ScrunError as err:
                return err
        return failure

    def explain(self, failure: ScriptError | None) -> ScriptError | None:
        """Return a function's error, with the reason if it was ended."""
        reason, limit = self.attendant.reason, self.options.memory_bytes
        if failure is not None and failure.code == "ENOMEM" and limit is not None:
            failure.hint = f"--memory lets Lua have {limit} bytes"
        if reason is None or (failure is not None and failure.code == "REPLAY"):
            return failure
        return explain_end(failure, reason, self.name)

    def take_staged(self) -> None:
        """Let stage_out find what stage_in would have set."""
        cassette, container = self.options.cassette, self.container
        staged = {
            name: os.fsdecode(self._places.show(os.fsencode(path)))
            for name, path in (cassette.staged if cassette is not None else {}).items()
        }
        container.bundle = self.options.staged_bundle or staged.get("bundle") or container.bundle
        container.root_path = self.options.staged_root or staged.get("root") or container.root_path

    def _call(self, function: str) -> None:
        container = self.container
        if function == "load":
            self.script.load()
        elif function == "stage_in":
            self.script.stage_in(
                **stage_in_arguments(container, self.place.job_id, self.job_env, self._context())
            )
        else:
            arguments = stage_out_arguments(container, self.place.job_id, self._context())
            self.script.stage_out(**arguments, job_env=self.job_env)

    def _context(self) -> dict[str, object]:
        nodes = expand_nodes(self.place.nodes)
        backend = "local" if self.options.backend == "local" else "slurm"
        return make_context(self.container, backend, nodes, self.settings.table)

    def _describe_arguments(self, function: str) -> list[tuple[str, str]]:
        """Return what the script's function gets, for people."""
        container = self.container
        common = [
            ("spool_dir", container.directory),
            ("config_file", container.config_file),
            ("job_id", str(self.place.job_id)),
            ("user_id", str(container.user.uid)),
            ("group_id", str(container.user.gid)),
        ]
        if function == "stage_in":
            first = [("id", container.id), ("bundle", container.submission_bundle)]
            return [*first, *common, ("job_env", f"{len(self.job_env)} entries")]
        return [
            ("id", container.id),
            ("bundle", container.bundle),
            ("orig_bundle", container.submission_bundle),
            ("root_path", container.root_path or "nil"),
            ("orig_root_path", container.submission_root_path),
            *common,
        ]
