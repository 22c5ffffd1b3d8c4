"""JSON of Slurm's commands, of slurmrestd and of Lua names, as plugins' scripts then see it.

The dumps are scontrol's, of Slurm 24.11.5 and 26.05.5.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scrun.errors import UsageError
from scrun.lua.plugin_fields import read_fields
from scrun.lua.plugin_record import Record
from scrun.workbench.plugins.job_request import JobRequest, read_job
from scrun.workbench.plugins.json_values import Place, read_number
from scrun.workbench.plugins.records import (
    read_job_info,
    read_job_rec,
    read_jobs,
    read_partitions,
    read_qos,
    read_reservations,
)

DATA = Path(__file__).parents[2] / "data" / "plugins"
FIELDS = read_fields()
DESC, REC, INFO = FIELDS["job_desc"], FIELDS["job_rec"], FIELDS["job_info"]
JOBS, ARRAY, RUNNING = "jobs-24.11.json", 28968011, 28968012
NO_VAL, NO_VAL16, INFINITE = 4294967294, 65534, 4294967295


def read(document: Any, job_id: int | None = None, *, update: bool = False) -> JobRequest:
    """Read a job description."""
    return read_job(document, DESC, INFO, Place("job.json"), job_id, update=update)


def fields_of(request: JobRequest) -> Record:
    """Return it as scripts see it."""
    return Record(DESC, request.members)


def test_a_dump_of_one_job_reads_as_its_submission() -> None:
    """What the user has asked for is there again, and what Slurm made of it is not."""
    request = read(json.loads((DATA / JOBS).read_text()), ARRAY)
    job = fields_of(request)
    read_now = {name: job.get(name) for name in ("array_inx", "container", "shared", "req_nodes")}
    assert read_now == {
        "array_inx": "0-3",
        "container": "/tmp",
        "shared": 2,
        "req_nodes": "n1",
    }
    assert job.get("min_mem_per_node") == 1024
    assert job.get("priority") == 0  # it is held
    assert job.get("partition") is None  # the flags say that it is the default one
    assert job.get("time_min") == NO_VAL
    assert job.get("nice") == NO_VAL
    assert job.get("ntasks_per_core") == NO_VAL16
    assert request.is_batch
    assert "no script" in request.notes[0]


def test_a_dump_of_a_newer_slurm_reads_as_well() -> None:
    """data_parser v0.0.45 leaves out some and has others of another type."""
    job = fields_of(read(json.loads((DATA / "jobs-26.05.json").read_text())))
    assert job.get("min_mem_per_cpu") == 100
    assert (job.get("time_limit"), job.get("time_min")) == (10, 5)
    assert (job.get("num_tasks"), job.get("min_nodes"), job.get("max_nodes")) == (3, 1, 2)
    assert job.get("std_out") == "slurm-%j.out"


def test_a_dump_of_several_jobs_wants_a_number() -> None:
    """And says which there are."""
    document = json.loads((DATA / JOBS).read_text())
    with pytest.raises(UsageError, match=r"holds 3 jobs.*--job-id one of .*28968012"):
        read(document)
    with pytest.raises(UsageError, match="no such job"):
        read(document, 7)


def test_a_submission_of_slurmrestd_reads_by_its_names() -> None:
    """The names of openapi's job_desc_msg: the paths of data_parser."""
    request = read(
        {
            "script": "#!/bin/sh\n",
            "job": {
                "tasks": 4,
                "nodes": "2-4",
                "current_working_directory": "/home/a",
                "environment": ["A=1", "B=x=y"],
                "memory_per_cpu": {"set": True, "number": 100},
                "time_limit": {"set": True, "infinite": True, "number": 0},
                "mail_type": ["END", "FAIL"],
                "nice": -5,
                "hold": True,
                "constraints": "gpu",
                "argv": ["a", "b"],
                "distribution": "block",
            },
        }
    )
    job = fields_of(request)
    assert request.environment == {"A": "1", "B": "x=y"}
    assert (job.get("min_nodes"), job.get("max_nodes"), job.get("num_tasks")) == (2, 4, 4)
    assert (job.get("min_mem_per_cpu"), job.get("time_limit")) == (100, INFINITE)
    assert (job.get("mail_type"), job.get("nice")) == (6, 0x80000000 - 5)
    assert (job.get("priority"), job.get("features"), job.get("argc")) == (0, "gpu", 2)
    assert job.get("work_dir") == "/home/a"
    assert job.get("script") == "#!/bin/sh\n"


def test_lua_names_read_as_a_job_of_sbatch() -> None:
    """What is not named is as sbatch leaves it; what C has for unset, not nil."""
    job = fields_of(read({"partition": "main", "time_limit": "UNLIMITED", "site_factor": 3}))
    assert (job.get("partition"), job.get("time_limit")) == ("main", INFINITE)
    assert (job.get("min_cpus"), job.get("contiguous"), job.get("num_tasks")) == (1, 0, NO_VAL)
    assert job.get("account") is None
    assert job.get("site_factor") == 3
    assert job.members["site_factor"] == 0x80000003  # as C keeps it


