"""A verb of the site on a host that does nothing: which primitives it calls, with what, in order.

The module is the effective one, as the anchor would load it, and the anchor's own `Policy` runs it.
Each primitive (luastd/meta/container.lua) is noted and answered as if all went well; stage_in of
``create`` runs the site's script dry.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Any

from scrun.anchor.lifecycle import Lifecycle
from scrun.anchor.on_node import OnNode
from scrun.anchor.policy import Policy
from scrun.anchor.server import make_request
from scrun.errors import ScriptError, ScrunError
from scrun.lua.search import SearchPath
from scrun.oci.commands import resolve_command
from scrun.oci.config import Config
from scrun.workbench.run import bypass
from scrun.workbench.run.events import (
    Began,
    Document,
    Ended,
    Journal,
    Output,
    Primitive,
    Printed,
    decode,
)
from scrun.workbench.run.files import Files
from scrun.workbench.run.options import EXPECTED
from scrun.workbench.run.stages import Stages
from scrun.workbench.run.traced_policy import READ_ONLY


class WatchedPolicy(Policy):
    """The anchor's policy state; what runs in it can be ended."""

    def __init__(self, search: SearchPath) -> None:
        super().__init__(search)
        self.is_cancelled = False
        self.traceback = ""  # of the last error
        self.runtime = self._runtime
        self._runtime.watch(self._check)

    def note(self, failure: ScriptError) -> None:
        """Keep the traceback."""
        self.traceback = failure.traceback

    def _check(self) -> tuple[str, str] | None:
        return ("cancelled", "CANCELLED") if self.is_cancelled else None


