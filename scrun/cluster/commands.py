"""The Slurm backend by its commands: salloc holds the job, srun runs steps in it.

Sources: salloc(1), srun(1), scancel(1), squeue(1), oci.conf(5).
"""

from __future__ import annotations

import os
from _stat import S_ISSOCK

from scrun import log
from scrun.cluster.command_queries import without_options
from scrun.cluster.control import ControlStep
from scrun.cluster.holder import Holder
from scrun.cluster.runtime_commands import kill_command
from scrun.errors import ClusterError, ScrunError
from scrun.host.process import Process, spawn, spawn_quietly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from scrun.cluster.backend import Done
    from scrun.host.loop import Loop
    from scrun.oci.oci_conf import OciConf

# srun's options by the caller's environment that would lead the container's stdio elsewhere.
STDIO_OPTIONS = ("SLURM_STDINMODE", "SLURM_STDOUTMODE", "SLURM_STDERRMODE", "SLURM_OPEN_MODE")
SIGKILL = 9
KILL_WAIT_S, SIGNAL_WAIT_S = 6.0, 20.0
END_GRACE_S = 10.0  # for salloc to go once its job has ended
RETRY_S = 0.05
FIND_TRIES = 200
LEARN_S = 1.0
STDERR_PATH = "/proc/self/fd/3"
# The container comes up on the node a little after its step does: try for 5 s.
UNTIL = "i=0; until {}; do i=$((i+1)); [ $i -lt 100 ] || break; sleep 0.05; done; [ $i -lt 100 ]"


