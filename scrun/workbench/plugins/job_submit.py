"""Run slurm_job_submit or slurm_job_modify, and tell what became of the job."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from scrun.errors import UsageError
from scrun.log import ERROR
from scrun.lua.plugin_record import Record
from scrun.workbench.plugins import records
from scrun.workbench.plugins.changes import compare
from scrun.workbench.plugins.job_request import JobRequest, add_user, read_job, user_name
from scrun.workbench.plugins.json_records import read_file
from scrun.workbench.plugins.json_values import Place
from scrun.workbench.plugins.result import Result, Verdict
from scrun.workbench.plugins.runner import Runner, reject

FUNCTIONS = ("slurm_job_submit", "slurm_job_modify")
LUA_ERRORS_REJECT = "26.05"  # before, an error in the script was logged and the job accepted
_RUNTIME_ERROR, _NO_MEMORY = 7405, 7406

_REFUSALS = {
    "sbatch": "sbatch: error: Batch job submission failed: {}",
    "salloc": "salloc: error: Job submit/allocate failed: {}",
    "srun": "srun: error: Unable to allocate resources: {}",
}


def run(runner: Runner, function: str) -> Result:
    """Run one of FUNCTIONS.

    Raises:
        ScrunError: an input is wrong, or the script does not load.
    """
    inputs, script = runner.inputs, runner.script
    modifies = function == "slurm_job_modify"
    request = _read_request(runner, modifies)
    job = Record(
        runner.fields("job_desc"),
        request.members,
        complain=runner.complain,
        user_name=user_name,
    )
    environment = request.environment
    if inputs.env is not None and (request.is_batch or environment is not None):
        environment = {**(environment or {}), **inputs.env}
    script.environment, script.is_batch = environment, request.is_batch
    partitions = records.read_partitions(
        inputs.partitions, runner.fields("part_rec"), inputs.default_partition
    )
    if partitions and not any(one.get("flag_default") for one in partitions.values()):
        request.notes.append("no partition is the default: --default-partition NAME says which is")
    rec = _read_job_rec(runner) if modifies else None
    _set_tables(runner)
    result = runner.start(function)
    result.notes += request.notes
    before = job.copy()
    before_environment = dict(environment) if environment is not None else None
    uid = os.geteuid() if inputs.uid is None else inputs.uid
    owner = int((rec or job).members["user_id"] or 0)
    part_list = [
        (name, script.table(one, "_part_rec_ptr"))
        for name, one in records.usable(partitions, owner, uid).items()
    ]
    job_table = script.table(job, "_job_desc", writable=True)
    rec_table = None if rec is None else script.table(rec, "_job_rec_ptr")
    arguments = [job_table, *([rec_table] if modifies else []), script.by_name(part_list), uid]
    answer = runner.call(result, *arguments)
    result.changes = compare(before, job, script.places, (before_environment, script.environment))
    result.verdict = _judge(runner, result, answer)
    _note_lost(runner, result, part_list, rec_table)
    if modifies:
        number = int((rec or job).members.get("job_id") or inputs.job_id or 0)
        result.shown = _show_update(result, number)
    else:
        command = inputs.command or ("sbatch" if request.is_batch else "salloc")
        result.shown = _show_submission(result, command)
    return result


def _read_request(runner: Runner, modifies: bool) -> JobRequest:
    inputs = runner.inputs
    fields, info = runner.fields("job_desc"), runner.fields("job_info")
    if inputs.job is not None:
        document, place = read_file(inputs.job), Place(inputs.job)
    elif modifies:
        raise UsageError(
            "slurm_job_modify needs --job: what is to be changed",
            hint="""For example a file with {"time_limit": 120}""",
        )
    else:
        document, place = {"script": "#!/bin/sh\n", "environment": {}}, Place("")
    request = read_job(document, fields, info, place, inputs.job_id, update=modifies)
    if inputs.job is None:
        request.notes.append("no --job: the job is that of an empty script")
    add_user(request.members, inputs.uid)
    return request


def _read_job_rec(runner: Runner) -> Record:
    inputs = runner.inputs
    path = inputs.job_rec
    if path is None:
        raise UsageError(
            "slurm_job_modify needs --job-rec: the job as it is",
            hint="""For example what "scontrol --json show job 7" prints""",
        )
    fields, info = runner.fields("job_rec"), runner.fields("job_info")
    return records.read_job_rec(path, fields, info, inputs.job_id)


def _set_tables(runner: Runner) -> None:
    """Set ``slurm.jobs`` and ``slurm.reservations``, which are there when the script loads."""
    inputs, script = runner.inputs, runner.script
    tables: Mapping[str, tuple[Mapping[str, Record], str]] = {
        "jobs": (
            records.read_jobs(inputs.jobs, runner.fields("job_rec"), runner.fields("job_info")),
            "_job_rec_ptr",
        ),
        "reservations": (
            records.read_reservations(inputs.reservations, runner.fields("resv")),
            "_resv_ptr",
        ),
    }
    for name, (known, pointer) in tables.items():
        entries = [(key, script.table(one, pointer)) for key, one in known.items()]
        script.set_slurm(name, script.by_name(entries))


def _judge(runner: Runner, result: Result, answer: tuple[Any, ...] | None) -> Verdict:
    what = "job_submit/lua" if result.function == "slurm_job_submit" else "job_modify/lua"
    if answer is not None:
        return runner.judge(answer[0] if answer else None, what)
    assert result.error is not None
    message = result.error.message
    runner.say(ERROR, f"{what}: {runner.path}: {message}")
    if not runner.is_since(LUA_ERRORS_REJECT):
        result.notes.append(f"Slurm {result.version} accepts the job when the script fails")
        return Verdict(True)
    if runner.version is None:
        result.notes.append(
            f"Slurm before {LUA_ERRORS_REJECT} accepts the job when the script fails"
        )
    result.messages = [message]  # in place of what the script said
    return reject(_NO_MEMORY if result.error.code == "ENOMEM" else _RUNTIME_ERROR)


def _note_lost(
    runner: Runner, result: Result, part_list: list[tuple[str, Any]], rec_table: Any
) -> None:
    """Tell of fields that were set where nobody reads them."""
    tables = [(f"part_list[{name!r}]", table) for name, table in part_list]
    if rec_table is not None:
        tables.append(("job_rec", rec_table))
    for name, table in tables:
        for field in runner.script.written(table):
            result.notes.append(f"{name}.{field} was set, which changes nothing")


def _lines(messages: list[str]) -> list[str]:
    return [line for message in messages for line in message.split("\n")]


def _show_submission(result: Result, command: str) -> list[str]:
    lines = _lines(result.messages)
    if result.verdict.accepted:
        return [f"{command}: {line}" for line in lines]
    refusal = _REFUSALS.get(command, "{}").format(result.verdict.text)
    return [*(f"{command}: error: {line}" for line in lines), refusal]


def _show_update(result: Result, job_id: int) -> list[str]:
    shown = [f"scontrol: error: {line}" for line in _lines(result.messages)]
    if not result.verdict.accepted:
        shown.append(f"{result.verdict.text} for job {job_id}")
    return shown
