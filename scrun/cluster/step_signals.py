"""Signals to the process of a container that runs as a step: found, delivered, confirmed.

``scancel --signal`` would reach the runtime that slurmstepd started, which dies of it. So the
node's runtime is told, by RunTimeKill of oci.conf, through the container's control step.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.cluster.control import GONE, ControlStep
from scrun.cluster.environment import for_questions
from scrun.cluster.host_list import expand_hosts
from scrun.cluster.runtime_commands import kill_pattern, node_command
from scrun.errors import ClusterError, ScrunError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scrun.cluster.backend import Done
    from scrun.cluster.control import TextAnswer
    from scrun.host.loop import Loop
    from scrun.oci.oci_conf import OciConf

SIGKILL = 9
# While slurmctld is down, or comes up, no step can be started; engines wait for us.
KILL_WAIT_S, SIGNAL_WAIT_S, END_WAIT_S = 6.0, 20.0, 15.0
RETRY_S, LONGEST_RETRY_S = 0.05, 2.0  # slurmctld may limit a user's requests (rl_enable)
FIT_ATTEMPTS, FIT_RETRY_S, BLIND_FIT_S = 20, 1.0, 5.0  # each waits 5 s for the container
LEARN_S = 1.0  # in good time: a slurmctld that crashes forgets the steps of its last seconds


class StepSignals:
    """The signals of one container, whose step has just been started.

    Args:
        name: the container's ID, and so its step's name.
        srun: program and options that come before those of a control step.
        bundle: as the nodes see it.
        cancel: ends the step by its job, for a SIGKILL that cannot be delivered; calls back when
            that is true.
        srun_pid: of the step's srun; asked once there is one.
        job_nodes: how many the job has; 0: nobody told.

    Attributes:
        bundle: as the nodes see it.
        step_id: such as ``0``; None while it is not known.
        nodes: of the step, in its order; none while it is not known.
    """

    def __init__(
        self,
        loop: Loop,
        name: str,
        *,
        job_id: int,
        bundle: str,
        srun: Sequence[str],
        environment: Mapping[str, str],
        oci_conf: OciConf | None,
        user: tuple[str, int],
        cancel: Callable[[Callable[[], None]], None],
        srun_pid: Callable[[], int],
        job_nodes: int = 1,
    ) -> None:
        self.step_id: str | None = None
        self.nodes: list[str] = []
        self._node_list = ""
        self._tasks = 1
        self._loop = loop
        self._name = name
        self._job_id = job_id
        self.bundle = bundle
        self._environment = environment
        self._oci_conf = oci_conf
        self._user = user
        self._cancel = cancel
        self._srun_pid = srun_pid
        self._srun = srun
        self._control: ControlStep | None = None
        if job_nodes == 1:
            self._make_control()  # which need not wait for what the step is
        self._over = False
        self._looking = False
        self._retry_s = RETRY_S
        self._waiting_for_step: list[Callable[[], None]] = []
        self._pending: list[Callable[[int], None]] = []
        loop.call_later(LEARN_S, self._look_for_step)

    def send(self, number: int, done: Done) -> None:
        """Deliver a signal; ``done`` when the node has done it, or cannot.

        What the node does not do of a SIGKILL, the job's end does.
        """
        if self._over:
            done(None)
            return

        def answered(status: int) -> None:
            if answered not in self._pending:
                return  # too late
            if number == SIGKILL and status in (0, GONE):
                self._watch_srun()
            if status == GONE:
                return  # everywhere: the step is about to end, which answers
            self._pending.remove(answered)
            timer.cancel()
            if status == 0:
                done(None)
            elif number == SIGKILL:
                self._end_job(done)
            else:
                why = "did not deliver it" if status > 0 else "does not answer"
                done(ClusterError(f"signal {number}: the node {why}", code="NOT_DELIVERED"))

        wait_s = KILL_WAIT_S if number == SIGKILL else SIGNAL_WAIT_S
        timer = self._loop.call_later(wait_s, lambda: answered(-1))
        self._pending.append(answered)
        try:
            definitions = self._definitions()
            self._start_control()  # it comes up while slurmctld is asked for the step
        except ScrunError as err:
            if number == SIGKILL:
                log.debug(f"{self._name}: {err}")
                answered(-1)
                return
            self._pending.remove(answered)
            timer.cancel()
            done(err)
            return

        def found() -> None:
            if not self._over:
                control = self._restart_control()
                control.deliver(definitions(), number, answered)

        self._when_found(found)

    def _watch_srun(self) -> None:
        """End an srun that waits for a reader of what a killed process has still written."""
        from scrun.cluster.stuck import end_when_stuck  # for the end

        pid = self._srun_pid()

        def end() -> None:
            log.info(f"{self._name}: nobody reads what its killed process wrote: srun is ended")
            os.kill(pid, SIGKILL)

        end_when_stuck(self._loop, pid, lambda: self._over, end)

    def ask(self, command: str, answer: TextAnswer, node: str | None = None) -> None:
        """Run a line of shell on the container's nodes; ``answer`` gets its status and output.

        -1 when the container has ended. Functions that it finds: ``state``, and `node_script`'s.

        Args:
            node: the only one to run it.
        """
        if self._over:
            answer(-1, b"")
            return
        try:
            definitions = self._definitions()
            self._start_control()
        except ScrunError as err:
            answer(1, str(err).encode())
            return

        def found() -> None:
            if self._over:
                answer(-1, b"")
                return
            self._restart_control().ask(definitions(), command, answer, node)

        self._when_found(found)

    def fit_terminal(self, fitted: Callable[[], None], attempts: int = FIT_ATTEMPTS) -> None:
        """Give the container's terminal the size of its step's, once it runs; then call.

        Where the node cannot be asked, it is called when the container should long be running.
        """

        def answered(status: int) -> None:
            log.debug(f"{self._name}: fit terminal: {status}")
            if self._over:
                return
            if status == 0 or attempts <= 1:
                fitted()
            else:  # its step may wait for a prolog
                again = attempts - 1
                self._loop.call_later(FIT_RETRY_S, lambda: self.fit_terminal(fitted, again))

        if self._over:
            return
        try:
            definitions = self._definitions()
            self._start_control()  # it comes up while slurmctld is asked for the step
        except ScrunError as err:
            log.debug(f"{self._name}: {err}")
            self._loop.call_later(BLIND_FIT_S, fitted)
            return

        def found() -> None:
            if not self._over:
                self._restart_control().fit(definitions(), answered)

        self._when_found(found)

    def _end_job(self, done: Done) -> None:
        """End the container by its job; the attempts go on when the caller is told of a failure."""
        waiting = True

        def over() -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                timer.cancel()
                done(None)

        def late() -> None:
            nonlocal waiting
            waiting = False
            done(ClusterError("its job does not end: Slurm does not answer", code="ETIMEDOUT"))

        timer = self._loop.call_later(END_WAIT_S, late)
        self._cancel(over)

    def find_step(self, found: Callable[[str | None], None]) -> None:
        """Call ``found`` with the step's number; None: Slurm lists no such step (any more)."""

        def listed(status: int, data: bytes) -> None:
            if status and b"Invalid job id" not in data:  # slurmctld does not answer
                self._loop.call_later(LEARN_S, lambda: self.find_step(found))
                return
            self._note_step(data)
            found(self.step_id)

        if self.step_id is not None:
            found(self.step_id)
            return
        try:
            environment = for_questions(self._environment)
            self._loop.capture(self._listing(), environment, listed, streams=(1, 2))
        except ScrunError as err:
            log.debug(f"{self._name}: {err}")
            found(None)

    def end(self) -> None:
        """Hear that the step has ended: nothing is left to be delivered to."""
        self._over = True
        if self._control is not None:
            self._control.close()
        for answered in list(self._pending):
            answered(0)
        waiting, self._waiting_for_step = self._waiting_for_step, []
        for found in waiting:
            found()

    def and_gone(self, done: Callable[[], None]) -> Callable[[], None]:
        """Return ``done``, to be called when the control step's srun is gone as well."""
        control = self._control
        return done if control is None else lambda: control.when_gone(done)

    def find_task(self) -> str:
        """Return shell that sets ``$task`` to the first task that a node still has."""
        query = self._oci_conf.runtime_query if self._oci_conf else None
        if self._most_tasks() == 1 or not query:
            return "task=0"
        return (
            f"for task in {self._possible_tasks()}; do "
            f"{self.expand(query)} >/dev/null 2>&1 && break; done"
        )

    def _most_tasks(self) -> int:
        """Return how many tasks a node can have: every node has one."""
        return self._tasks + 1 - max(len(self.nodes), 1)

    def _possible_tasks(self) -> str:
        """Return the numbers that tasks of one node can have; each node counts its own from 0."""
        return " ".join(str(number) for number in range(self._most_tasks()))

    def _make_control(self) -> ControlStep:
        options = ["--jobid", str(self._job_id), "--overlap", "--no-kill", "--quiet"]
        count = max(len(self.nodes), 1)
        options += [f"--nodes={count}", f"--ntasks={count}"]
        if self._node_list:
            options += ["--ntasks-per-node=1", f"--nodelist={self._node_list}"]
        if count > 1:
            options.append("--label")
        options += ["--job-name", "scrun-control", "--chdir=/", "--input=all", "--"]
        argv = [*self._srun, *options]
        self._control = ControlStep(self._loop, argv, self._environment, count)
        return self._control

    def _start_control(self) -> None:
        """Start the control step, unless it runs, or must wait until the nodes are known.

        Raises:
            HostError: srun cannot be started.
        """
        if self._control is not None:
            self._control.start()

    def _restart_control(self) -> ControlStep:
        """Return the control step, once the nodes are known; it may have failed meanwhile."""
        control = self._control or self._make_control()
        try:
            control.start()
        except ScrunError as err:  # who asks it hears that it has ended
            log.debug(f"{self._name}: {err}")
        return control

    def _definitions(self) -> Callable[[], str]:
        """Return what makes the shell functions of the runtime, once the step is known.

        Raises:
            ClusterError: oci.conf does not say how.
        """
        kill = kill_pattern(self._oci_conf, '"$1"')
        query = self._oci_conf.runtime_query if self._oci_conf else None

        def define() -> str:
            state = self.expand(query) if query else "false"
            kill_by_runtime = f"kill_by_runtime() {{ {self.expand(kill)}; }}"
            tasks = f"tasks='{self._possible_tasks()}'"
            blind = "blind=" if query else "blind=1"
            return f"{tasks}; {blind}; {kill_by_runtime}; state_of_task() {{ {state}; }}"

        return define

    def expand(self, pattern: str) -> str:
        """Return a line of shell for the node by a RunTime* pattern; the step is known."""
        assert self.step_id is not None
        return node_command(
            pattern,
            job_id=self._job_id,
            step_id=int(self.step_id),
            user=self._user,
            bundle=self.bundle,
            run=self._oci_conf.runtime_run if self._oci_conf else None,
        )

    def _when_found(self, found: Callable[[], None]) -> None:
        """Call ``found`` once the step is known, or over."""
        if self.step_id is not None:
            found()
        else:
            self._waiting_for_step.append(found)
            self._look_for_step()

    def _look_for_step(self) -> None:
        """Learn the number of the container's step, as long as somebody wants to know."""
        if self.step_id is not None or self._looking or self._over:
            return
        self._looking = True
        try:
            environment = for_questions(self._environment)
            self._loop.capture(self._listing(), environment, self._listed)
        except ScrunError as err:
            self._looking = False
            log.debug(f"{self._name}: {err}")
            if self._waiting_for_step:
                self._loop.call_later(LEARN_S, self._look_for_step)

    def _listing(self) -> list[str]:
        argv = ["squeue", "--noheader", "--all", "--steps", "--jobs", str(self._job_id)]
        return [*argv, "--format", "%i %A %N %j"]

    def _note_step(self, data: bytes) -> None:
        for line in data.decode("utf-8", "replace").splitlines():
            step, _, rest = line.strip().partition(" ")
            tasks, _, rest = rest.partition(" ")
            node_list, _, name = rest.partition(" ")
            if name == self._name:
                self.step_id = step.partition(".")[2]
                self._node_list, self.nodes = node_list, expand_hosts(node_list)
                self._tasks = int(tasks) if tasks.isdecimal() else len(self.nodes)

    def _listed(self, _status: int, data: bytes) -> None:
        self._looking = False
        self._note_step(data)
        if self.step_id is None:
            if self._waiting_for_step:  # srun has not made it yet, or slurmctld does not answer
                self._loop.call_later(self._retry_s, self._look_for_step)
                self._retry_s = min(1.5 * self._retry_s, LONGEST_RETRY_S)
            return
        waiting, self._waiting_for_step = self._waiting_for_step, []
        for found in waiting:
            found()
