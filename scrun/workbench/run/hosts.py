"""The hosts of a run: one runs commands, one only answers, and one watches either.

`LiveHost` and `DryHost` are the anchor's own StageHost, so a script sees the paths, the job
environment and the messages of a real container. `WatchedHost` stands before any of them and notes
all that passes: printing, ``--json`` and cassettes have their events from it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from scrun.anchor import stage_host
from scrun.anchor.container import Container
from scrun.errors import ScrunError
from scrun.host.capture import capture
from scrun.host.process import kill_group
from scrun.lua.stage_host import StageHost
from scrun.workbench.run.answers import Answers
from scrun.workbench.run.events import Command, Journal, Logged, PathSet, Told, decode

if TYPE_CHECKING:
    from scrun.cluster.backend import Backend
    from scrun.lua.stage_host import Answer

    class Host(StageHost, Protocol):
        """A StageHost that also answers what a script runs past the slurm table."""

        container: Container
        runs: bool
        """Whether commands are run."""

        def job_entries(self) -> list[bytes]:
            """Return ``job_env``."""
            ...

        def shell(self, kind: str, script: bytes, stdin: bytes) -> Answer:
            """Answer ``os.execute`` and ``io.popen``: a script in the caller's own environment.

            Its stderr is kept apart: it does not reach the script.
            """
            ...

        def stop(self) -> None:
            """End the command that is running; from any thread."""
            ...


SHELL = ("os.execute", "io.popen")  # the kinds of `Host.shell`


class LiveHost(stage_host.StageHost):
    """Runs what the script asks for: here, and on the nodes that ``backend`` has."""

    runs = True

    def __init__(
        self, container: Container, cluster_name: str, backend: Backend | None = None
    ) -> None:
        super().__init__(container, cluster_name)
        if backend is not None:  # else it is to be set
            self.backend = backend

    def shell(self, kind: str, script: bytes, stdin: bytes) -> Answer:
        """See `Host.shell`."""
        argv = ["/bin/sh", "-c", os.fsdecode(script)]
        try:
            return capture(argv, os.environ, stdin=stdin, apart=True, started=self._set_process)
        finally:
            self._process = None

    def stop(self) -> None:
        """Kill the command with its process group; not all of ours, which may be a shell's."""
        process = self._process
        if process is not None:
            kill_group(process.pid)


class AnsweringHost(stage_host.StageHost):
    """Runs nothing: `_answer` has what commands answer."""

    runs = False

    def __init__(
        self, container: Container, cluster_name: str, backend: Backend | None = None
    ) -> None:
        super().__init__(container, cluster_name)
        if backend is not None:  # else there is no job
            self.backend = backend

    def allocator_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
        """Answer."""
        return self._answer(Command("allocator_command", [script], dict(options)))

    def remote_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
        """Answer."""
        return self._answer(Command("remote_command", [script], dict(options)))

    def run(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
        """Answer."""
        return self._answer(Command("run", argv, dict(options)))

    def run_remote(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
        """Answer."""
        return self._answer(Command("run_remote", argv, dict(options)))

    def shell(self, kind: str, script: bytes, stdin: bytes) -> Answer:
        """See `Host.shell`."""
        return self._answer(Command(kind, [script], {"stdin": stdin} if stdin else {}))

    def stop(self) -> None:
        """See `Host.stop`: nothing runs."""

    def _answer(self, command: Command) -> Answer:
        raise NotImplementedError


class DryHost(AnsweringHost):
    """Commands end as `Answers` has it, by default with 0 and no output."""

    def __init__(
        self, container: Container, cluster_name: str, backend: Backend | None, answers: Answers
    ) -> None:
        super().__init__(container, cluster_name, backend)
        self._answers = answers

    def qos_priority(self, name: bytes) -> int | None:
        """Answer with the number that an answer to ``get_qos_priority NAME`` has as output."""
        found = self._answers.find(Command("get_qos_priority", [name], {}).text)
        if found is None or found[0] or not found[1].strip().isdigit():
            return None
        return int(found[1])

    def _answer(self, command: Command) -> Answer:
        status, output, stderr = self._answers.find(command.text) or (0, b"", b"")
        if command.options.get("stderr") or command.kind in SHELL:
            return status, output, stderr
        return status, output + stderr, None


class WatchedHost(StageHost):
    """Hands everything to ``inner`` and notes it. Messages of the script go no further."""

    def __init__(self, inner: Host, journal: Journal) -> None:
        self.inner = inner
        self.journal = journal
        self.cluster_name = inner.cluster_name

    def allocator_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
        """Note and hand on."""
        return self._command(
            Command("allocator_command", [script], dict(options)),
            lambda: self.inner.allocator_command(script, options),
        )

    def remote_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
        """Note and hand on."""
        return self._command(
            Command("remote_command", [script], dict(options)),
            lambda: self.inner.remote_command(script, options),
        )

    def run(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
        """Note and hand on."""
        return self._command(
            Command("run", argv, dict(options)), lambda: self.inner.run(argv, options)
        )

    def run_remote(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
        """Note and hand on."""
        return self._command(
            Command("run_remote", argv, dict(options)),
            lambda: self.inner.run_remote(argv, options),
        )

    def shell(self, kind: str, script: bytes, stdin: bytes = b"") -> Answer:
        """Note and hand on; see `Host.shell`."""
        return self._command(
            Command(kind, [script], {"stdin": stdin} if stdin else {}),
            lambda: self.inner.shell(kind, script, stdin),
        )

    def qos_priority(self, name: bytes) -> int | None:
        """Note and hand on."""

        def ask() -> Answer:
            priority = self.inner.qos_priority(name)
            return (1, b"", None) if priority is None else (0, b"%d" % priority, None)

        status, output, _ = self._command(Command("get_qos_priority", [name], {}), ask)
        return None if status else int(output)

    def set_bundle_path(self, path: bytes | None) -> bytes | None:
        """Note and hand on."""
        self.journal.add(PathSet("bundle", None if path is None else decode(path)))
        return self.inner.set_bundle_path(path)

    def set_root_path(self, path: bytes | None) -> bytes | None:
        """Note and hand on."""
        self.journal.add(PathSet("root", None if path is None else decode(path)))
        return self.inner.set_root_path(path)

    def log(self, level: int, message: bytes) -> None:
        """Note."""
        self.journal.add(Logged(level, decode(message)))

    def user_msg(self, message: bytes) -> None:
        """Note."""
        self.journal.add(Told(decode(message)))

    def interrupt(self) -> None:
        """End the command that is running."""
        self.inner.stop()

    def _command(self, command: Command, ask: Callable[[], Answer]) -> Answer:
        start = monotonic()
        try:
            command.status, command.output, command.stderr = ask()
        except ScrunError as err:
            command.failure = (str(err), err.code)
            raise
        finally:
            command.seconds = monotonic() - start
            command.ran = self.inner.runs
            self.journal.add(command)
        return command.status, command.output, command.stderr
