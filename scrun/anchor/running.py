"""A container's step: its start, the signals to it, and what its end brings about.

Loaded while salloc is at work. The primitives are as those of `scrun.anchor.lifecycle`.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.anchor.lifecycle import SIGKILL, answer, refuse
from scrun.anchor.stdio import let_go_of_stdio
from scrun.errors import HostError, ScrunError, StateError
from scrun.host.nonblocking import write_line
from scrun.oci.signals import name_signal, parse_signal
from scrun.oci.state import CREATED, CREATING, RUNNING, STOPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.anchor.lifecycle import Lifecycle
    from scrun.host.process import Process

    Resume = Callable[..., None]

# Signals whose default is not to end a process (signal(7)): a created container outlives them.
HARMLESS = frozenset((0, 17, 18, 23, 28))
LOST_GRACE_S = 15.0  # for srun to end by itself when its job has ended
MARKER = "released"  # the container has ended and nothing but its directory is left


class Running:
    """One container's.

    Args:
        life: whose it is.

    Attributes:
        on_ended: called when the step has ended.
    """

    def __init__(self, life: Lifecycle) -> None:
        self._life = life
        self._container, self._backend = life.container, life.backend
        self.on_ended: Callable[[], None] = lambda: None
        self._step: Process | None = None
        self._stderr = -1  # the container's, while its step lives
        self._has_ended = False
        self._status: int | None = None  # of the step that is over, and has written its last

    def job_variables(self, resume: Resume) -> None:
        """Answer ``host.job_variables``: what the container may have of the job's and ours."""
        merged = self._container.output_variables() | self._backend.job_variables
        resume(self._backend.allowed([f"{name}={value}" for name, value in merged.items()]))

    def console_size(self, resume: Resume) -> None:
        """Answer ``host.console_size``: rows and columns of the terminal."""
        resume(*(self._life.terminal.size() if self._life.terminal is not None else (0, 0)))

    def open_output(self, resume: Resume) -> None:
        """Answer ``host.open_output``."""

        def opened(error: ScrunError | None, path: str) -> None:
            if error is None:
                resume(path)
            else:
                log.info(f"{self._container.id}: {error}")
                refuse(resume, error)

        self._backend.open_output(opened)

    def start_step(self, resume: Resume, argv: list[str]) -> None:
        """Answer ``host.start_step``: run the container's process."""
        container = self._container
        if self._life.is_ending or self._life.doomed is not None:
            text = f'cannot start container "{container.id}": it is ending'
            resume(None, text, "BAD_STATE")
            return
        if container.status != CREATED:  # another start was faster
            text = f'cannot start container "{container.id}": it is {container.status}'
            resume(None, text, "BAD_STATE")
            return
        try:
            container.become(RUNNING)  # first: what cannot be written down is not begun
            self._step = self._backend.start(
                container.bundle,
                argv,
                container.output_variables(),
                preserved=self._life.preserved,
                terminal=None if self._life.terminal is None else self._life.terminal.path,
            )
        except (ScrunError, OSError) as err:
            self._take_back(err, resume)
            return
        self._life.loop.when_ended(self._step, self._step_ended)  # before all that may fail
        if self._life.terminal is None:
            self._stderr = os.dup(2)
            let_go_of_stdio()
        else:  # it went when the container was created
            self._stderr = os.dup(self._life.terminal.slave)
        for fd in range(3, 3 + self._life.preserved):
            os.close(fd)
        log.info(f"{container.id}: started in job {container.job_id}")
        resume(True)

    def _take_back(self, failure: ScrunError | OSError, resume: Resume) -> None:
        """Let a container be created again that could not be started."""
        if isinstance(failure, OSError):
            failure = HostError("start the container's process", failure)
        self._container.status = CREATED
        try:
            self._container.publish()
        except ScrunError as err:
            log.error(f"{self._container.id}: {err}")
        refuse(resume, failure)

    def signal(self, resume: Resume, name: str) -> None:
        """Answer ``host.signal``: by where the container is in its life."""
        try:
            number = parse_signal(name)[0]
        except ScrunError as err:
            refuse(resume, err)
            return
        if self._container.status == CREATING:
            if number not in HARMLESS:
                text = f"killed by SIG{name_signal(number)} while it was being created"
                self._life.abandon(StateError(text, code="CANCELLED"))
            resume(True)
        elif self._step is None:
            if number not in HARMLESS:
                self.end(128 + number)
            resume(True)
        elif self._life.is_ending or number == 0:
            resume(True)
        elif self._status is not None:  # it waits for others: whoever asks twice means it
            if number not in HARMLESS:
                self.end(self._status)
            resume(True)
        else:
            self._backend.signal(number, lambda error: answer(resume, error))

    def interrupt(self, number: int) -> None:
        """Take a signal that the anchor itself got: the container ends, gracefully (scrun(1))."""
        log.info(f"{self._container.id}: got SIG{name_signal(number)}: the container ends")
        if self._life.is_ending:  # so it waits for stage_out: whoever asks twice means that as well
            text = f"ended by SIG{name_signal(number)}"
            self._life.staging.stop(StateError(text, code="CANCELLED"))
            return
        self.signal(lambda *_: None, name_signal(number))

    # The end.

    def _step_ended(self, status: int) -> None:
        assert self._step is not None
        self._has_ended = True
        self.on_ended()
        self._backend.ended()

        def drain() -> None:
            self._backend.drain(lambda lost: self._step_over(status, lost))

        if self._step.was_killed:  # the container may live on: nobody has told of its end
            log.error(f"{self._container.id}: what ran the container was killed")
            self._backend.settle(drain)
        else:
            drain()

    def _step_over(self, status: int, lost: ScrunError | None) -> None:
        log.info(f"{self._container.id}: ended with status {status}")
        for line in self._backend.step_messages() if status else ():
            log.error(f"{self._container.id}: {line}")
            write_line(self._life.loop, self._stderr, line)
        status = self._status = status or int(lost is not None)
        if os.path.exists(f"{self._container.directory}/members"):
            from scrun.anchor.neighbours import when_alone  # for the first of a pod

            when_alone(self._life.loop, self._container.directory, lambda: self.end(status))
        else:
            self.end(status)

    def job_lost(self) -> None:
        """Go on after the job's end: by scancel, its time limit, a node's failure, salloc's."""
        job_id, step = self._container.job_id, self._step
        if self._life.is_ending:
            return
        log.error(f"{self._container.id}: job {job_id} ended under the container")
        self._backend.cancel()  # salloc may have been killed, and the job live on
        if self._container.status == CREATING:
            self._life.abandon(
                StateError(f"job {job_id} ended during the creation", code="JOB_ENDED")
            )
        elif step is None or self._status is not None:
            self.end(128 + SIGKILL if self._status is None else self._status)
        else:
            self._life.loop.call_later(LOST_GRACE_S, lambda: self._kill_step(step))

    def _kill_step(self, step: Process) -> None:
        if not self._has_ended:  # else its number may be another's
            os.kill(step.pid, SIGKILL)

    def end(self, status: int) -> None:
        """Stage out, finish the job, and let the container be stopped."""
        if self._life.is_ending:
            return
        self._life.begin_end()
        failed = False

        def finished() -> None:
            self._life.exit_status = status or int(failed)
            try:
                self._container.become(STOPPED)
                self._mark_released()
            except (ScrunError, OSError) as err:  # the status is told all the same
                log.error(f"{self._container.id}: write down its end: {err}")
            self._life.tell_waiting()

        def staged_out(error: ScrunError | None) -> None:
            nonlocal failed
            failed = error is not None
            self._container.staged = False
            if error is not None:
                text = f"stage out {self._container.id}: {error}"
                log.error(text)
                write_line(self._life.loop, self._stderr, f"scrun: {text}")
            if self._stderr >= 0:
                os.close(self._stderr)
            if self._life.terminal is not None:
                self._life.terminal.close()
            self._backend.finish(status or int(failed), finished)

        if self._container.staged:
            self._life.staging.stage_out(staged_out)
        else:
            staged_out(None)

    def _mark_released(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        os.close(os.open(f"{self._container.directory}/{MARKER}", flags, 0o600))
