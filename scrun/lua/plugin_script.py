"""A job_submit, cli_filter or burst_buffer script: the site state with Slurm's plugin tables."""

from __future__ import annotations

from scrun.errors import UsageError
from scrun.log import ERROR, INFO
from scrun.lua.convert import to_text
from scrun.lua.site import SiteScript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from scrun.lua.plugin_options import Options
    from scrun.lua.plugin_record import Record
    from scrun.lua.search import SearchPath
    from scrun.lua.stage_host import StageHost

_REQUIRED = {
    "job_submit": ("slurm_job_submit", "slurm_job_modify"),
    "cli_filter": ("slurm_cli_setup_defaults", "slurm_cli_pre_submit", "slurm_cli_post_submit"),
    "burst_buffer": (
        *("slurm_bb_job_process", "slurm_bb_pools", "slurm_bb_job_teardown", "slurm_bb_setup"),
        *("slurm_bb_data_in", "slurm_bb_test_data_in", "slurm_bb_real_size", "slurm_bb_paths"),
        *("slurm_bb_pre_run", "slurm_bb_post_run", "slurm_bb_data_out"),
        *("slurm_bb_test_data_out", "slurm_bb_get_status"),
    ),
}
PLUGIN_TYPES = tuple(_REQUIRED)
_SCRUN_ONLY = ("allocator_command", "remote_command", "set_bundle_path", "set_root_path")


