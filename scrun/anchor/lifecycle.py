"""A container's life: what policy can have done to it until it runs (`scrun.anchor.running`).

The primitives are what a Lua verb finds in ``require 'host'``. Each gets ``resume`` first and calls
it exactly once, at once or from the loop: ``resume(True)``, or ``resume(None, message, code)``.
"""

from __future__ import annotations

from scrun import log
from scrun.anchor.container import remove_directory
from scrun.errors import ScrunError, StateError
from scrun.host.paths import is_directory, parent
from scrun.oci.state import CREATED, CREATING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from scrun.anchor.container import Container
    from scrun.anchor.running import Running
    from scrun.anchor.staging import Staging
    from scrun.anchor.submission import Submission
    from scrun.cluster.backend import Backend
    from scrun.host.loop import Loop
    from scrun.host.terminal import Terminal
    from scrun.host.view import View

    Resume = Callable[..., None]

SIGKILL = 9
BUNDLE_POLL_S = 1.0


class Lifecycle:
    """One container between its directory's making and its removal.

    Args:
        preserved: how many descriptors from 3 on the container's process is to get.

    Attributes:
        exit_status: of the container, or 1 when it never came to be; None while there is more
            to come.
        on_asked: called when the job was asked for, and Slurm is to answer.
        is_ending: its end has begun, or that of its creation.
        doomed: why the creation is to fail.
        terminal: of the container, if it has one.
    """

    def __init__(
        self,
        loop: Loop,
        container: Container,
        submission: Submission,
        backend: Backend,
        staging: Staging,
        preserved: int,
    ) -> None:
        self.loop = loop
        self.container = container
        self.submission = submission
        self.preserved = preserved
        self.backend = backend
        self.staging = staging
        self.exit_status: int | None = None
        self.on_asked: Callable[[], None] = lambda: None
        self.terminal: Terminal | None = None
        self.is_ending = False
        self._view: View | None = None
        self.doomed: ScrunError | None = None
        self._running: Running | None = None
        self._begins_output = False
        self._removed = False
        self._waiting: list[Resume] = []
        backend.on_lost = lambda: self.running.job_lost()

    @property
    def running(self) -> Running:
        """The part that is of no use before the job was asked for, and is loaded then."""
        if self._running is None:
            from scrun.anchor.running import Running  # nobody is to wait for a job because of it

            self._running = Running(self)
        return self._running

    def primitives(self) -> dict[str, Callable[..., None]]:
        """Return the functions of ``require 'host'`` in a verb (luastd/meta/container.lua)."""
        return {
            "resolve_command": self._resolve_command,
            "load_script": self._load_script,
            "allocate": self._allocate,
            "job_of": self._job_of,
            "show_root": self._show_root,
            "check_step_options": self._check_step_options,
            "slurm_version": self._slurm_version,
            "stage_in": self._stage_in,
            "config": lambda resume: resume(self.submission.config.raw),
            "begin_output": self._begin_output,
            "job_variables": lambda resume: self.running.job_variables(resume),
            "console_size": lambda resume: self.running.console_size(resume),
            "open_output": lambda resume: self.running.open_output(resume),
            "start_step": lambda resume, argv: self.running.start_step(resume, argv),
            "signal": lambda resume, name: self.running.signal(resume, name),
            "wait_ended": self._wait_ended,
            "remove": self._remove,
        }

    # The creation.

    def created(self, ok: bool, message: str, code: str, done: Resume) -> None:
        """Take the outcome of the verb ``create``; ``done(ok, message, code)`` when it is so."""
        if self.doomed is not None:
            ok, message, code = False, str(self.doomed), self.doomed.code
        if ok:
            try:
                self.container.become(CREATED)
            except ScrunError as err:
                ok, message, code = False, str(err), err.code
        if ok:
            done(True, "", "")
            self._watch_bundle()
            if self._begins_output:
                self.backend.open_output(lambda *_: None)  # the start asks again, and hears
            if self.terminal is not None:  # stdio is the engine's, which waits for its end
                from scrun.anchor.stdio import let_go_of_stdio  # most containers have none

                let_go_of_stdio()
        else:
            self._give_up(lambda: done(False, message, code))

    def _watch_bundle(self) -> None:
        """End a container that was not started when its bundle goes: nobody will ask to delete it.

        So it is where a podman was killed while it created one: `rm --force` removes the bundle,
        and neither calls us nor ends the monitor.
        """
        if self.container.status != CREATED or self.is_ending:
            return
        if is_directory(self.container.submission_bundle):
            self.loop.call_later(BUNDLE_POLL_S, self._watch_bundle)
        else:
            log.error(f"{self.container.id}: its bundle was removed: it ends")
            self.discard()

    def abandon(self, reason: ScrunError) -> None:
        """End the creation, whatever it waits for; a container just created ends as if killed."""
        if self.doomed is not None or self.is_ending:
            return
        self.doomed = reason
        if self.container.status != CREATING:
            self.running.end(128 + SIGKILL)
        elif not self.staging.stop(reason):
            self.backend.cancel()

    def discard(self) -> None:
        """Abandon a container that its creator does not wait for any more, with its directory."""
        self.abandon(StateError("the creation was interrupted", code="CANCELLED"))
        self._wait_ended(lambda *_: self._try_to_remove())

    def _try_to_remove(self) -> None:
        """Remove the directory; who waits for the end does not wait for that."""
        try:
            self._remove(lambda *_: None)
        except ScrunError as err:
            log.error(str(err))

    def _give_up(self, done: Callable[[], None]) -> None:
        """Release all that a creation got so far, and the directory."""

        def released() -> None:
            self.exit_status = 1
            self._try_to_remove()
            self.tell_waiting()
            done()

        def cleaned(error: ScrunError | None) -> None:
            if error is not None:
                log.error(f"stage out {self.container.id}: {error}")
            self.backend.finish(1, released)

        self.begin_end()
        if self.container.staged:
            self.staging.stage_out(cleaned)
        else:
            self.staging.clean_up(cleaned)

    def _resolve_command(self, resume: Resume) -> None:
        program = self.submission.program
        if isinstance(program, ScrunError):
            refuse(resume, program)
            return
        self.container.args = [program, *self.container.args[1:]]
        resume(program)

    def _load_script(self, resume: Resume) -> None:
        self.staging.load(lambda error: answer(resume, error))

    def _allocate(self, resume: Resume, request: Mapping[str, Any]) -> None:
        def done(error: ScrunError | None) -> None:
            if error is not None:
                resume(None, str(error), error.code, self.backend.messages())
                return
            self.container.job = self.backend.record()  # on disk with the next state
            resume(self.backend.job_id)

        if self.doomed is not None:
            refuse(resume, self.doomed)
            return
        self.container.request = dict(request)
        self.backend.allocate(request, done)
        if self.backend.name == "slurm" and not self.backend.job_id:
            job = self.backend.record()
            if job["variables"]:  # another cluster was asked, and recovery has to know
                self.container.job = job
                self.container.write_record()
        self.on_asked()

    def _job_of(self, resume: Resume, container_id: str) -> None:
        from scrun.anchor.neighbours import job_of, join  # for members of a pod

        root = parent(self.container.directory)
        job = job_of(root, container_id)
        if job is not None:
            join(root, container_id)
        resume(*(job or (None,)))

    def _show_root(self, resume: Resume) -> None:
        from scrun.anchor.volumes import find_volumes  # of use to engines' users alone
        from scrun.host.view import show_root

        staged = self.container.root_path or ""
        root = staged if is_directory(staged) else self.container.submission_root_path
        volumes = find_volumes(self.container, self.submission.config, root)
        self._view = show_root(self.loop, root, self.container.environment, volumes)
        resume(self._view is not None)

    def begin_end(self) -> None:
        """Hear that the container's files are to be brought back and removed."""
        self.is_ending = True
        if self._view is not None:
            self._view.hide()

    def _check_step_options(self, resume: Resume, options: list[str]) -> None:
        def done(output: str) -> None:
            resume(output or None)

        self.backend.check_step_options(options, done)

    def _slurm_version(self, resume: Resume) -> None:
        def told(_: int, output: bytes) -> None:  # "slurm 24.11.5"; Debian: "slurm-wlm 24.11.5"
            resume(output.decode(errors="replace").strip().rpartition(" ")[2])

        self.loop.capture(["salloc", "--version"], self.container.environment, told)

    def _stage_in(self, resume: Resume) -> None:
        def done(error: ScrunError | None) -> None:
            if error is not None:
                resume(None, f"stage in: {error}", error.code)
                return
            self.container.staged = True
            resume(True)

        if self.doomed is not None:
            refuse(resume, self.doomed)
            return
        self.staging.stage_in(done)

    def _begin_output(self, resume: Resume) -> None:
        self._begins_output = True
        resume(True)

    # The end.

    def interrupt(self, number: int) -> None:
        """Take a signal that the anchor itself got."""
        self.running.interrupt(number)

    def tell_waiting(self) -> None:
        """Tell who waits for the end that it has come."""
        waiting, self._waiting = self._waiting, []
        for resume in waiting:
            resume(True)

    def _wait_ended(self, resume: Resume) -> None:
        if self.exit_status is not None:
            resume(True)
        else:
            self._waiting.append(resume)

    def _remove(self, resume: Resume) -> None:
        if not self._removed:
            remove_directory(self.container.directory)
            self._removed = True
        resume(True)


def answer(resume: Resume, error: ScrunError | None) -> None:
    """Answer a primitive that has nothing to tell but how it went."""
    if error is None:
        resume(True)
    else:
        refuse(resume, error)


def refuse(resume: Resume, error: ScrunError) -> None:
    """Answer a primitive that failed."""
    resume(None, str(error), error.code)
