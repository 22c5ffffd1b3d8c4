"""The Slurm backend by its commands: salloc holds the job, srun runs steps in it.

Sources: salloc(1), srun(1), scancel(1), squeue(1), oci.conf(5).
"""

from __future__ import annotations

import posix

from scrun import log
from scrun.cluster.environment import of_job, without_defaults
from scrun.cluster.holder import Holder, open_messages, read_messages
from scrun.errors import ClusterError, ScrunError
from scrun.host.paths import parent
from scrun.host.process import SIGKILL, Process, kill_group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from scrun.cluster.backend import Done, Opened, Prepared
    from scrun.cluster.control import TextAnswer
    from scrun.cluster.output_step import OutputStep
    from scrun.cluster.pod import PodJob
    from scrun.cluster.resizing import Resizing
    from scrun.cluster.step_signals import StepSignals
    from scrun.host.loop import Loop
    from scrun.oci.oci_conf import OciConf

END_GRACE_S = 10.0  # for salloc to go once its job has ended


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
        step_name: str,
        oci_conf: OciConf | None,
        user: tuple[str, int],
    ) -> None:
        self.job_id = 0
        self.job_variables: dict[str, str] = {}
        self.adopted = False
        self.on_lost: Callable[[], None] = lambda: None
        self._loop = loop
        self._container_id = container_id
        self._step_name = step_name
        self._given = environment
        self._environment = without_defaults(environment)
        self._oci_conf = oci_conf
        self._user = user
        self._holder = Holder(loop, spool_dir, self._environment, container_id)
        self._pod: PodJob | None = None
        self._signals: StepSignals | None = None
        self._output: OutputStep | None = None
        self._resizing: Resizing | None = None
        self._check: Process | None = None  # srun that reads options
        self._step_log = f"{spool_dir}/srun.log"

    # The job.

    def allocate(self, request: Mapping[str, Any], done: Done) -> None:
        """See `Backend.allocate`; ``request["job_id"]`` is an allocation to use instead."""
        job_id = request.get("job_id")
        if job_id:
            variables = dict(request.get("job_variables") or of_job(self._given))
            self._adopt(int(job_id), variables)
            done(None)
            return
        if request.get("pod"):
            self._join_pod(request, done)
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
            for module in ("step", "step_signals"):  # for `start`, while salloc is at work
                __import__(f"scrun.cluster.{module}")
        except ScrunError as err:
            done(err)

    def _adopt(self, job_id: int, variables: dict[str, str]) -> None:
        self.adopted = True
        self.job_id = job_id
        self.job_variables = variables | {"SLURM_JOB_ID": str(job_id)}
        log.info(f"{self._container_id}: uses job {job_id}")

    def _join_pod(self, request: Mapping[str, Any], done: Done) -> None:
        from scrun.cluster.pod import PodJob  # few containers are in one

        root = parent(parent(self._step_log))
        self._pod = pod = PodJob(self._loop, root, request["pod"], self._holder, self._environment)

        def joined(error: ScrunError | None) -> None:
            if error is None:
                self._adopt(pod.job_id, pod.variables)
            done(error)

        pod.join(request["salloc"], joined, lambda: self.on_lost())

    def finish(self, status: int, done: Callable[[], None]) -> None:
        """See `Backend.finish`; an adopted job goes on, that of a pod until its last leaves it."""
        if self._output is not None:
            self._output.close(lambda _: None)  # of a container that was never started
        if self._signals is not None:
            done = self._signals.and_gone(done)
        if self._pod is not None:

            def over() -> None:
                self._end_target(str(self.job_id), done, patience=6)

            self._pod.leave(status, over, done)
            return
        if self.adopted or not self._holder.has_job:
            self._holder.finish(status, done)
            return

        def gone() -> None:
            timer.cancel()
            if self._holder.has_relinquished():
                done()
            else:  # it was killed, or slurmctld did not answer it
                self._end_target(str(self.job_id), done)

        timer = self._loop.call_later(END_GRACE_S, self._holder.end_stuck)
        self._holder.finish(status, gone)

    def settle(self, done: Callable[[], None]) -> None:
        """See `Backend.settle`: cancels the step, and waits until Slurm lists it no more."""

        def found(step_id: str | None) -> None:
            if step_id is None:
                done()
            else:
                self._end_target(f"{self.job_id}.{step_id}", done)

        assert self._signals is not None, "only what was started can be torn away"
        self._signals.find_step(found)

    def cancel(self) -> None:
        """See `Backend.cancel`; of an adopted job only our own step ends."""
        if self._check is not None:
            kill_group(self._check.pid)
        if self.job_id:
            self._cancel_until_over(lambda: None)
        elif self._pod is not None:
            self._pod.withdraw()
        else:
            self._holder.withdraw()

    def _cancel_until_over(self, done: Callable[[], None]) -> None:
        if not self.adopted:
            self._end_target(str(self.job_id), done)
        elif self._signals is None:
            done()
        else:
            self.settle(done)

    def _end_target(self, target: str, done: Callable[[], None], *, patience: int = 0) -> None:
        environment = self._commands_environment()
        from scrun.cluster.ending import end_target  # most jobs end by themselves

        end_target(self._loop, target, environment, done, patience=patience)

    def check_step_options(self, options: Sequence[str], done: Callable[[str], None]) -> None:
        """See `Backend.check_step_options`: srun reads them, then tells its version and ends."""
        argv = [*self._srun(), *options, "--version"]

        def checked(_: int, output: bytes) -> None:
            self._check = None
            done(output.decode("utf-8", "replace").strip())

        try:
            self._check = self._loop.capture(argv, self._environment, checked, streams=(2,))
        except ScrunError as err:
            done(str(err))

    def messages(self) -> str:
        """Return what salloc said; for the policy to explain a refusal."""
        return self._holder.messages()

    def record(self) -> dict[str, object]:
        """See `Backend.record`."""
        variables = self.job_variables or self._holder.there
        return {"job_id": self.job_id, "adopted": self.adopted, "variables": variables}

    def restore(self, job: Mapping[str, Any]) -> None:
        """Take over a job that `record` told of."""
        self.job_id, self.adopted = job["job_id"], job["adopted"]
        self.job_variables = dict(job["variables"])

    # Steps.

    def start(
        self,
        bundle: str,
        argv: Sequence[str],
        variables: Mapping[str, str],
        *,
        preserved: int,
        terminal: str | None,
    ) -> Process:
        """See `Backend.start`; ``argv`` are srun's arguments. Descriptors stay on this machine."""
        from scrun.cluster.step import spawn_step  # not before there is a job
        from scrun.cluster.step_signals import StepSignals

        self._signals = StepSignals(
            self._loop,
            self._step_name,
            job_id=self.job_id,
            bundle=bundle,
            srun=self._srun(),
            environment=self._commands_environment(),
            oci_conf=self._oci_conf,
            user=self._user,
            cancel=self._cancel_until_over,
            srun_pid=lambda: step.pid,
            job_nodes=self._count_nodes(),
        )
        if self._output is not None:
            self._output.watch()
        resizing = None
        if terminal is not None:
            from scrun.cluster.resizing import Resizing, told_size  # most containers have none

            self._resizing = resizing = Resizing(self._loop, terminal, self._signals.fit_terminal)
        messages = open_messages(self._step_log, posix.O_APPEND)
        try:
            step = spawn_step(
                self._srun(),
                argv,
                self._commands_environment() | dict(variables),
                messages=messages,
                terminal=terminal,
                controlling=resizing is None or not resizing.is_in_control,
            )
        except ScrunError:
            if resizing is not None:
                resizing.close()
            raise
        finally:
            posix.close(messages)
        if resizing is not None:
            resizing.begin(step, told_size(bundle))
        return step

    def open_output(self, opened: Opened) -> None:
        """See `Backend.open_output`: a step beside the container's."""
        from scrun.cluster.output_step import OutputStep  # most containers have no input
        from scrun.cluster.step import can_reopen

        if not can_reopen(2):  # srun would send stderr along with what goes to the path
            opened(ClusterError("stderr cannot be told from it here", code="NO_OUTPUT"), "")
            return
        if self._output is None or not self._output.is_new:
            if self._output is not None:  # of a start that failed
                self._output.kill()
            self._output = OutputStep(
                self._loop,
                self._srun(),
                self.job_id,
                self._commands_environment(),
                self._container_id,
            )
        self._output.open(opened)

    def drain(self, done: Done) -> None:
        """See `Backend.drain`."""
        if self._output is None:
            done(None)
            return
        self._output.close(done)

    def step_messages(self) -> list[str]:
        """See `Backend.step_messages`: what srun said, but for the status that we hand on."""
        from scrun.cluster.step import worth_telling

        return worth_telling(read_messages(self._step_log))

    def remote_argv(self, argv: Sequence[str], nodes: Sequence[str]) -> list[str]:
        """See `Backend.remote_argv`."""
        from scrun.cluster.exec_steps import command_options  # few scripts run any

        options = command_options(self.job_id, nodes, len(nodes) or self._count_nodes())
        return [*self._srun(), *options, "--", *argv]

    def allowed(self, entries: list[str]) -> list[str]:
        """See `Backend.allowed`: all; slurmstepd itself follows EnvExclude of oci.conf."""
        return entries

    def _count_nodes(self) -> int:
        """Return how many nodes the job has; 0: nobody told."""
        count = self.job_variables.get("SLURM_JOB_NUM_NODES", "")
        return int(count) if count.isdecimal() else 0

    def _srun(self) -> list[str]:
        conf = self._oci_conf
        return [conf.srun_path or "srun", *conf.srun_args] if conf else ["srun"]

    def _commands_environment(self) -> dict[str, str]:
        return self._environment | self.job_variables

    # Signals.

    def signal(self, number: int, done: Done) -> None:
        """See `Backend.signal`; ``done`` when the node's runtime has taken it."""
        assert self._signals is not None, "policy signals what it has started"
        if number == SIGKILL and self._output is not None:
            self._output.note_kill()
        self._signals.send(number, done)

    def prepare_exec(
        self,
        directory: str,
        *,
        terminal: bool,
        piped: bool,
        pattern: str | None,
        node: str,
        done: Prepared,
    ) -> None:
        """See `Backend.prepare_exec`: an overlapping step, in which the node's runtime is asked."""
        # Many containers never need it.
        from scrun.cluster.exec_steps import choose_node, exec_argv, step_options
        from scrun.cluster.runtime_commands import exec_pattern

        signals = self._signals
        assert signals is not None, "policy looks whether the container runs"

        def found(step_id: str | None) -> None:
            if step_id is None:
                done(ClusterError("its step is over", code="NOT_RUNNING"), {})
                return
            try:
                query = self._oci_conf.runtime_query if self._oci_conf else None
                name = choose_node(signals.nodes, node)
                command = signals.expand(exec_pattern(query, pattern))
            except ScrunError as err:
                done(err, {})
                return
            options = step_options(self.job_id, name, terminal=terminal, piped=piped)
            argv = exec_argv(f"{signals.find_task()}; {command}", directory, piped=piped)
            launch = {
                "srun": self._srun(),
                "argv": [*options, "--", *argv],
                "environment": self._commands_environment(),
                "node": name,
                "piped": piped,
            }
            done(None, launch)

        signals.find_step(found)

    def ask(self, command: str, answer: TextAnswer, node: str | None = None) -> None:
        """See `Backend.ask`: in the control step."""
        assert self._signals is not None, "policy looks whether the container runs"
        self._signals.ask(command, answer, node)

    def update_job(self, changes: Mapping[str, str], done: Done) -> None:
        """See `Backend.update_job`: scontrol does it."""
        if self.adopted:
            text = f"job {self.job_id} was there before the container: it is not changed"
            done(ClusterError(text, code="NOT_OURS"))
            return

        from scrun.cluster.job_update import update_job  # rare

        update_job(self._loop, self.job_id, changes, self._commands_environment(), done)

    def update_limits(self, resources: str, done: Done) -> None:
        """See `Backend.update_limits`: its job limits the container."""
        done(ClusterError("its job limits the container", code="JOB_LIMITS"))

    def ended(self) -> None:
        """See `Backend.ended`."""
        if self._signals is not None:
            self._signals.end()
        if self._resizing is not None:
            self._resizing.close()