class VerbRun:
    """One verb on one container.

    Args:
        files: where files go that the module writes.
        scratch_dir: of the run.
    """

    def __init__(
        self,
        stages: Stages,
        search: SearchPath,
        config: Config,
        files: Files | None,
        scratch_dir: str,
    ) -> None:
        self.stages = stages
        self.config = config
        self.options = stages.options
        self.journal: Journal = stages.script.host.journal
        self.container = stages.container
        self.policy = WatchedPolicy(search)
        self._is_quiet = False  # nothing is noted
        self._settle, _ = bypass.install(
            self.policy.runtime,
            self.journal,
            execute=self._execute,
            trace=lambda _traceback: None,
            files=files,
            scratch_dir=scratch_dir,
            may_exit=False,
        )
        self.policy.offer({name: self._primitive(name) for name in primitive_names()})

    def run(self, verb: str) -> ScrunError | None:
        """Run the verb's module; return its error.

        Raises:
            Stuck: it does not end.
        """
        failures: list[ScrunError | None] = []
        self.container.status = self.options.status or EXPECTED[verb]

        def cancel() -> None:
            self.policy.is_cancelled = True
            self.stages.script.cancel()

        self.stages.guard(verb, lambda: failures.append(self._run(verb)), cancel)
        return failures[0]

    def _run(self, verb: str) -> ScrunError | None:
        try:
            self.policy.check([verb])
        except ScrunError as err:
            self.journal.add(Began(verb, []))
            return self._ended(verb, monotonic(), err)
        if verb == "start":  # it goes by what create has left in its module
            self._is_quiet = True
            failure = self._call("create", self._request("create"))
            self._is_quiet = False
            self._take_printed()
            if failure is not None:
                return failure
        request = self._request(verb)
        shown = {n: v for n, v in request.items() if verb != "create" and n != "process"}
        self.journal.add(Began(verb, [(name, str(value)) for name, value in shown.items()]))
        start = monotonic()
        failure = self._document() if verb == "state" else self._call(verb, request)
        return self._ended(verb, start, failure)

    def _ended(self, verb: str, start: float, failure: ScrunError | None) -> ScrunError | None:
        """Note the end of the verb; return its error, with the reason if it was ended."""
        if failure is None or isinstance(failure, ScriptError):
            failure = self.stages.explain(failure)
        text, place = self._take_printed()
        if text:
            self.journal.add(Printed(text, place))
        ended = Ended(verb, monotonic() - start, returned="true")
        if failure is not None:
            ended.returned, ended.error, ended.code = None, str(failure), failure.code
            ended.traceback = getattr(failure, "traceback", "")
        self.journal.add(ended)
        return failure

    def _call(self, verb: str, request: dict[str, object]) -> ScriptError | None:
        answers: list[tuple[bool, str, str]] = []
        try:
            self.policy.run(verb, self.container.table(), request, lambda *how: answers.append(how))
        except ScriptError as err:  # what it hands on is no data
            return err
        ok, told, code = answers[0]
        if not ok:
            return ScriptError(told, code=code, traceback=self.policy.traceback)
        if isinstance(told, str) and told:
            self.journal.add(Output(verb, "stdout", told))
        return None

    def _request(self, verb: str) -> dict[str, object]:
        """Return what the verb is called with."""
        if verb == "create":
            return {"environment": self.container.environment, "config": self.config.raw}
        command = self.options.command
        if command is None or command.verb != verb:
            return make_request(verb, {}, [])
        request = make_request(verb, command.options, command.operands[1:])
        if verb == "exec":
            request |= {"terminal": bool(command.options.get("tty")), "interactive": False}
        return request

    def _document(self) -> ScriptError | None:
        try:
            document = self.policy.describe_strictly(self.container.members())
        except ScriptError as err:
            return err
        self.journal.add(Document(document))
        return None

    def _take_printed(self) -> tuple[str, str]:
        """Return what was printed since, and where."""
        text, place = self.policy.runtime.call(self._settle)
        return decode(text), decode(place).removesuffix(": ")

    def _execute(self, script: bytes) -> int:
        """Answer ``os.execute``."""
        host = self.stages.script.host
        asked = host.inner if self._is_quiet else host
        return asked.shell("os.execute", script, b"")[0]

    # -- the primitives ----------------------------------------------------------------------

    def _primitive(self, name: str) -> Callable[..., None]:
        def call(resume: Callable[..., None], *arguments: object) -> None:
            answer = getattr(self, f"_answer_{name}", _succeed)
            results = answer(*arguments)
            if not self._is_quiet and name not in READ_ONLY:
                self.journal.add(Primitive(name, list(arguments), list(results)))
            resume(*results)

        return call

    def _answer_resolve_command(self) -> tuple[Any, ...]:
        root, args = self.config.root_path, self.container.args
        command = args[0] if args else "sh"
        is_image = self.options.bundle is not None and os.path.isdir(root) and os.listdir(root)
        if is_image:  # else there is nowhere to look it up
            try:
                command = resolve_command(self.config)
            except ScrunError as err:
                return None, str(err), err.code
        self.container.args = [command, *args[1:]]
        return (command,)

    def _answer_load_script(self) -> tuple[Any, ...]:
        return self._stage("load", "")

    def _answer_stage_in(self) -> tuple[Any, ...]:
        return self._stage("stage_in", "stage in: ")

    def _answer_allocate(self, request: Any) -> tuple[Any, ...]:
        self.container.request = dict(request)
        return (self.stages.place.job_id,)

    def _answer_check_step_options(self, _options: object) -> tuple[Any, ...]:
        return (None,)

    def _answer_config(self) -> tuple[Any, ...]:
        return (self.config.raw,)

    def _answer_console_size(self) -> tuple[Any, ...]:
        return 0, 0

    def _answer_job_of(self, *_arguments: object) -> tuple[Any, ...]:
        return (None,)

    def _answer_job_variables(self) -> tuple[Any, ...]:
        return ([f"{name}={value}" for name, value in self.container.output_variables().items()],)

    def _answer_slurm_version(self) -> tuple[Any, ...]:
        return (self.options.slurm_version,)

    def _answer_on_node(self, *_arguments: object) -> tuple[Any, ...]:
        return 0, ""

    def _answer_exec(self, request: object) -> tuple[Any, ...]:
        return True, None

    def _stage(self, function: str, prefix: str) -> tuple[Any, ...]:
        failure = None if self._is_quiet else self.stages.run(function)
        return (True,) if failure is None else (None, f"{prefix}{failure}", failure.code)


def primitive_names() -> tuple[str, ...]:
    """Return what a verb finds in ``require 'host'``: the lists are the anchor's own."""
    lasting = Lifecycle.primitives(Lifecycle.__new__(Lifecycle))
    return (*lasting, *OnNode.primitives(OnNode.__new__(OnNode)), "exec")


def _succeed(*_arguments: object) -> tuple[Any, ...]:
    return (True,)
