"""The local backend: no Slurm; containers run on this machine.

An allocation is a directory and a number, a step the OCI runtime's ``run`` on the staged bundle
with the caller's stdio; its exit status is the container's. The runtime is the one that oci.conf
names (RunTimeRun, RunTimeKill, RunTimeDelete), else the setting ``local_runtime``, else crun, else
runc. Source: crun(1), runc-run(8), runc-kill(8), oci.conf(5).
"""

from __future__ import annotations

import os

from scrun import log
from scrun.cluster.local_runtime import NO_CGROUPS, choose_runtime
from scrun.cluster.runtime_commands import with_signal
from scrun.errors import ClusterError, ScrunError
from scrun.host.directory import write_file
from scrun.host.process import Process, identify, spawn, spawn_quietly
from scrun.oci.patterns import PatternValues, expand_command, quote_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from scrun.cluster.backend import Done, Opened, Prepared
    from scrun.cluster.control import ControlStep, TextAnswer
    from scrun.host.loop import Loop
    from scrun.oci.oci_conf import OciConf

# Removes the container when we do not live to do it: at end of file nobody wrote "done". As long as
# the runtime lives it may still be making the container, and one removal may come too early.
GUARD = """
note=$1
shift
runtime_lives() {
  read -r pid start <"$note" && read -r stat </proc/$pid/stat || return 1
  set -- ${stat##*) } # fields 3 (state) to 22 (start) and on of proc_pid_stat(5)
  [ "$1" != Z ] && [ "${20}" = "$start" ]
}
read -r done && exit
while runtime_lives; do
  "$@"
  sleep 0.1
done
exec "$@"
"""
RUNTIME_NOTE = "runtime-process"  # in the spool directory: who makes and runs the container
RETRY_S = 0.05
RETRIES = 100
SIGWINCH = 28
FIT_S = (0.02, 0.1, 0.5, 2.0)  # at one of them the runtime has made its container's terminal


