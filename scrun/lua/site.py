"""One container's site state: the site's scrun.lua, or the shipped stager, and its host."""

from __future__ import annotations

import posix

from scrun.errors import HostError, ScriptError
from scrun.lua import host_files, slurm_api
from scrun.lua.runtime import Runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from scrun.lua.search import SearchPath

    Answer = tuple[int, bytes, bytes | None]  # status, output, stderr if it was asked for apart

    class StageHost(Protocol):
        """What a site's script runs on. All may wait; called on the thread that stages."""

        cluster_name: str

        def allocator_command(self, script: bytes, options: Mapping[str, object]) -> Answer: ...
        def remote_command(self, script: bytes, options: Mapping[str, object]) -> Answer: ...
        def run(self, argv: list[bytes], options: Mapping[str, object]) -> Answer: ...
        def run_remote(self, argv: list[bytes], options: Mapping[str, object]) -> Answer: ...
        def set_bundle_path(self, path: bytes | None) -> bytes | None: ...
        def set_root_path(self, path: bytes | None) -> bytes | None: ...
        def log(self, level: int, message: bytes) -> None: ...
        def user_msg(self, message: bytes) -> None: ...
        def qos_priority(self, name: bytes) -> int | None: ...

else:

    class StageHost:
        """What a site's script runs on; see the protocol for type checkers."""


REQUIRED = ("slurm_scrun_stage_in", "slurm_scrun_stage_out")
_ERROR, _INFO = 2, 3  # levels of scrun.log


class SiteScript:
    """One container's site state; it serves stage-in and stage-out. For one thread at a time.

    Args:
        script: path of the site's scrun.lua; None for a stager module.
        settings: has ``dialect``, ``lua_memory_bytes`` and ``stage``; see scrun.settings.
        stager: module below ``scrun.stage`` to use without a script; None for the setting's.
    """

    def __init__(
        self,
        host: StageHost,
        *,
        script: str | None,
        search: SearchPath,
        settings: Any = None,
        stager: str | None = None,
    ) -> None:
        self.host = host
        self.script = script
        self.stager = stager or getattr(settings, "stage", None) or "shared"
        self._cancelled = False
        self._runtime = Runtime(
            getattr(settings, "dialect", None) or "5.4",
            memory_bytes=getattr(settings, "lua_memory_bytes", 0) or 0,
            search=search,
        )
        self._module: Any = None
        self._prepare_env = slurm_api.install(self._runtime, host, self._guard)
        host_files.install(self._runtime, host, self._guard)

    def load(self) -> None:
        """Run the script's main chunk.

        Raises:
            ScriptError: as Slurm words it: cannot be read, fails, returns a number that is not
                zero, or lacks a required function.
        """
        self._runtime.watch(self._check)
        if self.script is None:
            self._module = self._runtime.require(f"scrun.stage.{self.stager}")
            return
        path = self.script
        try:
            posix.stat(path)
        except OSError as failure:
            raise ScriptError(f"Unable to stat {path}: {failure.strerror}") from failure
        results = self._runtime.call(self._runtime.load_file(path))
        status = _status(results[0] if results else None)
        if status:
            raise ScriptError(f"{path}: returned {status} on load")
        missing = [
            name
            for name in REQUIRED
            if not self._runtime.execute(b"return type(_G[...]) == 'function'", "scrun", name)
        ]
        for name in missing:
            self.host.log(_ERROR, f"{path}: missing required function {name}".encode())
        if missing:
            raise ScriptError(
                f"{path}: required function(s) not present", hint=f"define {', '.join(missing)}"
            )

    def stage_in(
        self,
        *,
        id: str,
        bundle: str,
        spool_dir: str,
        config_file: str,
        job_id: int,
        user_id: int,
        group_id: int,
        job_env: list[bytes],
        context: Mapping[str, object],
    ) -> None:
        """Run the stage-in; ScriptError when it fails or refuses."""
        env = self._prepare_env(self._runtime.to_lua(list(job_env)))
        values: dict[str, object] = {
            "id": id,
            "bundle": bundle,
            "spool_dir": spool_dir,
            "config_file": config_file,
            "job_id": job_id,
            "user_id": user_id,
            "group_id": group_id,
        }
        self._stage("stage_in", (*values.values(), env), values, context, env)

    def stage_out(
        self,
        *,
        id: str,
        bundle: str,
        orig_bundle: str,
        root_path: str | None,
        orig_root_path: str | None,
        spool_dir: str,
        config_file: str,
        job_id: int,
        user_id: int,
        group_id: int,
        context: Mapping[str, object],
    ) -> None:
        """Run the stage-out; ScriptError when it fails or refuses."""
        values: dict[str, object] = {
            "id": id,
            "bundle": bundle,
            "orig_bundle": orig_bundle,
            "root_path": root_path,
            "orig_root_path": orig_root_path,
            "spool_dir": spool_dir,
            "config_file": config_file,
            "job_id": job_id,
            "user_id": user_id,
            "group_id": group_id,
        }
        self._stage("stage_out", tuple(values.values()), values, context, None)

    def cancel(self) -> None:
        """End what runs, from any thread: the next host function, or a loop in Lua, fails."""
        self._cancelled = True

    def _stage(
        self,
        name: str,
        args: tuple[object, ...],
        values: Mapping[str, object],
        context: Mapping[str, object],
        env: Any,
    ) -> None:
        runtime = self._runtime
        if self._module is not None:
            table = runtime.to_lua({**values, **context})
            if env is not None:
                table[b"job_env"] = env
            results = runtime.call(self._module[name.encode()], table)
            self._judge_stager(name, results)
            return
        results = runtime.call(runtime.get(f"slurm_scrun_{name}"), *args)
        value = results[0] if results else None
        if isinstance(value, bool) or not _is_number(value):
            text = f"{name}/lua: {self.script}: non-numeric return code"
            self.host.log(_INFO, text.encode("utf-8", "surrogateescape"))
        status = _status(value)
        if status:
            raise ScriptError(f"{self.script}: slurm_scrun_{name} returned {status}")

    def _judge_stager(self, name: str, results: tuple[Any, ...]) -> None:
        first, message, code = (*results, None, None, None)[:3]
        if message is not None and (first is None or first is False):
            text = self._runtime.to_python(message)
            raise ScriptError(f"{text}", code=code.decode() if isinstance(code, bytes) else None)
        if first is False or _status(first):
            raise ScriptError(f"scrun.stage.{self.stager}: {name} returned {first}")

    def _check(self) -> tuple[str, str] | None:
        return ("cancelled", "CANCELLED") if self._cancelled else None

    def _guard(self) -> None:
        if self._cancelled:
            raise ScriptError("cancelled", code="CANCELLED")


