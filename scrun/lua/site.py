"""One container's site state: the site's scrun.lua, or a stager module, and its host."""

from __future__ import annotations

import posix

from scrun.errors import ScriptError
from scrun.log import ERROR
from scrun.lua import host_files, popen, slurm_api
from scrun.lua.convert import to_bytes
from scrun.lua.runtime import Interrupted, Runtime
from scrun.lua.search import SearchPath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Literal

    from scrun.lua.stage_host import StageHost

    Stage = Literal["stage_in", "stage_out"]

REQUIRED = ("slurm_scrun_stage_in", "slurm_scrun_stage_out")
LONGEST_SHOWN = 60
_NOT_CANCELLED, _ASKED, _TOLD = range(3)


class SiteScript:
    """One container's site state; it serves stage-in and stage-out. For one thread at a time.

    Args:
        host: what the script's commands, paths and messages go to.
        script: path of the site's scrun.lua; None for a stager module.
        search: where ``require`` finds the site's modules; None: the shipped ones only.
        settings: has ``dialect``, ``lua_memory_bytes`` and ``stage``; see scrun.settings.
        stager: module below ``scrun.stage`` to use without a script; None for the setting's.
        dialect, memory_bytes: in place of those settings.

    Raises:
        ConfigError: no such dialect, or one whose memory cannot be limited.
    """

    def __init__(
        self,
        host: StageHost,
        *,
        script: str | None = None,
        search: SearchPath | None = None,
        settings: Any = None,
        stager: str | None = None,
        dialect: str | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        self.host = host
        self.script = None if script is None else posix.fspath(script)
        self.required: tuple[str, ...] = REQUIRED
        self.stager = stager or getattr(settings, "stage", None) or "shared"
        self._cancel = _NOT_CANCELLED
        if memory_bytes is None:
            memory_bytes = getattr(settings, "lua_memory_bytes", 0) or 0
        self._runtime = Runtime(
            dialect or getattr(settings, "dialect", None) or "5.4",
            memory_bytes=memory_bytes,
            search=search,
        )
        self._module: Any = None
        self._loaded = False
        self._job_env: list[bytes] = []
        self._variables: dict[bytes, bytes] = {}  # the same, for host.getenv
        self._tonumber = self._runtime.get("tonumber")
        self._told = ""  # what the script has told the user at last
        self._prepare_env = slurm_api.install(self._runtime, host, self._guard, self._note_told)
        host_files.install(self._runtime, host, self._guard, self._variables)
        if script is not None:
            popen.install(self._runtime)

    @property
    def is_stager(self) -> bool:
        """Whether a stager module is in use, and not a site's script."""
        return self.script is None

    def load(self) -> None:
        """Run the script's main chunk; the stage functions do so when nobody has.

        Raises:
            ScriptError: as Slurm words it: cannot be read, fails, returns a number that is not
                zero, or lacks a required function.
        """
        self._loaded = True
        self._runtime.watch(self._check)
        if self.script is None:
            self._module = self._runtime.require(f"scrun.stage.{self.stager}")
            return
        path = self.script
        try:
            posix.stat(path)
        except OSError as failure:
            raise ScriptError(f"Unable to stat {path}: {failure.strerror}") from failure
        results = self._call(self._runtime.load_file(path))
        status = self._status(results[0] if results else None)
        if status:
            raise ScriptError(f"{path}: returned {status} on load")
        missing = [
            name
            for name in self.required
            if not self._runtime.execute(b"return type(_G[...]) == 'function'", "scrun", name)
        ]
        for name in missing:
            self._log(ERROR, f"{path}: missing required function {name}")
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
        job_id: int,
        config_file: str | None = None,
        user_id: int | None = None,
        group_id: int | None = None,
        job_env: Iterable[str | bytes] = (),
        context: Mapping[str, object] | None = None,
    ) -> None:
        """Run the stage-in.

        Args:
            bundle: the engine's.
            spool_dir: a directory for this container's temporary files; it must exist.
            config_file: None: the bundle's config.json.
            user_id, group_id: the job's; None: this process's.
            job_env: ``NAME=value`` entries.
            context: what stager modules get besides, see luastd/meta/stage.lua; what it lacks is
                as for an ordinary process of this machine under the settings of the site.

        Raises:
            ScriptError: it fails or refuses; code CANCELLED after `cancel`.
        """
        self._set_variables(job_env)
        values: dict[str, object] = {
            "id": id,
            "bundle": bundle,
            "spool_dir": spool_dir,
            "config_file": config_file or f"{bundle}/config.json",
            "job_id": job_id,
            "user_id": posix.geteuid() if user_id is None else user_id,
            "group_id": posix.getegid() if group_id is None else group_id,
        }
        self._stage("stage_in", values, context)

    def stage_out(
        self,
        *,
        id: str,
        bundle: str,
        orig_bundle: str,
        spool_dir: str,
        job_id: int,
        root_path: str | None = None,
        orig_root_path: str | None = None,
        config_file: str | None = None,
        user_id: int | None = None,
        group_id: int | None = None,
        job_env: Iterable[str | bytes] | None = None,
        context: Mapping[str, object] | None = None,
    ) -> None:
        """Run the stage-out; as `stage_in`.

        Args:
            bundle, root_path: as they are now.
            orig_bundle, orig_root_path: the engine's.
            job_env: for stagers; None: what stage_in was given.
        """
        if job_env is not None:
            self._set_variables(job_env)
        values: dict[str, object] = {
            "id": id,
            "bundle": bundle,
            "orig_bundle": orig_bundle,
            "root_path": root_path,
            "orig_root_path": orig_root_path,
            "spool_dir": spool_dir,
            "config_file": config_file or f"{orig_bundle}/config.json",
            "job_id": job_id,
            "user_id": posix.geteuid() if user_id is None else user_id,
            "group_id": posix.getegid() if group_id is None else group_id,
        }
        self._stage("stage_out", values, context)

    def cancel(self) -> None:
        """End what runs, from any thread: raise ``cancelled`` once, wherever the script is.

        It is raised by the next host function or in the midst of a loop, and by the command that
        the host can `interrupt`. Once, so that what the script does about it (a stager removes
        what it has made) can use the host again; the stage function fails with CANCELLED whatever
        becomes of it. Calling again interrupts that as well. A cancellation that nobody has heard
        when the stage function returns stays for the next one, until `clear_cancel`.
        """
        self._cancel = _ASKED
        interrupt = getattr(self.host, "interrupt", None)
        if interrupt is not None:
            interrupt()

    def clear_cancel(self) -> None:
        """Forget a cancellation: before a stage-out that is to clean up after it."""
        self._cancel = _NOT_CANCELLED

    # -- inside ------------------------------------------------------------------------------

    def _set_variables(self, job_env: Iterable[str | bytes]) -> None:
        self._job_env = [to_bytes(entry) for entry in job_env]
        self._variables.clear()
        self._variables.update(entry.partition(b"=")[::2] for entry in self._job_env)

    def _stage(
        self, name: Stage, values: Mapping[str, object], context: Mapping[str, object] | None
    ) -> None:
        if not self._loaded:
            self.load()
        self._told = ""
        env = self._prepare_env(self._runtime.to_lua(self._job_env))
        if self.script is not None:
            function = self._runtime.get(f"slurm_scrun_{name}")
            arguments = (*values.values(), env) if name == "stage_in" else tuple(values.values())
            self._judge_script(name, self._call(function, *arguments))
        else:
            table = self._make_context(values, context or {})
            table[b"job_env"] = env
            self._judge_stager(name, self._call(self._module[name.encode()], table))

    def _call(self, function: Any, *args: object) -> tuple[Any, ...]:
        name = self.script or f"scrun.stage.{self.stager}"
        try:
            results = self._runtime.call(function, *args)
        except ScriptError as err:
            message = err.message if _has_place(err.message) else f"{name}: {err.message}"
            code = "CANCELLED" if self._cancel == _TOLD else err.code
            raise ScriptError(message, code=code, hint=err.hint, traceback=err.traceback) from err
        if self._cancel == _TOLD:
            raise ScriptError(f"{name}: cancelled", code="CANCELLED")
        return results

    def _make_context(self, values: Mapping[str, object], context: Mapping[str, object]) -> Any:
        default: dict[str, object] = {
            "rootless": posix.geteuid() != 0,
            "backend": "local",
            "nodes": [posix.uname().nodename],
            "annotations": {},
        }
        table = self._runtime.to_lua({**default, **values, **context})
        if "settings" not in context:
            table[b"settings"] = self._runtime.require("scrun.settings")
        return table

    def _judge_script(self, name: Stage, results: tuple[Any, ...]) -> None:
        value = results[0] if results else None
        if self._number(value) is None:
            # As in C, which says so at info, where nobody looks.
            returned = f"{self.script}: slurm_scrun_{name} returned {self._describe(value)}"
            self._log(ERROR, f"warning: {returned}, which is no number and counts as success")
        status = self._status(value)
        if status:
            told = f": {self._told}" if self._told else ""  # engines show the error alone
            raise ScriptError(f"{self.script}: slurm_scrun_{name} returned {status}{told}")

    def _judge_stager(self, name: Stage, results: tuple[Any, ...]) -> None:
        first, message, code = (*results, None, None, None)[:3]
        if message is not None and (first is None or first is False):
            text = self._runtime.to_python(message)
            raise ScriptError(f"{text}", code=code.decode() if isinstance(code, bytes) else None)
        if first is False or self._status(first):
            raise ScriptError(f"scrun.stage.{self.stager}: {name} returned {first}")

    def _number(self, value: Any) -> int | float | None:
        """Return what Lua's ``tonumber`` makes of a value."""
        number = self._runtime.call(self._tonumber, value)[0]
        return number if isinstance(number, (int, float)) else None

    def _describe(self, value: Any) -> str:
        """Return a result of Lua, for people."""
        if isinstance(value, bytes):
            return f'"{value[:LONGEST_SHOWN].decode("utf-8", "replace")}"'
        if value is None or isinstance(value, bool):
            return "nil" if value is None else str(value).lower()
        return f"a {self._runtime.execute('return type(...)', 'scrun', value).decode()}"

    def _status(self, value: Any) -> int:
        """Return a Lua result as C takes it: cut to an integer, 0 for what is no number."""
        try:
            return int(self._number(value) or 0)
        except (OverflowError, ValueError):  # infinite, or no number at all
            return -1

    def _log(self, level: int, text: str) -> None:
        self.host.log(level, text.encode("utf-8", "surrogateescape"))

    def _check(self) -> tuple[str, str] | None:
        if self._cancel != _ASKED:
            return None
        self._cancel = _TOLD
        return "cancelled", "CANCELLED"

    def _note_told(self, message: bytes) -> None:
        self._told = message.decode("utf-8", "replace")

    def _guard(self) -> None:
        if self._check() is not None:
            raise Interrupted("cancelled")


def _has_place(message: str) -> bool:
    """Tell whether a message begins with ``file:line: ``."""
    return message.partition(": ")[0].rpartition(":")[2].isdecimal()
