"""Run a function of a burst_buffer script, and tell what becomes of the job."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from typing import Any

from scrun.log import ERROR
from scrun.lua.plugin_record import Record
from scrun.workbench.catalog import load
from scrun.workbench.plugins import records
from scrun.workbench.plugins.job_request import add_user, user_name
from scrun.workbench.plugins.json_records import read_file
from scrun.workbench.plugins.result import Change, Result, Verdict
from scrun.workbench.plugins.runner import Runner, reject

FUNCTIONS = tuple(entry.name for entry in load().entries_of("burst_buffer"))
BUSY = "BUSY"
_INVALID_REQUEST = 2094  # ESLURM_INVALID_BURST_BUFFER_REQUEST
_TESTS = ("slurm_bb_test_data_in", "slurm_bb_test_data_out")
DEFAULT_JOB_ID = 1000
_DEFAULTS = {"pool": "", "bb_size": "0", "hurry": "false"}


def run(runner: Runner, function: str) -> Result:
    """Run one of FUNCTIONS.

    Raises:
        ScrunError: an input is wrong, or the script does not load.
    """
    info = _read_info(runner)
    result = runner.start(function)
    table = runner.script.table(info, "_job_info_ptr")
    with tempfile.TemporaryDirectory(prefix="scrun-bb-") as directory:
        values = _values(runner, info, directory)
        entry = load().entries[function]
        names = [parameter.name for parameter in entry.parameters]
        arguments = [table if name == "job_info" else values[name] for name in names]
        if function == "slurm_bb_get_status":  # scontrol show bbstat ARGUMENT...
            arguments += [
                text for name, text in runner.inputs.arguments.items() if name not in names
            ]
        answer = runner.call(result, *arguments)
        if "path_file" in names:
            result.changes = _read_paths(values["path_file"])
    text = _judge(runner, result, answer)
    _note_meaning(result, function, text)
    if not result.verdict.accepted and function == "slurm_bb_job_process":
        result.verdict = reject(_INVALID_REQUEST)
        said = f"burst_buffer/lua: {text}" if text else ""
        result.shown = [f"sbatch: error: {line}" for line in said.splitlines()]
        result.shown.append(f"sbatch: error: Batch job submission failed: {result.verdict.text}")
    return result


def _read_info(runner: Runner) -> Record:
    fields, inputs = runner.fields("job_info"), runner.inputs
    if inputs.job is None:
        info = Record(fields, {}, user_name=user_name)
    else:
        info = records.read_job_info(inputs.job, fields, inputs.job_id)
    members = info.members
    if inputs.uid is not None or not members.get("user_id"):
        members["user_id"] = None
        members["group_id"] = None
        add_user(members, inputs.uid)
    members["job_id"] = members.get("job_id") or inputs.job_id or DEFAULT_JOB_ID
    return info


def _values(runner: Runner, info: Record, directory: str) -> dict[str, str]:
    """Return the arguments that are texts, by name; files are made in ``directory``."""
    script, path_file = f"{directory}/script", f"{directory}/path"
    with open(script, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(_script_text(runner.inputs.job))
    with open(path_file, "w", encoding="utf-8"):
        pass  # empty, as Slurm gives it
    return {
        **_DEFAULTS,
        "job_id": str(info.members["job_id"]),
        "uid": str(info.members["user_id"]),
        "gid": str(info.members["group_id"]),
        "job_script": script,
        "path_file": path_file,
        **runner.inputs.arguments,
    }


def _script_text(path: str | None) -> str:
    document = read_file(path) if path is not None and path != "-" else None
    if isinstance(document, Mapping):
        inner = document.get("job")
        for place in (document, inner if isinstance(inner, Mapping) else {}):
            if isinstance(place.get("script"), str):
                return str(place["script"])
    return "#!/bin/sh\n"


def _read_paths(path: str) -> list[Change]:
    """Return the variables that the script wrote for the job."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        lines = [line for line in file.read().splitlines() if "=" in line]
    pairs = (line.partition("=") for line in lines)
    return [Change(f"environment.{name}", None, value) for name, _, value in pairs]


def _judge(runner: Runner, result: Result, answer: tuple[Any, ...] | None) -> str:
    """Set the verdict; return the text that the function returned with it."""
    if answer is None:
        assert result.error is not None
        runner.say(ERROR, f"{runner.path}: {result.error.message}")
        result.verdict = reject(-1)
        return ""
    if not answer:
        return ""
    number, text = runner.script.number_of(answer[0]), ""
    if isinstance(answer[0], str) or number is None:
        runner.complain(f"{result.function} returned a non-numeric return code, returning error")
        number = -1
    if len(answer) > 1:
        second = runner.script.data_of(answer[1])
        if isinstance(second, (str, int, float)) and not isinstance(second, bool):
            text = str(second)
        else:
            runner.complain(
                "Cannot handle non-string as second return value for lua function "
                f"{result.function}."
            )
            number = -1
    result.verdict = reject(int(number)) if int(number) else Verdict(True)
    return text


def _note_meaning(result: Result, function: str, text: str) -> None:
    """Tell what Slurm makes of the text."""
    if function in _TESTS and result.verdict.accepted and text.upper() == BUSY:
        result.notes.append("BUSY: Slurm asks again later")
    if function == "slurm_bb_pools" and text:
        try:
            pools = json.loads(text).get("pools", [])
            names = ", ".join(str(pool["id"]) for pool in pools)
            result.notes.append(f"pools: {names or 'none'}")
        except (ValueError, AttributeError, KeyError, TypeError) as err:
            result.notes.append(f"the pools are not as Slurm reads them: {err!r}")
