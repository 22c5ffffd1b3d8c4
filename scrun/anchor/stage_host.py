"""What a site's script can do: commands here and on the nodes, paths, messages.

Called on the thread that stages; `StageHost.stop` alone comes from the loop. The protocol is
`scrun.lua.site.StageHost`.
"""

from __future__ import annotations

import posix

from scrun import log
from scrun.host.paths import decode, encode, tidy
from scrun.host.process import DEFAULT_PATH, GROUP, kill_group, kill_relatives

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrun.anchor.container import Container
    from scrun.cluster.backend import Backend
    from scrun.host.process import Process
    from scrun.lua.stage_host import Answer

INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "SLURM_CONF")


class StageHost:
    """One container's.

    Attributes:
        cluster_name: ``slurm.CLUSTER_NAME``.
        backend: to be set before the script stages; its chunk may run before.
        in_anchor: whether this process is a container's anchor; see `choose_queries`.
    """

    backend: Backend
    in_anchor = True

    def __init__(self, container: Container, cluster_name: str) -> None:
        self.container = container
        self.cluster_name = cluster_name
        self._process: Process | None = None

    def job_entries(self) -> list[bytes]:
        """Return ``job_env``: the job's variables and ours, ``NAME=value`` each."""
        merged = self.container.output_variables() | self.backend.job_variables
        entries = self.backend.allowed([f"{name}={value}" for name, value in merged.items()])
        return [encode(entry) for entry in entries]

    def allocator_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
        """Run ``/bin/sh -c script`` here."""
        return self._run(["/bin/sh", "-c", decode(script)], options)

    def remote_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
        """Run ``/bin/sh -c script`` on the job's nodes, as a step."""
        return self._run_remote(["/bin/sh", "-c", decode(script)], options)

    def run(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
        """Run a program here."""
        return self._run([decode(word) for word in argv], options)

    def run_remote(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
        """Run a program on the job's nodes, as a step."""
        return self._run_remote([decode(word) for word in argv], options)

    def set_bundle_path(self, path: bytes | None) -> bytes | None:
        """Let the step use another bundle; return the submitted one."""
        original = self.container.submission_bundle
        self.container.bundle = _tidy(path) or original
        return encode(original)

    def set_root_path(self, path: bytes | None) -> bytes | None:
        """Name another root file system; return the submitted one."""
        self.container.root_path = _tidy(path)
        return encode(self.container.submission_root_path)

    def log(self, level: int, message: bytes) -> None:
        """Write to our log."""
        log.log(level, message.decode("utf-8", "replace"))

    def user_msg(self, message: bytes) -> None:
        """Tell the user: on stderr as long as it is still the caller's."""
        log.tell_user(message.decode("utf-8", "replace"))

    def qos_priority(self, name: bytes) -> int | None:
        """Return a QOS's priority, as accounting has it."""
        if self.backend.name == "local":
            return None
        from scrun.cluster.queries import choose_queries  # few scripts ask

        queries = choose_queries(
            self.container.pyslurm,
            self.environment(),
            self.container.command_timeout_s,
            in_anchor=self.in_anchor,
        )
        return queries.qos_priority(name.decode("utf-8", "surrogateescape"))

    def stop(self) -> None:
        """Kill what the script waits for: our commands, and those it started by itself."""
        process = self._process
        if process is not None:
            kill_group(process.pid)
        kill_relatives(posix.getpid(), GROUP)

    def environment(self) -> dict[str, str]:
        """Return what the script's commands get: the job's variables over a sane base."""
        user, given = self.container.user, self.container.environment
        base = {"PATH": DEFAULT_PATH, "HOME": user.home, "USER": user.name, "LOGNAME": user.name}
        base |= {name: given[name] for name in INHERITED if name in given}
        return base | self.container.output_variables() | self.backend.job_variables

    def _run_remote(self, argv: list[str], options: Mapping[str, object]) -> Answer:
        chosen = options.get("nodes")
        nodes = [decode(node) for node in chosen] if isinstance(chosen, list) else []
        return self._run(self.backend.remote_argv(argv, nodes), options)

    def _run(self, argv: list[str], options: Mapping[str, object]) -> Answer:
        from scrun.host.capture import capture  # many scripts run nothing

        log.debug(f"{self.container.id}: run {' '.join(argv)}")
        timeout, stdin = options.get("timeout"), options.get("stdin")
        try:
            answer = capture(
                argv,
                self.environment(),
                stdin=stdin if isinstance(stdin, bytes) else b"",
                timeout_s=timeout if isinstance(timeout, (int, float)) else None,
                apart=options.get("stderr") in (True, b"apart"),
                started=self._set_process,
            )
        finally:
            self._process = None
        if answer[0]:
            log.debug(f"{self.container.id}: status {answer[0]}")
        return answer

    def _set_process(self, process: Process) -> None:
        self._process = process


def _tidy(path: bytes | None) -> str | None:
    """Return a path without doubled or closing slashes, which slurmstepd's patterns would keep."""
    if not path:
        return None
    return tidy(decode(path))
