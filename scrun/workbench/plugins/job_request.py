"""Make the job description that a script is to see: from a submission, a dump or Lua names."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from typing import Any

from scrun.lua.plugin_record import NICE_OFFSET, NO_VAL
from scrun.workbench.plugins.json_records import Fields, Members, named_objects, read_object
from scrun.workbench.plugins.json_values import Place

# What a job's record calls otherwise than its description.
_RENAMED = {
    "array_task_str": "array_inx",
    "num_cpus": "min_cpus",
    "num_nodes": "min_nodes",
    "resv_name": "reservation",
}
# What a record has 0 for when nobody asked for it, and a description NO_VAL.
_ZERO_IS_UNSET = (
    *("delay_boot", "max_cpus", "max_nodes", "ntasks_per_node", "ntasks_per_tres"),
    *("pn_min_memory", "pn_min_tmp_disk", "req_switch", "time_min", "wait4switch"),
)
_DEFAULTS_USED = {"account": 25, "partition": 26, "qos": 27, "wckey": 28}  # bits of bitflags
_OF_SLURMCTLD = (2, 3, 5, 11, 12, 16, 18, 20, 21, 25, 26, 27, 28, 29, 30, 31, 32, 33)
# What sbatch fills in where the structure has something else.
_SBATCH = {"contiguous": 0, "mail_type": 0, "min_cpus": 1}
_PLACEHOLDER = "#!/bin/sh\n"


class JobRequest:
    """A job description before the script saw it.

    Attributes:
        members: of C's structure.
        environment: the variables of a batch job; None for others.
        notes: what had to be guessed, a sentence each.
    """

    def __init__(self, members: Members, environment: dict[str, str] | None) -> None:
        self.members = members
        self.environment = environment
        self.notes: list[str] = []

    @property
    def is_batch(self) -> bool:
        """Whether it has a script."""
        return self.members.get("script") is not None


def read_job(
    document: Any,
    fields: Fields,
    info: Fields,
    place: Place,
    job_id: int | None,
    *,
    update: bool = False,
) -> JobRequest:
    """Return the job description of a JSON document.

    Args:
        fields, info: those of job_desc and of job_info.
        job_id: which job of a dump; None: its only one.
        update: it is a change of a job, so that what it does not name stays as it is.

    Raises:
        UsageError: it is none of the three kinds, or a value of it is wrong.
    """
    if isinstance(document, Mapping) and isinstance(document.get("jobs"), list):
        first = document["jobs"][0] if document["jobs"] else {}
        if "job_state" in first or "submit_time" in first or not document["jobs"]:
            members = choose_job(document, {**fields, **info}, place, job_id)
            return _from_dump(members)
        if len(document["jobs"]) != 1:
            raise place.error(
                "a heterogeneous job", hint='Its components are one "job" each for the script'
            )
        document = {**document, "job": first}
    if isinstance(document, Mapping) and isinstance(document.get("job"), Mapping):
        members = read_object(document["job"], "submission", fields, place.below("job"))
        if isinstance(document.get("script"), str):
            members.setdefault("script", document["script"])
        members.setdefault("het_job_offset", NO_VAL)
    else:
        members = {} if update else {**_SBATCH, "het_job_offset": NO_VAL}
        members |= read_object(document, "", fields, place)
    return _finish(members)


def choose_job(document: Any, info: Fields, place: Place, job_id: int | None) -> Members:
    """Return the members of the one job of a dump, or of that of a number.

    Raises:
        UsageError: there is none, or there are several and none was chosen.
    """
    jobs = [
        (name, given, section, at)
        for name, given, section, at in named_objects(document, "jobs", place)
        if job_id is None or name == str(job_id)
    ]
    if not jobs:
        raise place.error("no such job in it" if job_id else "no job in it")
    if len(jobs) > 1:
        names = ", ".join(dict.fromkeys(name for name, *_ in jobs))
        raise place.error(f"holds {len(jobs)} jobs", hint=f"Choose by --job-id one of {names}")
    _, given, section, at = jobs[0]
    return read_object(given, section, info, at)


def add_user(members: Members, uid: int | None) -> None:
    """Fill in who submits: ``uid``, else the job's user, else this process's."""
    if members.get("user_id") is None:
        members["user_id"] = os.geteuid() if uid is None else uid
    if members.get("group_id") is None:
        try:
            members["group_id"] = pwd.getpwuid(members["user_id"]).pw_gid
        except KeyError:
            members["group_id"] = members["user_id"]


def user_name(uid: int) -> str | None:
    """Return the name of a user of this machine."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return None


def _finish(members: Members) -> JobRequest:
    environment = members.pop("environment", None)
    request = JobRequest(members, environment)
    if request.is_batch and environment is None:
        request.environment = {}
    if isinstance(members.get("argv"), list):
        members["argc"] = len(members["argv"])
    if isinstance(members.get("spank_job_env"), list):
        members["spank_job_env_size"] = len(members["spank_job_env"])
    return request


def _from_dump(info: Members) -> JobRequest:
    """Return the request that may have led to the record of a job."""
    members = {_RENAMED.get(name, name): value for name, value in info.items()}
    for name in ("end_time", "start_time", "submit_time", "array_job_id", "array_task_id", "nodes"):
        members.pop(name, None)
    for name in _ZERO_IS_UNSET:
        if members.get(name) == 0:
            del members[name]
    flags = int(members.get("bitflags") or 0)
    for name, bit in _DEFAULTS_USED.items():
        if flags >> bit & 1:
            members.pop(name, None)
    members["bitflags"] = flags & ~sum(1 << bit for bit in _OF_SLURMCTLD)
    if members.get("priority"):
        del members["priority"]  # slurmctld's; 0 is the user's hold
    if members.get("nice") == NICE_OFFSET:
        del members["nice"]
    for name in ("ntasks_per_core", "ntasks_per_socket"):
        if members.get(name) == 0xFFFF:  # what a dump has of NO_VAL16
            del members[name]
    if members.get("pn_min_cpus", 0) <= 1:
        members.pop("pn_min_cpus", None)
    if not members.get("het_job_id"):
        members["het_job_offset"] = NO_VAL
    command = members.get("command")
    if members.get("batch_flag") and members.get("script") is None:
        members["script"] = _PLACEHOLDER
    if command and "argv" not in members:
        members["argv"] = command.split()
    request = _finish(members)
    if members.get("script") == _PLACEHOLDER:
        request.notes.append(
            'the dump has no script and no environment: job_desc.script is "#!/bin/sh"'
        )
    return request