class PluginScript(SiteScript):
    """A script of one of PLUGIN_TYPES in its own state.

    Args:
        host: takes messages and log lines, and knows the QOS.
        script: its path.
        script_type: one of PLUGIN_TYPES.
        names: what its ``slurm`` has; None: all that any version has for this type.
    """

    def __init__(
        self,
        host: StageHost,
        script: str,
        script_type: str,
        *,
        names: Iterable[str] | None = None,
        search: SearchPath | None = None,
        settings: Any = None,
        dialect: str | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        super().__init__(
            host,
            script=script,
            search=search,
            settings=settings,
            dialect=dialect,
            memory_bytes=memory_bytes,
        )
        self.script_type = script_type
        self.dialect = self._runtime.dialect
        self.required = _REQUIRED[script_type]
        self.environment: dict[str, str] | None = None
        """The job's variables that a job_submit script sees; None: those of no batch job."""
        self.is_batch = False
        self.places: dict[str, str] = {}
        """Where a field was set last: ``file:line`` by field, ``environment.NAME`` too."""
        lua = self._runtime
        self._slurm = lua.get("slurm")
        self._minutes = lua.get("slurm.time_str2mins")
        table = lua.lua.table()
        for function in (self.get_variable, self.set_variable, self.has_environment):
            lua.add_function(table, function.__name__, function)
        lua.add_function(table, "complain", self.complain)
        self._plugin = lua.run_host_file("plugin.lua", lua.border, table)
        for name in _SCRUN_ONLY:
            self._slurm[name.encode()] = None
        if script_type == "job_submit":
            self._plugin[b"old_globals"]()
        else:
            self._slurm[b"user_msg"] = None
        if script_type == "burst_buffer":
            self._slurm[b"SLURM_BB_BUSY"] = b"BUSY"
        self._names = None if names is None else list(names)

    def restrict(self) -> None:
        """Leave the script what ``names`` has; before `load`, after tables were added."""
        if self._names is not None:
            self._plugin[b"keep"](self._slurm, self._runtime.to_lua(self._names))

    # -- tables ------------------------------------------------------------------------------

    def table(self, record: Record, pointer: str, *, writable: bool = False) -> Any:
        """Return a record's Lua table.

        Args:
            pointer: how C names it in the metatable: ``_job_desc``, ``_job_rec_ptr``, ...
            writable: what is set reaches the record.
        """
        lua = self._runtime

        def get(name: bytes) -> object:
            return record.get(to_text(name))

        def write(name: bytes, value: Any, place: bytes) -> None:
            text = to_text(name)
            record.set(text, value)
            self.places[text] = _place(place)

        return self._plugin[b"record"](
            pointer.encode(),
            lua.function(get, pointer),
            lua.function(write, pointer) if writable else None,
            lua.to_lua(record.settable() if writable else {}),
            lua.to_lua(record.lists()),
        )

    def by_name(self, tables: Sequence[tuple[str, Any]]) -> Any:
        """Return a Lua table of records by name, as ``part_list`` and ``slurm.jobs`` are."""
        lua = self._runtime
        result = lua.lua.table()
        for name, table in tables:
            result[name.encode("utf-8", "surrogateescape")] = table
        return result

    def set_slurm(self, name: str, value: Any) -> None:
        """Set ``slurm.NAME``."""
        self._slurm[name.encode()] = value

    def options_table(self, options: Options, *, early: bool = False, **extra: Any) -> Any:
        """Return the table of a command's options.

        Args:
            early: setup_defaults has it.
            extra: ``spank`` and ``spank_job_env``.
        """
        lua = self._runtime

        def get(name: bytes) -> str | None:
            return options.get(to_text(name))

        def write(name: bytes, value: bytes, place: bytes) -> None:
            text = to_text(name)
            if options.set(text, to_text(value), early=early):
                self.places[text] = _place(place)

        return self._plugin[b"options"](
            lua.function(get, "options"),
            lua.function(write, "options"),
            lua.function(lambda: options.argv, "options.argv"),
            lua.function(lambda: extra.get("spank", {}), "options.spank"),
            lua.function(lambda: extra.get("spank_job_env", []), "options.spank_job_env"),
            options.command.encode(),
        )

    def add_cli_functions(
        self, options_json: Callable[[], str], env_json: Callable[[], str]
    ) -> None:
        """Add what cli_filter scripts have besides: json_cli_options, json_env, the store."""
        lua = self._runtime
        self._plugin[b"cli_filter"](
            self._slurm,
            lua.function(options_json, "slurm.json_cli_options"),
            lua.function(env_json, "slurm.json_env"),
        )

    def written(self, table: Any) -> list[str]:
        """Return the fields that the script wrote into a table that Slurm never reads."""
        names = self._runtime.to_python(self._plugin[b"written"](table))
        return list(names)

    # -- calls -------------------------------------------------------------------------------

    def run_function(self, name: str, *args: object) -> tuple[Any, ...]:
        """Call a function of the script; return its results, maybe none, as they are in Lua.

        Raises:
            ScriptError: it failed; code NOT_FOUND: it has no such function.
        """
        if not self._loaded:
            self.load()
        count, *results = self._call(self._plugin[b"call"], self._runtime.get(name), *args)
        return tuple(results[:count])

    def has_function(self, name: str) -> bool:
        """Tell whether the script, once loaded, has a function of this name."""
        kind = self._runtime.execute(b"return type(_G[...])", "plugin", name)
        return bool(kind == b"function")

    def number_of(self, value: Any) -> int | float | None:
        """Return a result as C takes it for a number: numeric strings are; None: it is none."""
        return self._number(value)

    def data_of(self, value: Any) -> Any:
        """Return a result as data of Python; ScriptError when it is none."""
        return self._runtime.to_python(value)

    def minutes_of(self, text: str) -> int:
        """``slurm.time_str2mins``, whatever the script made of it."""
        return int(self._runtime.call(self._minutes, text)[0])

    # -- what plugin.lua calls ---------------------------------------------------------------

    def get_variable(self, name: bytes) -> str | None:
        """Return a variable of the job's environment."""
        if self.environment is None:
            self._complain_of_environment("_job_env_field")
            return None
        return self.environment.get(to_text(name))

    def set_variable(self, name: bytes, value: bytes | None, place: bytes) -> None:
        """Set a variable of the job's environment; a new one comes first."""
        if self.environment is None or value is None:
            self._complain_of_environment("_set_job_env_field")
            return
        text = to_text(name)
        new = {text: to_text(value)}
        if text in self.environment:
            self.environment.update(new)
        else:
            self.environment = {**new, **self.environment}
        self.places[f"environment.{text}"] = _place(place)

    def has_environment(self) -> bool:
        """Tell whether there is an environment: batch jobs have one."""
        return self.environment is not None

    def complain(self, text: str | bytes) -> None:
        """Log an error of Slurm's own, without the ``lua:`` of the script's lines."""
        self._log(ERROR, text if isinstance(text, str) else to_text(text))

    def _complain_of_environment(self, function: str) -> None:
        if self.is_batch:
            self.complain(f"job_submit/lua: {function}: job_desc->environment is NULL.")
        else:
            self._log(INFO, "job_desc->environment only accessible for batch jobs.")


def check_type(script_type: str) -> str:
    """Return a script type; UsageError when there is no such one."""
    if script_type not in _REQUIRED:
        raise UsageError(
            f"no script type {script_type!r}", hint=f"One of {', '.join(PLUGIN_TYPES)}"
        )
    return script_type


def _place(text: bytes) -> str:
    return text.decode("utf-8", "replace").removesuffix(": ")
