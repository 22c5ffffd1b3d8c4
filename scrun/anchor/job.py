"""A container's job, in terms of the loop: allocate, run the step, signal it, finish.

`SlurmJob` and `LocalJob` answer the same calls, so the anchor does not know which it has. Each
callback is called once: ``done(None)``, or ``done(error)``.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.cluster.commands import read_capture
from scrun.errors import ClusterError, ScrunError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scrun.anchor.loop import Loop
    from scrun.cluster.commands import CommandsBackend
    from scrun.cluster.local import LocalBackend
    from scrun.host.process import Process

    Done = Callable[[ScrunError | None], None]

LOCAL_DELIVERIES = 100


class LocalJob:
    """The local backend: the job is a number, the step the OCI runtime."""

    def __init__(self, loop: Loop, backend: LocalBackend, container_id: str) -> None:
        self.loop = loop
        self.backend = backend
        self.container_id = container_id
        self.job_id = 0
        self.environment: dict[str, str] = {}

    def allocate(self, options: Sequence[str], job_id: int | None, done: Done) -> None:
        """Take a number; options and an existing job mean nothing here."""
        try:
            self.job_id = self.backend.allocate()
        except ScrunError as err:
            done(err)
            return
        self.environment = {"SLURM_JOB_ID": str(self.job_id), "SLURM_JOB_NUM_NODES": "1"}
        done(None)

    def start(self, bundle: str, argv: Sequence[str]) -> Process:
        """Start the container."""
        return self.backend.run(self.container_id, bundle)

    def signal(self, number: int, is_over: Callable[[], bool], done: Done) -> None:
        """Deliver a signal; tries again while the OCI runtime is still making the container."""
        self._deliver(number, is_over, done, LOCAL_DELIVERIES)

    def _deliver(self, number: int, is_over: Callable[[], bool], done: Done, tries: int) -> None:
        def delivered(status: int) -> None:
            if status == 0 or is_over():
                done(None)
            elif tries:
                self._deliver(number, is_over, done, tries - 1)
            else:
                done(ClusterError(f"signal {number} was not delivered", code="NOT_DELIVERED"))

        self.loop.when_ended(self.backend.signal(self.container_id, number), delivered)

    def remote_prefix(self) -> list[str]:
        """Return what goes before a command to run it in the job: nothing, the job is here."""
        return []

    def finish(self, status: int, done: Callable[[], None]) -> None:
        """Remove what the OCI runtime still has."""
        if not self.job_id:  # never allocated
            done()
            return
        removal = self.backend.remove(self.container_id)
        self.loop.when_ended(removal, lambda _: done())


class SlurmJob:
    """The commands backend: salloc holds the job, srun is the step."""

    def __init__(self, loop: Loop, backend: CommandsBackend, container_id: str) -> None:
        self.loop = loop
        self.backend = backend
        self.container_id = container_id
        self.on_lost: Callable[[], None] = lambda: None  # the job ended under the container
        self._holding = False
        self._holder_ended: Callable[[], None] = lambda: None
        self._step_id: str | None = None

    @property
    def job_id(self) -> int:
        return self.backend.job_id

    @property
    def environment(self) -> dict[str, str]:
        return self.backend.job_environment

    def allocate(self, options: Sequence[str], job_id: int | None, done: Done) -> None:
        """Get a job, waiting as long as Slurm does, or adopt ``job_id``."""
        if job_id:
            self.backend.adopt(job_id)
            done(None)
            return
        try:
            holder, reader = self.backend.hold(options)
        except ScrunError as err:
            done(err)
            return
        collected: list[bytes] = []

        def granted(data: bytes) -> None:
            try:
                self.backend.take_environment(data)
            except ScrunError as err:
                done(err)
                return
            self._holding = True
            log.info(f"{self.container_id}: allocated job {self.job_id}")
            done(None)

        def readable() -> None:
            if read_capture(reader, collected, granted):
                self.loop.forget(reader)
                os.close(reader)

        def ended(_: int) -> None:
            if not self._holding:
                self.loop.forget(reader)
                os.close(reader)
                done(self.backend.refusal())
                return
            self._holding = False
            self._holder_ended()

        self._holder_ended = lambda: self.on_lost()
        self.loop.watch(reader, readable)
        self.loop.when_ended(holder, ended)

    def start(self, bundle: str, argv: Sequence[str]) -> Process:
        """Start the container's step."""
        return self.backend.run(argv)

    def signal(self, number: int, is_over: Callable[[], bool], done: Done) -> None:
        """Deliver a signal through a step; ``done`` when the node's runtime has taken it."""

        def send() -> None:
            assert self._step_id is not None
            null = os.open(os.devnull, os.O_RDWR)
            try:
                argv = self.backend.signal_argv(self._step_id, number)
                step = self.backend.run_aside(argv, (null, null, null))
            except ScrunError as err:
                done(err)
                return
            finally:
                os.close(null)
            self.loop.when_ended(step, sent)

        def sent(status: int) -> None:
            if status and not is_over():
                done(ClusterError(f"signal {number} was not delivered", code="NOT_DELIVERED"))
            else:
                done(None)

        if self._step_id is not None:
            send()
        else:
            self._find_step(send, is_over, done)

    def _find_step(
        self, found: Callable[[], None], is_over: Callable[[], bool], done: Done
    ) -> None:
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        collected: list[bytes] = []

        def listed(data: bytes) -> None:
            for line in data.decode("utf-8", "replace").splitlines():
                step, _, name = line.strip().partition(" ")
                if name == self.container_id:
                    self._step_id = step.partition(".")[2]
                    found()
                    return
            if is_over():
                done(None)
            else:  # srun has not made the step yet
                self._find_step(found, is_over, done)

        def readable() -> None:
            if read_capture(reader, collected, listed):
                self.loop.forget(reader)
                os.close(reader)

        self.loop.watch(reader, readable)
        listing = self.backend.list_steps(writer)
        os.close(writer)
        self.loop.when_ended(listing, lambda _: None)

    def remote_prefix(self) -> list[str]:
        """Return the srun command line that goes before a command to run it on the nodes."""
        return self.backend.remote_prefix()

    def finish(self, status: int, done: Callable[[], None]) -> None:
        """End the job with ``status``, as accounting will have it; an adopted one goes on."""
        if not self._holding:
            done()
            return
        self._holder_ended = done
        self.backend.finish(status)
