"""A StageHost that runs everything on this machine."""

from __future__ import annotations

import os

from scrun import log
from scrun.host.capture import capture
from scrun.lua.stage_host import StageHost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scrun.host.process import Process
    from scrun.lua.stage_host import Answer

SIGKILL = 9
BASE = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR")


class LocalHost(StageHost):
    """Runs commands as processes of this machine, which is the only node.

    Args:
        environment: ``NAME=value`` of the commands, over this process's PATH, HOME, USER, LANG,
            TMPDIR and XDG_RUNTIME_DIR; None for all of this process's variables.
        bundle, root_path: as given at create, returned by set_bundle_path and set_root_path.

    Attributes:
        bundle, root_path: what the script set, else as given.
    """

    def __init__(
        self,
        *,
        environment: Iterable[str | bytes] | None = None,
        bundle: str | bytes | None = None,
        root_path: str | bytes | None = None,
        cluster_name: str = "local",
    ) -> None:
        self.cluster_name = cluster_name
        self.orig_bundle = None if bundle is None else os.fsencode(bundle)
        self.orig_root_path = None if root_path is None else os.fsencode(root_path)
        self.bundle, self.root_path = self.orig_bundle, self.orig_root_path
        self._environment = None if environment is None else _variables(environment)
        self._running: Process | None = None
        self._starting = self._interrupted = False

    def allocator_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
        """Run ``/bin/sh -c script``."""
        return self.run([b"/bin/sh", b"-c", script], options)

    def remote_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
        """Run ``/bin/sh -c script``: here is the only node."""
        return self.allocator_command(script, options)

    def run_remote(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
        """Run a command: here is the only node."""
        return self.run(argv, options)

    def run(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
        """Run a command in a process group of its own.

        Returns: 127 for a command that cannot run, 124 for one out of time, 128+n after signal n.
        """
        stdin, timeout_s = options.get("stdin"), options.get("timeout")

        def started(process: Process) -> None:
            self._running = process
            if self._interrupted:
                self.interrupt()

        self._starting = True
        try:
            return capture(
                [os.fsdecode(word) for word in argv],
                os.environ if self._environment is None else self._environment,
                stdin=stdin if isinstance(stdin, bytes) else b"",
                timeout_s=timeout_s if isinstance(timeout_s, float) else None,
                apart=bool(options.get("stderr")),
                started=started,
            )
        finally:
            self._running = None
            self._starting = self._interrupted = False

    def interrupt(self) -> None:
        """Kill the command that is running, with its process group; from any thread.

        One that just begins is killed as soon as it has.
        """
        self._interrupted = self._starting
        running = self._running
        try:
            if running is not None:
                os.killpg(running.pid, SIGKILL)
        except ProcessLookupError:
            return  # it has just ended

    def set_bundle_path(self, path: bytes | None) -> bytes | None:
        """Keep the new bundle in ``bundle``; return the one of create."""
        self.bundle = path
        return self.orig_bundle

    def set_root_path(self, path: bytes | None) -> bytes | None:
        """Keep the new root path in ``root_path``; return the one of create."""
        self.root_path = path
        return self.orig_root_path

    def log(self, level: int, message: bytes) -> None:
        """Write to scrun's log."""
        log.log(level, message.decode("utf-8", "backslashreplace"))

    def user_msg(self, message: bytes) -> None:
        """Write at info."""
        self.log(log.INFO, message)

    def qos_priority(self, name: bytes) -> int | None:
        """Nobody to ask: None."""
        return None


def _variables(entries: Iterable[str | bytes]) -> dict[str, str]:
    variables = {name: os.environ[name] for name in BASE if name in os.environ}
    for entry in entries:
        name, _, value = os.fsdecode(entry).partition("=")
        variables[name] = value
    return variables
