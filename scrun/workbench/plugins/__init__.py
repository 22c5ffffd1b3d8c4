"""Run job_submit, cli_filter and burst_buffer scripts: what they change, say and decide.

`detect` tells such a script from a scrun.lua, `run` runs one of its functions on JSON inputs with
the semantics of Slurm's plugins, and `render_text` and `document` show the result.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from scrun.errors import ConfigError, UsageError
from scrun.lua.plugin_script import PLUGIN_TYPES
from scrun.lua.search import SearchPath
from scrun.workbench.catalog import VERSIONS, load
from scrun.workbench.plugins import burst_buffer, cli_filter, job_submit
from scrun.workbench.plugins.records import read_qos
from scrun.workbench.plugins.report import document, render_text
from scrun.workbench.plugins.result import Change, LogLine, Result, Verdict
from scrun.workbench.plugins.runner import Inputs, Runner

__all__ = [
    "PLUGIN_TYPES",
    "Change",
    "Inputs",
    "LogLine",
    "Result",
    "Verdict",
    "detect",
    "document",
    "render_text",
    "run",
]

_RUNS: dict[str, Callable[[Runner, str], Result]] = {
    "job_submit": job_submit.run,
    "cli_filter": cli_filter.run,
    "burst_buffer": burst_buffer.run,
}
_DEFAULT = {"job_submit": "slurm_job_submit", "cli_filter": "slurm_cli_post_submit"}


def detect(path: str, function: str | None) -> str | None:
    """Return the type of plugin that a script is for; None: a scrun.lua.

    By the name of the function, else by that of the file: ``job_submit.lua``,
    ``my_job_submit.lua`` and ``job_submit_test.lua`` are such.
    """
    if function is not None:
        entries = load().entries
        entry = entries.get(function) or entries.get(f"slurm_{function}")
        if entry is not None and entry.script_type in PLUGIN_TYPES:
            return entry.script_type
        if function.removeprefix("slurm_scrun_") in ("stage_in", "stage_out"):
            return None
    stem = os.path.basename(path).removesuffix(".lua")
    return next((one for one in PLUGIN_TYPES if one in stem), None)


def run(
    path: str,
    function: str | None = None,
    inputs: Inputs | None = None,
    *,
    script_type: str | None = None,
    version: str | None = None,
    dialect: str | None = None,
    memory_bytes: int | None = None,
    settings: Any = None,
    search: SearchPath | None = None,
    timeout_s: float = 0.0,
    listen: Callable[[LogLine], None] | None = None,
) -> Result:
    """Run a function of a plugin's script.

    Args:
        function: its name with or without ``slurm_``; None: slurm_job_submit, or all of a
            cli_filter script.
        inputs: what it is to see.
        script_type: one of PLUGIN_TYPES; None: as `detect` says.
        version: Slurm's, one of the catalog's; None: the newest one's ways, and all names.
        dialect, memory_bytes, settings, search: as SiteScript has them.
        timeout_s: for loading and for each function; 0: no limit.
        listen: hears of every line of the log as it comes.

    Raises:
        ScrunError: an input is wrong, or Slurm would not start with such a script. A function
            that fails is in the result.
    """
    kind = script_type or detect(path, function)
    if kind is None:
        raise UsageError(
            f"{path}: for which plugin is it?", hint=f"Say one of {', '.join(PLUGIN_TYPES)}"
        )
    if version is not None and version not in VERSIONS:
        raise UsageError(f"no Slurm version {version!r}", hint=f"One of {', '.join(VERSIONS)}")
    if not os.path.isfile(path):
        raise ConfigError(f"{path}: no such file")
    inputs = inputs or Inputs()
    runner = Runner(
        path,
        kind,
        inputs,
        qos=read_qos(inputs.qos),
        version=version,
        dialect=dialect,
        memory_bytes=memory_bytes,
        settings=settings,
        search=search or SearchPath(os.path.dirname(os.path.abspath(path))),
        timeout_s=timeout_s,
        listen=listen,
    )
    return _RUNS[kind](runner, choose_function(kind, function))


def choose_function(script_type: str, function: str | None) -> str:
    """Return the full name of a function.

    Raises:
        UsageError: scripts of this type have none of that name.
    """
    names = [entry.name for entry in load().entries_of(script_type)]
    wanted = _DEFAULT.get(script_type) if function is None else function
    for name in names:
        if wanted in (name, name.removeprefix("slurm_")):
            return name
    said = f"unknown function {function}" if function else "which function?"
    raise UsageError(f"{script_type}: {said}", hint=f"One of {', '.join(names)}")
