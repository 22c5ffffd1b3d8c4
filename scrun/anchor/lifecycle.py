"""A container's life: what policy can have done to it, and what its end brings about.

The primitives are what a Lua verb finds in ``require 'host'``. Each gets ``resume`` first and calls
it exactly once, at once or from the loop: ``resume(True)``, or ``resume(None, message, code)``.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.anchor.container import remove_directory
from scrun.anchor.stdio import let_go_of_stdio, write_line
from scrun.errors import ScrunError, StateError
from scrun.oci.signals import name_signal, parse_signal
from scrun.oci.state import CREATED, CREATING, RUNNING, STOPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from scrun.anchor.container import Container
    from scrun.anchor.staging import Staging
    from scrun.cluster.backend import Backend
    from scrun.host.loop import Loop
    from scrun.host.process import Process
    from scrun.host.terminal import Terminal
    from scrun.oci.config import Config

    Resume = Callable[..., None]

SIGKILL = 9
# Signals whose default is not to end a process (signal(7)): a created container outlives them.
HARMLESS = frozenset((0, 17, 18, 23, 28))
LOST_GRACE_S = 15.0  # for srun to end by itself when its job has ended
BUNDLE_POLL_S = 1.0
MARKER = "released"  # the container has ended and nothing but its directory is left


class Lifecycle:
    """One container between its directory's making and its removal.

    Args:
        preserved: how many descriptors from 3 on the container's process is to get.

    Attributes:
        exit_status: of the container, or 1 when it never came to be; None while there is more
            to come.
        on_ended: called when the container's step has ended.
        on_asked: called when the job was asked for, and Slurm is to answer.
    """

    def __init__(
        self,
        loop: Loop,
        container: Container,
        config: Config,
        backend: Backend,
        staging: Staging,
        preserved: int,
    ) -> None:
        self.loop = loop
        self.container = container
        self.config = config
        self.preserved = preserved
        self.backend = backend
        self.staging = staging
        self.exit_status: int | None = None
        self.on_asked: Callable[[], None] = lambda: None
        self.on_ended: Callable[[], None] = lambda: None
        self._step: Process | None = None
        self._stderr = -1  # the container's, while its step lives
        self._begins_output = False
        self.terminal: Terminal | None = None
        self._status: int | None = None  # of the step that is over
        self._ending = False
        self._doomed: ScrunError | None = None  # why the creation is to fail
        self._removed = False
        self._waiting: list[Resume] = []
        backend.on_lost = self._job_lost

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
            "config": lambda resume: resume(self.config.raw),
            "job_variables": self._job_variables,
            "console_size": self._console_size,
            "begin_output": self._begin_output,
            "open_output": self._open_output,
            "start_step": self._start_step,
            "signal": self._signal,
            "wait_ended": self._wait_ended,
            "remove": self._remove,
        }

    # The creation.

    def created(self, ok: bool, message: str, code: str, done: Resume) -> None:
        """Take the outcome of the verb ``create``; ``done(ok, message, code)`` when it is so."""
        if self._doomed is not None:
            ok, message, code = False, str(self._doomed), self._doomed.code
        if ok:
            self.container.become(CREATED)
            done(True, "", "")
            self._watch_bundle()
            if self._begins_output:
                self.backend.open_output(lambda *_: None)  # the start asks again, and hears
            if self.terminal is not None:  # stdio is the engine's, which waits for its end
                let_go_of_stdio()
        else:
            self._give_up(lambda: done(False, message, code))

    def _watch_bundle(self) -> None:
        """End a container that was not started when its bundle goes: nobody will ask to delete it.

        So it is where a podman was killed while it created one: `rm --force` removes the bundle,
        and neither calls us nor ends the monitor.
        """
        if self.container.status != CREATED or self._ending:
            return
        if os.path.isdir(self.container.submission_bundle):
            self.loop.call_later(BUNDLE_POLL_S, self._watch_bundle)
        else:
            log.error(f"{self.container.id}: its bundle was removed: it ends")
            self.discard()

    def abandon(self, reason: ScrunError) -> None:
        """End the creation, whatever it waits for; a container just created ends as if killed."""
        if self._doomed is not None or self._ending:
            return
        self._doomed = reason
        if self.container.status != CREATING:
            self._end(128 + SIGKILL)
        elif not self.staging.stop(reason):
            self.backend.cancel()

    def discard(self) -> None:
        """Abandon a container that its creator does not wait for any more, with its directory."""
        self.abandon(StateError("the creation was interrupted", code="CANCELLED"))
        self._wait_ended(lambda *_: self._remove(lambda *_: None))

    def _give_up(self, done: Callable[[], None]) -> None:
        """Release all that a creation got so far, and the directory."""

        def released() -> None:
            self.exit_status = 1
            self._remove(lambda *_: None)
            self._tell_waiting()
            done()

        def cleaned(error: ScrunError | None) -> None:
            if error is not None:
                log.error(f"stage out {self.container.id}: {error}")
            self.backend.finish(1, released)

        self._ending = True
        if self.container.staged:
            self.staging.stage_out(cleaned)
        else:
            self.staging.clean_up(cleaned)

    def _resolve_command(self, resume: Resume) -> None:
        from scrun.oci.commands import resolve_command  # create only

        try:
            command = resolve_command(self.config)
        except ScrunError as err:
            _refuse(resume, err)
            return
        self.container.args = [command, *self.container.args[1:]]
        resume(command)

    def _load_script(self, resume: Resume) -> None:
        self.staging.load(lambda error: _answer(resume, error))

    def _allocate(self, resume: Resume, request: Mapping[str, Any]) -> None:
        def done(error: ScrunError | None) -> None:
            if error is not None:
                resume(None, str(error), error.code, self.backend.messages())
                return
            self.container.job = self.backend.record()  # on disk with the next state
            resume(self.backend.job_id)

        if self._doomed is not None:
            _refuse(resume, self._doomed)
            return
        self.container.request = dict(request)
        self.backend.allocate(request, done)
        self.on_asked()

    def _job_of(self, resume: Resume, container_id: str) -> None:
        from scrun.anchor.neighbours import job_of, join  # for members of a pod

        root = os.path.dirname(self.container.directory)
        job = job_of(root, container_id)
        if job is not None:
            join(root, container_id)
        resume(*(job or (None,)))

    def _show_root(self, resume: Resume) -> None:
        from scrun.host.view import show_root  # of use to engines' users alone

        staged = self.container.root_path or ""
        root = staged if os.path.isdir(staged) else self.container.submission_root_path
        resume(show_root(self.loop, root, self.container.environment))

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

        if self._doomed is not None:
            _refuse(resume, self._doomed)
            return
        self.staging.stage_in(done)

    # The step.

    def _job_variables(self, resume: Resume) -> None:
        merged = self.container.output_variables() | self.backend.job_variables
        resume(self.backend.allowed([f"{name}={value}" for name, value in merged.items()]))

    def _console_size(self, resume: Resume) -> None:
        resume(*(self.terminal.size() if self.terminal is not None else (0, 0)))

    def _begin_output(self, resume: Resume) -> None:
        self._begins_output = True
        resume(True)

    def _open_output(self, resume: Resume) -> None:
        def opened(error: ScrunError | None, path: str) -> None:
            if error is None:
                resume(path)
            else:
                log.info(f"{self.container.id}: {error}")
                _refuse(resume, error)

        self.backend.open_output(opened)

    def _start_step(self, resume: Resume, argv: list[str]) -> None:
        container = self.container
        if self._ending or self._doomed is not None:
            text = f'cannot start container "{container.id}": it is ending'
            resume(None, text, "BAD_STATE")
            return
        try:
            container.become(RUNNING)  # first: what cannot be written down is not begun
            self._step = self.backend.start(
                container.bundle,
                argv,
                container.output_variables(),
                preserved=self.preserved,
                terminal=None if self.terminal is None else self.terminal.path,
            )
        except ScrunError as err:
            container.status = CREATED
            container.publish()
            _refuse(resume, err)
            return
        if self.terminal is None:
            self._stderr = os.dup(2)
            let_go_of_stdio()
        else:  # it went when the container was created
            self._stderr = os.dup(self.terminal.slave)
        for fd in range(3, 3 + self.preserved):
            os.close(fd)
        log.info(f"{container.id}: started in job {container.job_id}")
        self.loop.when_ended(self._step, self._step_ended)
        resume(True)

    def _signal(self, resume: Resume, name: str) -> None:
        try:
            number = parse_signal(name)[0]
        except ScrunError as err:
            _refuse(resume, err)
            return
        if self.container.status == CREATING:
            if number not in HARMLESS:
                text = f"killed by SIG{name_signal(number)} while it was being created"
                self.abandon(StateError(text, code="CANCELLED"))
            resume(True)
        elif self._step is None:
            if number not in HARMLESS:
                self._end(128 + number)
            resume(True)
        elif self._ending or number == 0:
            resume(True)
        elif self._status is not None:  # it waits for others: whoever asks twice means it
            if number not in HARMLESS:
                self._end(self._status)
            resume(True)
        else:
            self.backend.signal(number, lambda error: _answer(resume, error))

    def interrupt(self, number: int) -> None:
        """Take a signal that the anchor itself got: the container ends, gracefully (scrun(1))."""
        log.info(f"{self.container.id}: got SIG{name_signal(number)}: the container ends")
        if self._ending:  # so it waits for stage_out: whoever asks twice means that as well
            text = f"ended by SIG{name_signal(number)}"
            self.staging.stop(StateError(text, code="CANCELLED"))
            return
        self._signal(lambda *_: None, name_signal(number))

    # The end.

    def _step_ended(self, status: int) -> None:
        assert self._step is not None
        self.on_ended()
        self.backend.ended()

        def drain() -> None:
            self.backend.drain(lambda lost: self._step_over(status, lost))

        if self._step.was_killed:  # the container may live on: nobody has told of its end
            log.error(f"{self.container.id}: what ran the container was killed")
            self.backend.settle(drain)
        else:
            drain()

    def _step_over(self, status: int, lost: ScrunError | None) -> None:
        log.info(f"{self.container.id}: ended with status {status}")
        for line in self.backend.step_messages() if status else ():
            log.error(f"{self.container.id}: {line}")
            write_line(self._stderr, line)
        status = self._status = status or int(lost is not None)
        if os.path.exists(f"{self.container.directory}/members"):
            from scrun.anchor.neighbours import when_alone  # for the first of a pod

            when_alone(self.loop, self.container.directory, lambda: self._end(status))
        else:
            self._end(status)

    def _job_lost(self) -> None:
        """Go on after the job's end: by scancel, its time limit, a node's failure, salloc's."""
        job_id, step = self.container.job_id, self._step
        if self._ending:
            return
        log.error(f"{self.container.id}: job {job_id} ended under the container")
        self.backend.cancel()  # salloc may have been killed, and the job live on
        if self.container.status == CREATING:
            self.abandon(StateError(f"job {job_id} ended during the creation", code="JOB_ENDED"))
        elif step is None or self._status is not None:
            self._end(128 + SIGKILL if self._status is None else self._status)
        else:
            self.loop.call_later(LOST_GRACE_S, lambda: self._kill_step(step))

    def _kill_step(self, step: Process) -> None:
        if not self._ending:
            os.kill(step.pid, SIGKILL)

    def _end(self, status: int) -> None:
        """Stage out, finish the job, and let the container be stopped."""
        if self._ending:
            return
        self._ending = True
        failed = False

        def finished() -> None:
            self.exit_status = status or int(failed)
            try:
                self.container.become(STOPPED)
                self._mark_released()
            except (ScrunError, OSError) as err:  # the status is told all the same
                log.error(f"{self.container.id}: write down its end: {err}")
            self._tell_waiting()

        def staged_out(error: ScrunError | None) -> None:
            nonlocal failed
            failed = error is not None
            self.container.staged = False
            if error is not None:
                text = f"stage out {self.container.id}: {error}"
                log.error(text)
                write_line(self._stderr, f"scrun: {text}")
            if self._stderr >= 0:
                os.close(self._stderr)
            if self.terminal is not None:
                self.terminal.close()
            self.backend.finish(status or int(failed), finished)

        if self.container.staged:
            self.staging.stage_out(staged_out)
        else:
            staged_out(None)

    def _mark_released(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        os.close(os.open(f"{self.container.directory}/{MARKER}", flags, 0o600))

    def _tell_waiting(self) -> None:
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


def _answer(resume: Resume, error: ScrunError | None) -> None:
    if error is None:
        resume(True)
    else:
        _refuse(resume, error)


def _refuse(resume: Resume, error: ScrunError) -> None:
    resume(None, str(error), error.code)