class LocalBackend:
    """Runs one container on this machine. See `scrun.cluster.backend.Backend`.

    Args:
        environment: of the caller of ``create``; its PATH finds the OCI runtime.
        runtime: path or name of the runtime to use (setting ``local_runtime``).
    """

    name = "local"

    def __init__(
        self,
        loop: Loop,
        container_id: str,
        spool_dir: str,
        environment: Mapping[str, str],
        *,
        oci_conf: OciConf | None,
        runtime: str | None,
        user: tuple[str, int],
    ) -> None:
        self.job_id = 0
        self.job_variables: dict[str, str] = {}
        self.adopted = False
        self.on_lost: Callable[[], None] = lambda: None
        self._loop = loop
        self._container_id = container_id
        self._spool_dir = spool_dir
        self._environment = dict(environment)
        self._oci_conf = oci_conf
        self._wanted = runtime
        self._user = user
        self._runtime: list[str] = []
        self._guard_fd = -1
        # The same ID may be in use under another --root, and a runtime's cgroup has its name.
        self._runtime_id = f"{container_id[:200]}.{os.getpid()}"
        self._bundle = ""
        self._control: ControlStep | None = None
        self._started = False
        self._over = False

    def allocate(self, request: Mapping[str, Any], done: Done) -> None:
        """See `Backend.allocate`: a number, for which nothing has to be given back."""
        try:
            self._runtime = self._choose_runtime()
            self.job_id = os.getpid()
            self.job_variables = self._describe_job(request)
            self._start_guard()
        except ScrunError as err:
            done(err)
            return
        done(None)

    def start(
        self,
        bundle: str,
        argv: Sequence[str],
        variables: Mapping[str, str],
        *,
        preserved: int,
        terminal: str | None,
    ) -> Process:
        """See `Backend.start`; ``argv`` is srun's and means nothing here."""
        self._bundle = bundle
        command = self._command("run", "--bundle", bundle)
        if preserved and self._runtime:
            command[-1:-1] = ["--preserve-fds", str(preserved)]
        log.debug(f"{self._container_id}: run {' '.join(command)}")
        environment = self._commands_environment(variables)
        process = spawn(command, environment, extra=range(3, 3 + preserved), terminal=terminal)
        for delay_s in FIT_S if terminal is not None else ():
            self._loop.call_later(delay_s, lambda: self._fit_terminal(process))
        self._started = True
        self._note_runtime(process)
        return process

    def _fit_terminal(self, process: Process) -> None:
        """Let the runtime look at the size of its terminal: crun does not when it starts."""
        if not self._over:
            os.killpg(process.pid, SIGWINCH)

    def signal(self, number: int, done: Done) -> None:
        """See `Backend.signal`; tries again while the runtime is still making the container."""
        self._deliver(number, done, RETRIES)

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
        """See `Backend.prepare_exec`: no srun."""
        from scrun.cluster.exec_steps import choose_node, exec_argv  # many containers never need it
        from scrun.cluster.runtime_commands import exec_pattern

        try:
            name = choose_node([os.uname().nodename], node)
            command = self._expand(pattern) if pattern else exec_pattern(self._query(), None)
        except ScrunError as err:
            done(err, {})
            return
        argv = exec_argv(command, directory)
        environment = self._commands_environment({})
        done(None, {"srun": [], "argv": argv, "environment": environment, "node": name})

    def open_output(self, opened: Opened) -> None:
        """See `Backend.open_output`: the caller's own comes so."""
        opened(None, "")

    def drain(self, done: Callable[[], None]) -> None:
        """See `Backend.drain`: nothing is on its way."""
        done()

    def ask(self, command: str, answer: TextAnswer, node: str | None = None) -> None:
        """See `Backend.ask`: in a shell beside us."""
        if self._over:
            answer(-1, b"")
            return
        if self._control is None:
            from scrun.cluster.control import ControlStep  # many containers never need it

            self._control = ControlStep(self._loop, [], self._environment)
        try:
            query = self._query()
            self._control.start()
        except ScrunError as err:
            answer(1, str(err).encode())
            return
        # The runtime's cgroup has its name for the container, if it makes one.
        definitions = f"state() {{ {query or 'false'}; }}; mark={quote_word(self._runtime_id)}"
        self._control.ask(definitions, command, answer)

    def update_job(self, changes: Mapping[str, str], done: Done) -> None:
        """See `Backend.update_job`."""
        done(ClusterError("there is no job: the container runs on this machine", code="NO_JOB"))

    def update_limits(self, resources: str, done: Done) -> None:
        """See `Backend.update_limits`: the runtime does it, where it makes cgroups."""
        from scrun.cluster.runtime_commands import update_pattern  # rare

        if not self._started:
            done(ClusterError("container not running", code="NOT_RUNNING"))
            return
        query = self._query()
        if query is None or any(option in query for option in NO_CGROUPS):
            text = "the runtime makes no cgroup for the container here"
            done(ClusterError(text, code="NO_CGROUPS"))
            return
        path = f"{self._spool_dir}/resources"
        argv = ["/bin/sh", "-c", update_pattern(query, quote_word(path))]
        try:
            write_file(path, resources.encode("utf-8", "surrogateescape"))
        except ScrunError as err:
            done(err)
            return
        self._update(argv, done, RETRIES)

    def _update(self, argv: list[str], done: Done, tries: int) -> None:
        """Run the runtime's update, again while it is still making the container."""

        def updated(status: int, output: bytes) -> None:
            if status and b"does not exist" in output and tries and not self._over:
                self._loop.call_later(RETRY_S, lambda: self._update(argv, done, tries - 1))
                return
            told = output.decode("utf-8", "replace").strip() or "the runtime refuses"
            done(ClusterError(told.splitlines()[-1], code="NOT_UPDATED") if status else None)

        try:
            self._loop.capture(argv, self._environment, updated, streams=(1, 2))
        except ScrunError as err:
            done(err)

    def ended(self) -> None:
        """See `Backend.ended`."""
        self._over = True
        if self._control is not None:
            self._control.close()

    def settle(self, done: Callable[[], None]) -> None:
        """See `Backend.settle`: the runtime removes the container, its process first."""
        removal = spawn_quietly(self._command("delete", "--force"), self._environment)
        self._loop.when_ended(removal, lambda _: done())

    def remote_argv(self, argv: Sequence[str], nodes: Sequence[str]) -> list[str]:
        """See `Backend.remote_argv`: here is the only node."""
        return list(argv)

    def allowed(self, entries: list[str]) -> list[str]:
        """See `Backend.allowed`: without what EnvExclude of oci.conf matches."""
        return entries if self._oci_conf is None else self._oci_conf.filter_env(entries)

    def finish(self, status: int, done: Callable[[], None]) -> None:
        """See `Backend.finish`: removes what the runtime still has."""
        self._end_guard()
        if not self._started:
            done()
            return
        self._loop.when_ended(
            spawn_quietly(self._command("delete", "--force"), self._environment), lambda _: done()
        )

    def cancel(self) -> None:
        """See `Backend.cancel`: kills the container."""
        if self._started and not self._over:
            killer = spawn_quietly(self._kill_command(9), self._environment)
            self._loop.when_ended(killer, lambda _: None)

    def check_step_options(self, options: Sequence[str], done: Callable[[str], None]) -> None:
        """See `Backend.check_step_options`: nobody reads them here."""
        done("")

    def messages(self) -> str:
        """Return nothing: nobody was asked."""
        return ""

    def step_messages(self) -> list[str]:
        """Return nothing: the runtime speaks on the container's stderr."""
        return []

    def record(self) -> dict[str, object]:
        """See `Backend.record`."""
        removal = self._command("delete", "--force")
        return {"job_id": self.job_id, "removal": removal, "variables": self.job_variables}

    def restore(self, job: Mapping[str, Any]) -> None:
        """See `Backend.restore`."""
        self.job_id, self.job_variables = job["job_id"], dict(job["variables"])

    def _deliver(self, number: int, done: Done, tries: int) -> None:
        def delivered(status: int) -> None:
            if status == 0 or self._over:
                done(None)
            elif tries:
                again = tries - 1
                self._loop.call_later(RETRY_S, lambda: self._deliver(number, done, again))
            else:
                text = f"signal {number}: the runtime did not deliver it"
                done(ClusterError(text, code="NOT_DELIVERED"))

        try:
            killer = spawn_quietly(self._kill_command(number), self._environment)
        except ScrunError as err:
            done(err)
            return
        self._loop.when_ended(killer, delivered)

    # The runtime.

    def _choose_runtime(self) -> list[str]:
        """Return program and options; see `choose_runtime`."""
        path = self._environment.get("PATH")
        runtime = choose_runtime(self._wanted, path, self._oci_conf)
        return [*runtime, "--root", f"{self._spool_dir}/runtime"] if runtime else []

    def _command(self, verb: str, *options: str) -> list[str]:
        if self._runtime:
            return [*self._runtime, verb, *options, self._runtime_id]
        assert self._oci_conf is not None
        pattern = self._oci_conf.runtime_run if verb == "run" else self._oci_conf.runtime_delete
        return ["/bin/sh", "-c", self._expand(pattern or "")]

    def _kill_command(self, number: int) -> list[str]:
        if self._runtime:
            return [*self._runtime, "kill", self._runtime_id, str(number)]
        assert self._oci_conf is not None
        pattern = with_signal(self._oci_conf.runtime_kill or "", str(number))
        return ["/bin/sh", "-c", self._expand(pattern)]

    def _query(self) -> str | None:
        """Return a line of shell that prints the runtime's state document, None without one."""
        if self._runtime:
            words = [quote_word(word) for word in self._runtime]
            return " ".join([*words, "state", quote_word(self._runtime_id)])
        pattern = self._oci_conf.runtime_query if self._oci_conf else None
        return self._expand(pattern) if pattern else None

    def _expand(self, pattern: str) -> str:
        values = PatternValues(
            bundle=self._bundle,
            rootfs=f"{self._bundle}/rootfs",
            spool_dir=self._spool_dir,
            job_id=self.job_id,
            user=self._user[0],
            uid=self._user[1],
            node=os.uname().nodename,
        )
        return expand_command(pattern, values)

    def _commands_environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        merged = self._environment | self.job_variables | dict(variables)
        if self._oci_conf is None:
            return merged
        entries = [f"{name}={value}" for name, value in merged.items()]
        kept = self._oci_conf.filter_runtime_env(entries)
        return dict(entry.partition("=")[::2] for entry in kept)

    # The job.

    def _describe_job(self, request: Mapping[str, Any]) -> dict[str, str]:
        """Return the variables that make sense on one machine, as Slurm would set them."""
        node, cpus = os.uname().nodename, str(len(os.sched_getaffinity(0)))
        return {
            "SLURM_CLUSTER_NAME": "local",
            "SLURM_CPUS_ON_NODE": cpus,
            "SLURM_JOB_CPUS_PER_NODE": cpus,
            "SLURM_JOB_ID": str(self.job_id),
            "SLURM_JOBID": str(self.job_id),
            "SLURM_JOB_NAME": str(request.get("job_name") or self._container_id),
            "SLURM_JOB_NODELIST": node,
            "SLURM_JOB_NUM_NODES": "1",
            "SLURM_JOB_PARTITION": "local",
            "SLURM_JOB_UID": str(self._user[1]),
            "SLURM_JOB_USER": self._user[0],
            "SLURM_NNODES": "1",
            "SLURM_NODELIST": node,
            "SLURM_NTASKS": "1",
            "SLURM_SUBMIT_DIR": os.getcwd(),
            "SLURM_SUBMIT_HOST": node,
            "SLURM_TASKS_PER_NODE": "1",
        }

    def _start_guard(self) -> None:
        """Start the shell that removes the container if this process dies before it does."""
        reader, self._guard_fd = os.pipe2(os.O_CLOEXEC)
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        argv = ["/bin/sh", "-c", GUARD, "scrun-guard", f"{self._spool_dir}/{RUNTIME_NOTE}"]
        argv += self._command("delete", "--force")
        try:
            guard = spawn(argv, self._environment, stdio=(reader, null, null))
        finally:
            os.close(null)
            os.close(reader)
        self._loop.when_ended(guard, lambda _: None)

    def _note_runtime(self, process: Process) -> None:
        """Tell guard and recovery of the runtime. It runs: no failure may make it unheard of."""
        try:
            write_file(f"{self._spool_dir}/{RUNTIME_NOTE}", identify(process.pid))
        except ScrunError as err:
            log.error(f"{self._container_id}: {err}")

    def _end_guard(self) -> None:
        if self._guard_fd >= 0:
            try:
                os.write(self._guard_fd, b"done\n")
            except BrokenPipeError:
                log.debug(f"{self._container_id}: the guard is gone")
            os.close(self._guard_fd)
            self._guard_fd = -1