def _is_number(value: object) -> bool:
    if isinstance(value, (int, float)):
        return True
    try:
        float(value) if isinstance(value, bytes) else float("-")
    except ValueError:
        return False
    return True


def _status(value: object) -> int:
    """Return a Lua result as C takes it: cut to an integer, 0 for what is no number."""
    if isinstance(value, bool) or not _is_number(value):
        return 0
    try:
        return int(float(value))  # type: ignore[arg-type]
    except (OverflowError, ValueError):
        return -1


class LocalHost(StageHost):
    """A StageHost that runs everything on this machine.

    Args:
        environment: ``NAME=value`` of the commands; None for this process's variables.
        bundle, root_path: as given at create, returned by set_bundle_path and set_root_path.
    """

    def __init__(
        self,
        *,
        environment: list[bytes] | None = None,
        bundle: bytes | None = None,
        root_path: bytes | None = None,
        cluster_name: str = "local",
    ) -> None:
        self.cluster_name = cluster_name
        self.orig_bundle, self.orig_root_path = bundle, root_path
        self.bundle, self.root_path = bundle, root_path
        self._environment = environment

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
        """Run a command. Options: ``timeout`` (s), ``stdin`` (bytes), ``stderr`` (true: apart).

        Returns: 127 for a command that cannot run, 124 for one out of time, 128+n after signal n.
        """
        import subprocess  # dear, and not needed before the first command

        env = None
        if self._environment is not None:
            env = dict(entry.partition(b"=")[::2] for entry in self._environment)
        apart = bool(options.get("stderr"))
        timeout, stdin = options.get("timeout"), options.get("stdin")
        try:
            done = subprocess.run(
                argv,
                env=env,
                input=stdin if isinstance(stdin, bytes) else b"",
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if apart else subprocess.STDOUT,
                timeout=timeout if isinstance(timeout, (int, float)) else None,
                process_group=0,
                check=False,
            )
        except subprocess.TimeoutExpired as failure:
            return 124, failure.stdout or b"", (failure.stderr or b"") if apart else None
        except OSError as failure:
            text = str(HostError("run", failure, path=argv[0].decode("utf-8", "replace"))).encode()
            return (127, b"", text) if apart else (127, text, None)
        status = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return status, done.stdout, done.stderr if apart else None

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
        from scrun import log

        log.log(level, message.decode("utf-8", "surrogateescape"))

    def user_msg(self, message: bytes) -> None:
        """Write at info."""
        self.log(_INFO, message)

    def qos_priority(self, name: bytes) -> int | None:
        """Nobody to ask: None."""
        return None
