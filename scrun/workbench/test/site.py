"""What a site's script stands on in a spec: a host without a cluster, and its stages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from scrun.errors import ScriptError, UsageError
from scrun.log import NAMES
from scrun.lua.local_host import LocalHost
from scrun.lua.site import REQUIRED, SiteScript

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrun.lua.runtime import Runtime
    from scrun.lua.stage_host import Answer
    from scrun.workbench.test.state import State

PREFIX = b"lua: "  # of what a script logs


class SpecHost(LocalHost):
    """Asks the spec for the answer to each command, and runs here those that it says."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(cluster_name="spec")
        self._runtime = runtime
        self._answer: Any = None
        self._log: Any = None
        self._tell: Any = None

    def listen(self, answer: Any, log: Any, tell: Any) -> None:
        """Set the spec's functions, of luastd/test/site.lua."""
        self._answer, self._log, self._tell = answer, log, tell

    def begin(self, *, bundle: str | None = None, root_path: str | None = None) -> None:
        """Forget the paths that a script set before; these are the container's."""
        self.orig_bundle = None if bundle is None else os.fsencode(bundle)
        self.orig_root_path = None if root_path is None else os.fsencode(root_path)
        self.bundle, self.root_path = self.orig_bundle, self.orig_root_path

    def allocator_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
        """Answer for ``/bin/sh -c script`` on the allocating machine."""
        return self._ask("allocator_command", script, [b"/bin/sh", b"-c", script], options)

    def remote_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
        """Answer for ``/bin/sh -c script`` on the nodes; this machine is all of them."""
        return self._ask("remote_command", script, [b"/bin/sh", b"-c", script], options)

    def run(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
        """Answer for a program on the allocating machine."""
        return self._ask("run", argv, argv, options)

    def run_remote(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
        """Answer for a program on the nodes."""
        return self._ask("run_remote", argv, argv, options)

    def log(self, level: int, message: bytes) -> None:
        """Note a line."""
        if self._log is not None:
            self._runtime.call(self._log, NAMES[level], message.removeprefix(PREFIX))

    def user_msg(self, message: bytes) -> None:
        """Note what the user is told."""
        if self._tell is not None:
            self._runtime.call(self._tell, message)

    def _ask(
        self,
        kind: str,
        command: bytes | list[bytes],
        argv: list[bytes],
        options: Mapping[str, object],
    ) -> Answer:
        answer = self._runtime.call(self._answer, kind, command) if self._answer else (True,)
        status, output, stderr, *_ = (*answer, None, None, None)
        if status is True:
            return super().run(argv, options)
        if status is None:
            status = 0
        if isinstance(status, bool) or not isinstance(status, (int, float)):
            raise UsageError(f"scrun.answer: a status is a number, not {status!r}")
        apart = options.get("stderr")
        merged = _bytes(output) if apart else _bytes(output) + _bytes(stderr)
        return int(status), merged, _bytes(stderr) if apart else None


class SpecScript(SiteScript):
    """A site's script, or a stager, in the state of the spec.

    Args:
        state: its ``slurm`` becomes a fresh one.
        script, stager: one of them.
    """

    def __init__(
        self, state: State, *, script: str | None = None, stager: str | None = None
    ) -> None:
        # SiteScript would make a Lua state; all else that it has is here.
        self.host = state.host
        self.script = script
        self.required = REQUIRED
        self.stager = stager or "shared"
        self._cancel = 0
        self._runtime = state.runtime
        self._module = None
        self._loaded = False
        self._job_env = []
        self._variables = state.variables
        self._tonumber = self._runtime.get("tonumber")
        self._prepare_env = state.install_slurm()


class Stages:
    """The functions behind ``scrun.load``, ``scrun.stage_in`` and the like."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._directories: tuple[str, ...] = ()
        self._scratch = ""
        self._count = 0
        self._script: SpecScript | None = None

    def begin(self, directories: tuple[str, ...], scratch: str) -> None:
        """Serve a spec file.

        Args:
            directories: where a script is looked for by a relative path.
            scratch: a directory below which directories are made; it need not exist.
        """
        self._directories, self._scratch = directories, scratch

    def load(self, path: bytes | None = None) -> bool:
        """Load a script."""
        self._script = SpecScript(self._state, script=self._find(path))
        self._state.host.begin()
        self._script.load()
        return True

    def stager(self, name: bytes) -> bool:
        """Use a stager module."""
        self._script = SpecScript(self._state, stager=os.fsdecode(name))
        self._state.host.begin()
        self._script.load()
        return True

    def stage_in(self, values: Any, root_path: bytes | None, context: Any) -> dict[str, object]:
        """Stage in; return the paths that the container has then."""
        given = _arguments(values)
        rootfs = None if root_path is None else os.fsdecode(root_path)
        self._state.host.begin(bundle=given["bundle"], root_path=rootfs)
        self._loaded().stage_in(**given, context=_text(context) or None)
        return {"bundle": self._state.host.bundle, "root_path": self._state.host.root_path}

    def stage_out(self, values: Any, context: Any) -> bool:
        """Stage out."""
        self._loaded().stage_out(**_arguments(values), context=_text(context) or None)
        return True

    def directory(self) -> str:
        """Make an empty directory."""
        self._count += 1
        path = f"{self._scratch}/{self._count}"
        os.makedirs(path, mode=0o700)
        return path

    def replacements(self) -> dict[str, str]:
        """Return what differs from run to run, and what stands for it in golden files."""
        return {f"{self._scratch}/{n}": "<directory>" for n in range(self._count, 0, -1)}

    def _loaded(self) -> SpecScript:
        if self._script is None:
            raise ScriptError("no script is loaded", hint="call scrun.load or scrun.stager first")
        return self._script

    def _find(self, path: bytes | None) -> str:
        if path is None:
            if self._state.site is None or not os.path.isfile(f"{self._state.site}/scrun.lua"):
                raise ScriptError("scrun.load: there is no scrun.lua beside the spec or above it")
            return f"{self._state.site}/scrun.lua"
        name = os.fsdecode(path)
        for directory in self._directories:
            candidate = os.path.join(directory, name)
            if os.path.isfile(candidate):
                return candidate
        raise ScriptError(
            f"scrun.load: no file {name}", hint=f"looked in {', '.join(self._directories)}"
        )


def _arguments(values: Any) -> dict[str, Any]:
    names: dict[str, Any] = _text(values)
    return names


def _text(value: Any) -> Any:
    """Return data with texts in place of bytes."""
    if isinstance(value, bytes):
        return os.fsdecode(value)
    if isinstance(value, dict):
        return {_text(key): _text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_text(item) for item in value]
    return value


def _bytes(value: object) -> bytes:
    if value is None:
        return b""
    return value if isinstance(value, bytes) else str(value).encode()