class CommandsBackend:
    """One job, and the container's step in it. See `scrun.cluster.backend.Backend`."""

    name = "slurm"

    def __init__(
        self,
        loop: Loop,
        container_id: str,
        spool_dir: str,
        environment: Mapping[str, str],
        *,
        oci_conf: OciConf | None,
        user: tuple[str, int],
    ) -> None:
        self.job_id = 0
        self.job_variables: dict[str, str] = {}
        self.adopted = False
        self.on_lost: Callable[[], None] = lambda: None
        self._loop = loop
        self._container_id = container_id
        self._environment = without_options(environment)
        for name in STDIO_OPTIONS:
            self._environment.pop(name, None)
        self._oci_conf = oci_conf
        self._user = user
        self._holder = Holder(loop, spool_dir, self._environment, container_id)
        self._control: ControlStep | None = None
        self._step_id: str | None = None
        self._step_over = False
        self._bundle = ""
        self._step_log = f"{spool_dir}/srun.log"

    # The job.

    def allocate(self, request: Mapping[str, Any], done: Done) -> None:
        """See `Backend.allocate`; ``request["job_id"]`` is an allocation to use instead."""
        job_id = request.get("job_id")
        if job_id:
            self.adopted = True
            self.job_id = int(job_id)
            self.job_variables = {
                name: value
                for name, value in self._environment.items()
                if name.startswith("SLURM_") and not name.startswith("SLURM_CONF")
            } | {"SLURM_JOB_ID": str(job_id)}
            log.info(f"{self._container_id}: uses job {job_id}")
            done(None)
            return

        def granted(error: ScrunError | None) -> None:
            if error is None:
                self.job_variables = self._holder.variables
                self.job_id = int(self.job_variables["SLURM_JOB_ID"])
                nodes = self.job_variables.get("SLURM_JOB_NODELIST", "")
                log.info(f"{self._container_id}: allocated job {self.job_id} on {nodes}")
            done(error)

        try:
            self._holder.start(request["salloc"], granted, lambda: self.on_lost())
        except ScrunError as err:
            done(err)

    def finish(self, status: int, done: Callable[[], None]) -> None:
        """See `Backend.finish`; an adopted job goes on."""
        if self._control is not None:
            self._control.close()
        if self._holder.process is None:
            done()
            return
        timer = self._loop.call_later(END_GRACE_S, self.cancel)

        def gone() -> None:
            timer.cancel()
            done()

        self._holder.finish(status, gone)

    def cancel(self) -> None:
        """See `Backend.cancel`; of an adopted job only our own step ends."""
        if not self.job_id:
            self._holder.withdraw()
            return
        target = str(self.job_id)
        if self.adopted:
            if self._step_id is None:
                return
            target += f".{self._step_id}"
        log.debug(f"{self._container_id}: run scancel {target}")
        try:
            canceller = spawn_quietly(["scancel", target], self._commands_environment())
        except ScrunError as err:
            log.error(f"{self._container_id}: cancel job {target}: {err}")
            return
        self._loop.when_ended(canceller, lambda _: None)

    def messages(self) -> str:
        """Return what salloc said; for the policy to explain a refusal."""
        return self._holder.messages()

    def record(self) -> dict[str, object]:
        """See `Backend.record`."""
        job = {"job_id": self.job_id, "adopted": self.adopted, "variables": self.job_variables}
        return dict(job)

    def restore(self, job: Mapping[str, Any]) -> None:
        """Take over a job that `record` told of."""
        self.job_id, self.adopted = job["job_id"], job["adopted"]
        self.job_variables = dict(job["variables"])

    # Steps.

    def start(
        self, bundle: str, argv: Sequence[str], variables: Mapping[str, str], preserved: int
    ) -> Process:
        """See `Backend.start`; ``argv`` are srun's arguments. Descriptors stay on this machine."""
        self._bundle = bundle
        # In good time: a slurmctld that crashes forgets the steps of its last seconds.
        self._loop.call_later(LEARN_S, self._learn_step)
        environment = self._commands_environment() | dict(variables)
        command = [*self._srun(), "--quiet"]
        if not _can_reopen(2):  # then srun has no other place to speak, and is to be silent
            command += ["--quiet", *argv]
            log.debug(f"{self._container_id}: run {' '.join(command)}")
            return spawn(command, environment)
        # srun's own words ("task 0: Exited with exit code 7") are not the container's stderr.
        command += [f"--error={STDERR_PATH}", "--open-mode=append", *argv]
        log.debug(f"{self._container_id}: run {' '.join(command)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        messages = os.open(self._step_log, flags, 0o600)
        try:
            return spawn(command, environment, stdio=(0, 1, messages), extra=(2,))
        finally:
            os.close(messages)

    def step_messages(self) -> list[str]:
        """See `Backend.step_messages`: what srun said, but for the status that we hand on."""
        try:
            with open(self._step_log, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return []
        return [line for line in lines if line.strip() and not _is_task_status(line)]

    def remote_argv(self, argv: Sequence[str], nodes: Sequence[str]) -> list[str]:
        """See `Backend.remote_argv`."""
        options = ["--jobid", str(self.job_id), "--no-kill", "--job-name", "lua-command"]
        options.append("--overlap")
        if nodes:
            options += [f"--nodes={len(nodes)}", "--ntasks-per-node=1"]
            options.append(f"--nodelist={','.join(nodes)}")
        return [*self._srun(), *options, "--", *argv]

    def _srun(self) -> list[str]:
        conf = self._oci_conf
        return [conf.srun_path or "srun", *conf.srun_args] if conf else ["srun"]

    def _commands_environment(self) -> dict[str, str]:
        return self._environment | self.job_variables

    # Signals.

    def signal(self, number: int, done: Done) -> None:
        """See `Backend.signal`; ``done`` when the node's runtime has taken it."""
        if self._step_over:
            done(None)
        elif self._step_id is None:
            self._find_step(
                lambda: self.signal(number, done), lambda e: self._lost(number, done, e)
            )
        else:
            self._send(number, done)

    def ended(self) -> None:
        """See `Backend.ended`."""
        self._step_over = True
        if self._control is not None:
            self._control.close()

    def _send(self, number: int, done: Done) -> None:
        waiting = True

        def answered(status: int) -> None:
            nonlocal waiting
            if not waiting:
                return
            waiting = False
            timer.cancel()
            if status == 0 or self._step_over:
                done(None)
            elif number == SIGKILL:  # the node does not do it, so the job's end has to
                self.cancel()
                done(None)
            else:
                why = "did not deliver it" if status > 0 else "does not answer"
                text = f"signal {number}: the node {why}"
                done(ClusterError(text, code="NOT_DELIVERED"))

        # While slurmctld is down, or comes up, no step can be started; engines wait for us.
        wait_s = KILL_WAIT_S if number == SIGKILL else SIGNAL_WAIT_S
        timer = self._loop.call_later(wait_s, lambda: answered(-1))
        try:
            command = self._kill_command(number)
            if self._control is None:
                self._control = ControlStep(
                    self._loop, self._control_argv(), self._commands_environment()
                )
            self._control.run(UNTIL.format(command), answered)
        except ScrunError as err:
            if number == SIGKILL:
                log.debug(f"{self._container_id}: {err}")
                answered(-1)
                return
            waiting = False
            timer.cancel()
            done(err)

    def _lost(self, number: int, done: Done, error: ScrunError | None) -> None:
        """Go without the step's number: only the job's end is left, if that is wanted."""
        if error is not None and number == SIGKILL:
            self.cancel()
            error = None
        done(error)

    def _control_argv(self) -> list[str]:
        options = ["--jobid", str(self.job_id), "--overlap", "--no-kill", "--quiet"]
        options += ["--nodes=1", "--ntasks=1", "--job-name", "scrun-control", "--input=all"]
        return [*self._srun(), *options, "--"]

    def _kill_command(self, number: int) -> str:
        assert self._step_id is not None
        pattern = self._oci_conf.runtime_kill if self._oci_conf else None
        if not pattern:
            raise ClusterError(
                "oci.conf: RunTimeKill is missing: the container cannot be sent a signal",
                code="BAD_CONFIG",
            )
        return kill_command(
            pattern,
            number,
            job_id=self.job_id,
            step_id=int(self._step_id),
            user=self._user,
            bundle=self._bundle,
        )

    def _learn_step(self) -> None:
        if self._step_id is None and not self._step_over:
            self._find_step(lambda: None, lambda _: None)

    def _find_step(self, found: Callable[[], None], done: Done, tries: int = FIND_TRIES) -> None:
        """Learn the number of the container's step: it has the container's ID for its name."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        argv = [
            "squeue",
            "--noheader",
            "--all",
            "--steps",
            "--jobs",
            str(self.job_id),
            "--format",
            "%i %j",
        ]
        try:
            listing = spawn(argv, self._commands_environment(), stdio=(null, writer, null))
        except ScrunError as err:
            os.close(reader)
            done(err)
            return
        finally:
            os.close(null)
            os.close(writer)

        def listed(data: bytes) -> None:
            for line in data.decode("utf-8", "replace").splitlines():
                step, _, name = line.strip().partition(" ")
                if name == self._container_id:
                    self._step_id = step.partition(".")[2]
                    found()
                    return
            if self._step_over:
                done(None)
            elif tries:  # srun has not made the step yet, or slurmctld does not answer
                self._loop.call_later(RETRY_S, lambda: self._find_step(found, done, tries - 1))
            else:
                text = f"job {self.job_id} has no step of this container's name"
                done(ClusterError(text, code="NOT_DELIVERED"))

        self._loop.read_all(reader, listed)
        self._loop.when_ended(listing, lambda _: None)


def _can_reopen(fd: int) -> bool:
    """Tell whether a descriptor can be opened again by its path: no socket, no stranger's file."""
    return not S_ISSOCK(os.fstat(fd).st_mode) and os.access(f"/proc/self/fd/{fd}", os.W_OK)


def _is_task_status(line: str) -> bool:
    """Tell whether srun speaks of a task's end: ``srun: error: n1: task 0: Exited with ...``."""
    words = line.split(" ")
    return words[:2] == ["srun:", "error:"] and words[3:4] in (["task"], ["tasks"])