def test_a_change_has_nothing_but_what_it_changes() -> None:
    """scontrol update sends the structure as it was initialised."""
    job = fields_of(read({"time_limit": 5}, update=True))
    assert (job.get("time_limit"), job.get("min_cpus")) == (5, NO_VAL)
    assert job.get("contiguous") == NO_VAL16


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"partion": "x"}, r"job.json: partion: no such field. Did you mean partition"),
        ({"job": {"taskss": 1}}, r"job.json: job.taskss: no such field. Did you mean tasks"),
        ({"time_limit": "soon"}, r"job.json: time_limit: 'soon' is no number"),
        ({"time_limit": []}, r"time_limit: a number is expected, not list"),
        ({"cpus_per_task": 70000}, r"70000 is more than 16 bits hold"),
        ({"partition": {}}, r"partition: a text is expected, not dict"),
        ({"argv": "x"}, r"argv: a list is expected"),
        ([1], r"job.json: an object is expected, not list"),
        ({"jobs": []}, r"job.json: no job in it"),
    ],
)
def test_a_wrong_document_is_told_by_its_place(document: Any, message: str) -> None:
    """File, place in it, and what is wrong."""
    with pytest.raises(UsageError, match=message):
        read(document)


@pytest.mark.parametrize(
    ("value", "bits", "number"),
    [
        ({"set": False, "infinite": False, "number": 0}, 16, NO_VAL16),
        ({"set": True, "infinite": True, "number": 0}, 32, INFINITE),
        ({"number": 7}, 32, 7),
        (True, 16, 1),
        ("slurm.NO_VAL64", 64, (1 << 64) - 2),
        (-9223372036854774808, 64, (1 << 63) + 1000),  # unsigned, as it is printed
    ],
)
def test_numbers_come_in_slurms_shapes(value: Any, bits: int, number: int) -> None:
    """{set, infinite, number}, true and false, names, and unsigned ones with a sign."""
    assert read_number(value, bits, Place("")) == number


def test_partitions_of_a_dump() -> None:
    """Limits in their units; the default one only since 26.05, else by name."""
    fields = FIELDS["part_rec"]
    partitions = read_partitions(str(DATA / "partitions-24.11.json"), fields, "main")
    assert [one.get("flag_default") for one in partitions.values()] == [1, 0, 0]
    gpu = partitions["gpu"]
    assert (gpu.get("max_time"), gpu.get("default_time"), gpu.get("state_up")) == (60, 10, 2)
    assert (gpu.get("def_mem_per_cpu"), gpu.get("def_mem_per_node")) == (1000, None)
    assert (gpu.get("max_mem_per_node"), gpu.get("max_mem_per_cpu")) == (3000, None)
    assert partitions["main"].get("max_share") == 0x8000 + 64
    newer = read_partitions(str(DATA / "partitions-26.05.json"), fields, None)
    assert newer["main"].get("flag_default") == 1
    assert newer["main"].get("max_share") == 0x8000 + 64
    with pytest.raises(UsageError, match="no such partition"):
        read_partitions(None, fields, "main")


def test_partitions_of_lua_names(tmp_path: Path) -> None:
    """By name, or as a list with names."""
    path = tmp_path / "parts.json"
    for document in ({"a": {"max_time": 5, "flag_default": True}}, [{"name": "a", "max_time": 5}]):
        path.write_text(json.dumps(document))
        partitions = read_partitions(str(path), FIELDS["part_rec"], "a")
        assert partitions["a"].get("max_time") == 5
        assert partitions["a"].get("flag_default") == 1
    path.write_text('[{"max_time": 5}]')
    with pytest.raises(UsageError, match=r"\[0\]: has no name"):
        read_partitions(str(path), FIELDS["part_rec"], None)


def test_reservations_of_a_dump() -> None:
    """Flags as their bits; the length is in minutes."""
    known = read_reservations(str(DATA / "reservations-24.11.json"), FIELDS["resv"])
    maint = known["maint"]
    assert (maint.get("users"), maint.get("duration"), maint.get("flags")) == ("alice", 120, 32769)
    assert maint.get("full_nodes") is True


def test_jobs_of_a_dump() -> None:
    """slurm.jobs is by number, as text; records have slurmctld's names."""
    jobs = read_jobs(str(DATA / JOBS), REC, INFO)
    assert list(jobs) == ["28968009", str(ARRAY), str(RUNNING)]
    done = jobs["28968009"]
    assert (done.get("job_state"), done.get("nodes"), done.get("total_cpus")) == (3, "n1", 1)
    assert done.get("tres_fmt_alloc_str") == "cpu=1,node=1,billing=1"
    assert done.get("time_limit") == INFINITE
    one = read_job_rec(str(DATA / JOBS), REC, INFO, ARRAY)
    assert (one.get("job_id"), one.get("array_job_id")) == (ARRAY, ARRAY)
    info = read_job_info(str(DATA / JOBS), INFO, ARRAY)
    assert (info.get("job_id"), info.get("user_name")) == (ARRAY, "alice")


def test_priorities_of_qos(tmp_path: Path) -> None:
    """What sacctmgr prints, or numbers by name."""
    path = tmp_path / "qos.json"
    path.write_text('{"qos": [{"name": "high", "priority": {"set": true, "number": 9}}]}')
    assert read_qos(str(path)) == {"high": 9}
    path.write_text('{"low": 1}')
    assert read_qos(str(path)) == {"low": 1}
    path.write_text('{"low": "x"}')
    with pytest.raises(UsageError, match="priorities by name"):
        read_qos(str(path))
