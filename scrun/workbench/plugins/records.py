"""The records that a job_submit or burst_buffer script sees besides the job: from the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scrun.errors import UsageError
from scrun.lua.plugin_record import NICE_OFFSET, NO_VAL, Record
from scrun.workbench.plugins.job_request import choose_job, user_name
from scrun.workbench.plugins.json_records import (
    Fields,
    Members,
    named_objects,
    read_file,
    read_object,
)
from scrun.workbench.plugins.json_values import Place

NO_ROOT, ROOT_ONLY = 4, 8  # flags of a partition
RESIZING = 1 << 13
_FULL_NODES = ("MAINT", "SPEC_NODES")

# What a job's record calls otherwise than what scontrol shows of it.
_OF_RECORD = {
    "dependency": ("curr_dependency", "orig_dependency"),
    "gres_total": ("gres_used",),
    "num_cpus": ("min_cpus",),
    "num_nodes": ("min_nodes",),
    "tres_alloc_str": ("tres_fmt_alloc_str",),
    "tres_req_str": ("tres_fmt_req_str",),
}


def read_partitions(path: str | None, fields: Fields, default: str | None) -> dict[str, Record]:
    """Return the partitions of a file, by name.

    Raises:
        UsageError: the file, or a value of it, is wrong; there is no default of that name.
    """
    partitions: dict[str, Record] = {}
    if path is not None:
        for name, given, section, place in named_objects(
            read_file(path), "partitions", Place(path)
        ):
            members = {"name": name, **read_object(given, section, fields, place)}
            partitions[name] = Record(fields, members)
    if default is not None:
        if default not in partitions:
            raise UsageError(f"--default-partition {default}: no such partition in --partitions")
        partitions[default].members["flags"] |= 1
    return partitions


def usable(partitions: Mapping[str, Record], user_id: int, submit_uid: int) -> dict[str, Record]:
    """Return those that Slurm lists for a user: not those of root, or not for root."""

    def is_usable(record: Record) -> bool:
        flags = int(record.members["flags"] or 0)
        if user_id == 0:
            return not flags & NO_ROOT
        return not flags & ROOT_ONLY or submit_uid == 0

    return {name: one for name, one in partitions.items() if is_usable(one)}


def read_reservations(path: str | None, fields: Fields) -> dict[str, Record]:
    """Return the reservations of a file, by name."""
    reservations: dict[str, Record] = {}
    if path is None:
        return reservations
    for name, given, section, place in named_objects(read_file(path), "reservations", Place(path)):
        members = read_object(given, section, fields, place)
        if section:
            start, end = members.get("start_time", 0), members.get("end_time", 0)
            members.setdefault("duration", max(0, end - start) // 60)
            words = given.get("flags", [])
            members.setdefault("full_nodes", any(word in words for word in _FULL_NODES))
            members.setdefault("flags_set_node", False)
        reservations[name] = Record(fields, members)
    return reservations


def read_jobs(path: str | None, fields: Fields, info: Fields) -> dict[str, Record]:
    """Return the jobs of a file, by their numbers: for ``slurm.jobs``."""
    if path is None:
        return {}
    return {
        name: _job_record(given, section, fields, info, place, name)
        for name, given, section, place in named_objects(read_file(path), "jobs", Place(path))
    }


def read_job_rec(path: str, fields: Fields, info: Fields, job_id: int | None) -> Record:
    """Return the job that is to be modified, of a dump or of Lua names."""
    document, place = read_file(path), Place(path)
    if isinstance(document, Mapping) and isinstance(document.get("jobs"), list):
        return Record(fields, record_of(choose_job(document, {**fields, **info}, place, job_id)))
    return _job_record(document, "", fields, info, place, "")


def read_job_info(path: str, info: Fields, job_id: int | None) -> Record:
    """Return a job as burst_buffer scripts see it, of a dump or of Lua names."""
    document, place = read_file(path), Place(path)
    if isinstance(document, Mapping) and isinstance(document.get("jobs"), list):
        members = choose_job(document, info, place, job_id)
    else:
        if isinstance(document, Mapping):  # the script is a file of its own for these functions
            document = {name: value for name, value in document.items() if name != "script"}
        members = read_object(document, "", info, place)
    if members.get("gres_detail_str"):
        members.setdefault("gres_detail_cnt", len(members["gres_detail_str"]))
    return Record(info, members, user_name=user_name)


def read_qos(path: str | None) -> dict[str, int] | None:
    """Return priorities by name, of ``sacctmgr --json show qos`` or ``{"normal": 10}``."""
    if path is None:
        return None
    document, place = read_file(path), Place(path)
    if isinstance(document, Mapping) and isinstance(document.get("qos"), list):
        priorities = {}
        for one in document["qos"]:
            value = one.get("priority", 0)
            priorities[str(one.get("name"))] = int(
                value.get("number", 0) if isinstance(value, Mapping) else value
            )
        return priorities
    if not isinstance(document, Mapping) or not all(
        isinstance(value, (int, float)) for value in document.values()
    ):
        raise place.error("an object of priorities by name is expected")
    return {str(name): int(value) for name, value in document.items()}


def record_of(info: Members) -> Members:
    """Return a job's record as slurmctld keeps it, of what scontrol shows."""
    members: dict[str, Any] = dict(info)
    if members.get("nodes"):
        members.setdefault("total_cpus", members.get("num_cpus", 0))
        members.setdefault("total_nodes", members.get("num_nodes", 0))
    for shown, names in _OF_RECORD.items():
        value = members.pop(shown, None)
        for name in names:
            if value is not None:
                members.setdefault(name, value)
    command = members.get("command")
    members.setdefault("argv", command.split() if command else [])
    members.setdefault("nice", NICE_OFFSET)
    members.setdefault("sluid", members.get("original_sluid"))  # the same until it is requeued
    members.setdefault("resizing", 1 if int(members.get("job_state") or 0) & RESIZING else 0)
    members["dependency"] = members.get("curr_dependency")
    if not members.get("max_cpus"):
        members["max_cpus"] = NO_VAL  # of which scontrol makes 0
    return members


def _job_record(
    given: Any, section: str, fields: Fields, info: Fields, place: Place, name: str
) -> Record:
    if section:
        members = record_of(read_object(given, section, {**fields, **info}, place))
    else:
        members = read_object(given, "", fields, place)
    if name.isdecimal():
        members.setdefault("job_id", int(name))
    return Record(fields, members)
