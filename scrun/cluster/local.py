"""The local backend: no Slurm; containers run on this machine.

An allocation is a directory and a number, a step the OCI runtime's ``run`` on the staged bundle
with the caller's stdio; its exit status is the container's. The runtime is the one that oci.conf
names (RunTimeRun, RunTimeKill, RunTimeDelete), else the setting ``local_runtime``, else crun, else
runc. Source: crun(1), runc-run(8), runc-kill(8), oci.conf(5).
"""

from __future__ import annotations

import os

from scrun import log
from scrun.cluster.local_guard import Guard
from scrun.cluster.local_job import describe_job
from scrun.cluster.local_removal import remove
from scrun.cluster.local_runtime import NO_CGROUPS, choose_runtime
from scrun.errors import ClusterError, ScrunError
from scrun.host.directory import write_file
from scrun.host.process import SIGKILL, Process, spawn, spawn_quietly
from scrun.oci.patterns import quote_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from scrun.cluster.backend import Done, Opened, Prepared
    from scrun.cluster.control import ControlStep, TextAnswer
    from scrun.cluster.local_patterns import SitePatterns
    from scrun.cluster.local_terminal import TerminalRun
    from scrun.host.loop import Loop
    from scrun.oci.oci_conf import OciConf

RETRY_S = 0.05
RETRIES = 100
STUCK_S = 1.0  # in which a reader that there is reads all that is on its way


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
        self._guard: Guard | None = None
        self._process: Process | None = None
        self._site: SitePatterns | None = None
        self._terminal: TerminalRun | None = None
        # The same ID may be in use under another --root, and a runtime's cgroup has its name.
        self._runtime_id = f"{container_id[:200]}.{os.getpid()}"
        self._control: ControlStep | None = None
        self._started = False
        self._over = False

    def allocate(self, request: Mapping[str, Any], done: Done) -> None:
        """See `Backend.allocate`: a number, for which nothing has to be given back."""
        try:
            self._runtime = self._choose_runtime()
            self.job_id = os.getpid()
            name = str(request.get("job_name") or self._container_id)
            self.job_variables = describe_job(self.job_id, name, self._user)
            removal = self._command("delete", "--force")
            self._guard = Guard(self._loop, self._spool_dir, removal, self._environment)
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
        """See `Backend.start`; of ``argv``, srun's, no option means anything here."""
        if not self._runtime:
            self._patterns.begin(bundle, argv)
        command = self._command("run", "--bundle", bundle)
        if preserved and self._runtime:
            command[-1:-1] = ["--preserve-fds", str(preserved)]
        log.debug(f"{self._container_id}: run {' '.join(command)}")
        environment = self._commands_environment(variables)
        extra = range(3, 3 + preserved)
        if terminal is None:
            process = spawn(command, environment, extra=extra)
            runtime_pid = process.pid
        else:
            from scrun.cluster.local_terminal import TerminalRun  # most containers have none

            self._terminal = run = TerminalRun(
                self._loop,
                command,
                environment,
                f"{self._spool_dir}/console.sock",
                extra=extra,
                terminal=terminal,
                fits=not self._runtime,  # a site's own; runc does, and crun need not
            )
            process, runtime_pid = run.process, run.runtime_pid
        self._started, self._process = True, process
        if self._guard is not None:
            self._guard.note_runtime(runtime_pid)
        return process

    def signal(self, number: int, done: Done) -> None:
        """See `Backend.signal`; tries again while the runtime is still making the container."""
        if number == SIGKILL and self._terminal is not None:
            self._terminal.hurry()
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
            site = self._patterns
            command = site.expand(pattern) if pattern else exec_pattern(self._query(), None)
        except ScrunError as err:
            done(err, {})
            return
        launch: dict[str, Any] = {"srun": [], "node": name}
        if terminal:
            from scrun.cluster.local_terminal import line_with_console  # few processes have one

            path = f"{directory}.sock"
            line = line_with_console(command, "exec", path)
            if line:
                command, launch["console"] = line, path
        launch["argv"] = exec_argv(command, directory)
        launch["environment"] = self._commands_environment({})
        done(None, launch)

    def open_output(self, opened: Opened) -> None:
        """See `Backend.open_output`: the caller's own comes so."""
        opened(None, "")

    def drain(self, done: Done) -> None:
        """See `Backend.drain`: nothing is on its way."""
        done(None)

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
        definitions = f"state() {{ {query or 'false'}; }}; blind={'' if query else 1}"
        definitions += f"; mark={quote_word(self._runtime_id)}"
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
        if self._terminal is not None:
            self._terminal.is_over = True
        if self._control is not None:
            self._control.close()
        if not self._runtime and self._process is not None:
            self._patterns.end_rest(self._process.pid, session=self._terminal is not None)

    def settle(self, done: Callable[[], None]) -> None:
        """See `Backend.settle`: the runtime removes the container, its process first."""
        argv = self._command("delete", "--force")
        remove(self._loop, argv, self._environment, lambda _: done())

    def remote_argv(self, argv: Sequence[str], nodes: Sequence[str]) -> list[str]:
        """See `Backend.remote_argv`: here is the only node."""
        return list(argv)

    def allowed(self, entries: list[str]) -> list[str]:
        """See `Backend.allowed`: without what EnvExclude of oci.conf matches."""
        return entries if self._oci_conf is None else self._oci_conf.filter_env(entries)

    def finish(self, status: int, done: Callable[[], None]) -> None:
        """See `Backend.finish`: removes what the runtime still has."""

        def removed(is_gone: bool) -> None:
            if self._guard is not None and is_gone:  # else it goes on when we are gone
                self._guard.end()
            done()

        if self._started:
            remove(self._loop, self._command("delete", "--force"), self._environment, removed)
        else:
            removed(True)

    def cancel(self) -> None:
        """See `Backend.cancel`: kills the container."""
        if self._started and not self._over:
            if self._terminal is not None:
                self._terminal.hurry()
            killer = spawn_quietly(self._kill_command(SIGKILL), self._environment)
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
        if self._over:  # while it was to be tried again
            done(None)
            return

        def delivered(status: int) -> None:
            if status == 0 or self._over:
                if number == SIGKILL:
                    self._loop.call_later(STUCK_S, self._end_stuck)
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

    def _end_stuck(self) -> None:
        """End a runtime that waits for a reader of what its dead container has still written.

        Those do that carry the output by themselves: runc always, crun of a terminal.
        """
        query = self._query()
        if self._over or query is None or (self._terminal and self._terminal.is_relayed):
            return

        def told(status: int, document: bytes) -> None:
            if (status or b'"stopped"' in document) and not self._over and self._process:
                os.kill(self._process.pid, SIGKILL)

        try:
            self._loop.capture(["/bin/sh", "-c", query], self._environment, told)
        except ScrunError:
            self._loop.call_later(STUCK_S, self._end_stuck)

    # The runtime.

    def _choose_runtime(self) -> list[str]:
        """Return program and options; see `choose_runtime`."""
        path = self._environment.get("PATH")
        runtime = choose_runtime(self._wanted, path, self._oci_conf)
        return [*runtime, "--root", f"{self._spool_dir}/runtime"] if runtime else []

    def _command(self, verb: str, *options: str) -> list[str]:
        if self._runtime:
            return [*self._runtime, verb, *options, self._runtime_id]
        return self._patterns.run() if verb == "run" else self._patterns.removal()

    def _kill_command(self, number: int) -> list[str]:
        if self._runtime:
            return [*self._runtime, "kill", self._runtime_id, str(number)]
        return self._patterns.kill(number)

    def _query(self) -> str | None:
        """Return a line of shell that prints the runtime's state document, None without one."""
        if self._runtime:
            words = [quote_word(word) for word in self._runtime]
            return " ".join([*words, "state", quote_word(self._runtime_id)])
        pattern = self._oci_conf.runtime_query if self._oci_conf else None
        return self._patterns.expand(pattern) if pattern else None

    @property
    def _patterns(self) -> SitePatterns:
        if self._site is None:
            from scrun.cluster.local_patterns import SitePatterns  # most sites name no runtime

            self._site = SitePatterns(self._oci_conf, self._spool_dir, self._user)
        self._site.job_id = self.job_id
        return self._site

    def _commands_environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        merged = self._environment | self.job_variables | dict(variables)
        if self._oci_conf is None:
            return merged
        entries = [f"{name}={value}" for name, value in merged.items()]
        kept = self._oci_conf.filter_runtime_env(entries)
        return dict(entry.partition("=")[::2] for entry in kept)
