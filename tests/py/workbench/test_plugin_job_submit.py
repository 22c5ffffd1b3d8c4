"""``slurm_job_submit`` and ``slurm_job_modify`` offline: changes, messages, the verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scrun.errors import ConfigError, ScriptError, UsageError
from scrun.lua.engines import DIALECTS
from scrun.workbench.plugins import Inputs, detect, document, render_text, run
from tests.py.workbench.plugin_script import MODIFY, Bench, changes_of

DATA = Path(__file__).parents[2] / "data" / "plugins"
BATCH = {"script": "#!/bin/sh\n", "environment": {"HOME": "/home/alice"}, "name": "sim"}
NO_VAL = 4294967294


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Where the script is."""
    return Bench(tmp_path)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_changes_are_told_with_the_line_that_made_them(bench: Bench, dialect: str) -> None:
    """Field, before, after and place, in every dialect; numbers that are whole are integers."""
    result = bench.submit(
        """if job.time_limit == slurm.NO_VAL then
  job.time_limit = 60
end
job.comment = 'job' .. job.user_id
job.environment.ADDED = 7
return slurm.SUCCESS""",
        BATCH,
        dialect=dialect,
    )
    assert changes_of(result) == {
        "time_limit": (NO_VAL, 60),
        "comment": (None, "job1000"),
        "environment.ADDED": (None, "7"),
    }
    places = {one.field: one.place.rpartition(":")[2] for one in result.changes}
    assert places == {"time_limit": "4", "comment": "6", "environment.ADDED": "7"}
    assert result.verdict.accepted


def test_a_field_set_to_what_it_was_is_no_change(bench: Bench) -> None:
    """And one that is set by another name shows by its own."""
    result = bench.submit(
        "job.name = 'sim' job.oversubscribe = 0 job.pn_min_memory = 512 return 0", BATCH
    )
    assert changes_of(result) == {"shared": (65534, 0), "min_mem_per_node": (None, 512)}
    assert all(one.place for one in result.changes)


def test_a_refusal_has_name_number_and_text(bench: Bench) -> None:
    """And sbatch's lines: each line of a message, then the reason."""
    result = bench.submit(
        "slurm.user_msg('use -p\\nlong') slurm.log_user('%d', 2) return slurm.ESLURM_INVALID_QOS",
        BATCH,
    )
    assert (result.verdict.name, result.verdict.number) == ("ESLURM_INVALID_QOS", 2066)
    assert result.shown == [
        "sbatch: error: use -p",
        "sbatch: error: long",
        "sbatch: error: 2",
        "sbatch: error: Batch job submission failed: Invalid qos specification",
    ]
    assert result.exit_status == 1
    assert str(result.verdict) == ("rejected: ESLURM_INVALID_QOS (2066): Invalid qos specification")


def test_a_failing_script_is_judged_as_the_version_does(bench: Bench) -> None:
    """Slurm before 26.05 logged the error and accepted the job; since then it refuses it."""
    old, new = (bench.submit("local x; return x.y", BATCH, version=v) for v in ("25.11", "26.05"))
    assert (old.verdict.accepted, new.verdict.accepted) == (True, False)
    assert new.verdict.name == "ESLURM_LUA_FUNC_FAILED_RUNTIME_ERROR"
    assert (old.exit_status, new.exit_status) == (1, 1)
    assert old.error is not None
    assert "job_submit.lua:3: attempt to index" in old.error.message
    assert old.notes == ["Slurm 25.11 accepts the job when the script fails"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("job.time_limit = 'soon'", "bad argument #3 to 'newindex' (number expected, got string)"),
        ("job.partition = nil", "bad argument #3 to 'newindex' (string expected, got nil)"),
        ("job.partition = print", "bad argument #3 to 'newindex' (string expected, got function)"),
        ("return job[{}]", "bad argument #2 to 'index' (string expected, got table)"),
        ("job.environment[true] = 1", "bad argument #2 to 'newindex' (string expected, got boo"),
    ],
)
def test_a_wrong_type_is_an_error_at_the_line(bench: Bench, value: str, message: str) -> None:
    """As luaL_checkstring and luaL_checknumber word it."""
    result = bench.submit(value, BATCH)
    assert result.error is not None
    assert f"job_submit.lua:3: {message}" in result.error.message


def test_unknown_fields_read_nil_and_are_complained_of_when_set(bench: Bench) -> None:
    """As in C: reading says nothing."""
    result = bench.submit("slurm.log_info('%s', tostring(job.x)) job.x = 1 return 0", BATCH)
    assert [str(line) for line in result.log] == [
        "lua: nil",
        "error: _set_job_field: unrecognized field: x",
    ]


def test_fields_and_names_are_those_of_the_version(bench: Bench) -> None:
    """segment_size came with 25.11, get_qos_priority with 24.11."""
    body = "slurm.log_info('%s %s', type(job.segment_size), type(slurm.get_qos_priority)) return 0"
    said = [bench.submit(body, BATCH, version=v).log[0].text for v in ("24.05", "26.05")]
    assert said == ["lua: nil nil", "lua: number function"]


def test_the_slurm_table_is_that_of_a_plugin(bench: Bench) -> None:
    """Nothing of scrun's own, and the tables of job_submit are there while the script loads."""
    before = "assert(next(slurm.jobs) == nil and next(slurm.reservations) == nil)"
    result = bench.submit(
        "slurm.log_info('%s', tostring(slurm.allocator_command or slurm.remote_command or "
        "slurm.set_root_path or slurm.set_bundle_path or slurm.json_env)) return 0",
        BATCH,
        before=before,
    )
    assert result.log[0].text == "lua: nil"


def test_partitions_are_those_that_the_user_may_use(bench: Bench) -> None:
    """Slurm leaves out those of root, and for root those that root may not use."""
    parts = {
        "main": {"max_time": 60, "flag_default": 1},
        "admin": {"flags": 8},
        "users": {"flags": 4},
    }
    inputs = {"partitions": bench.json("parts", parts)}
    body = """local names = {}
for name, part in pairs(parts) do names[#names + 1] = name .. part.flag_default end
table.sort(names)
parts.main.max_time = 5
slurm.log_info(table.concat(names, ' ') .. ' ' .. parts.main.max_time)
return 0"""
    result = bench.submit(body, BATCH, inputs=inputs)
    assert result.log[0].text == "lua: main1 users0 5"  # what a script writes stays in its table
    assert result.notes == ["part_list['main'].max_time was set, which changes nothing"]
    root = run(
        str(bench.directory / "job_submit.lua"),
        "slurm_job_submit",
        Inputs(uid=0, job=bench.json("job", BATCH), partitions=inputs["partitions"]),
    )
    assert root.log[0].text == "lua: admin0 main1 5"


def test_an_interactive_job_has_no_script_and_no_environment(bench: Bench) -> None:
    """Asking for a variable of it is logged and answers nil."""
    result = bench.submit(
        "slurm.log_info('%s %s', tostring(job.script), tostring(job.environment.HOME)) return 1",
        {"name": "shell"},
    )
    assert [line.text for line in result.log] == [
        "job_desc->environment only accessible for batch jobs.",
        "lua: nil nil",
    ]
    assert result.shown[-1] == (
        "salloc: error: Job submit/allocate failed: Operation not permitted"
    )


def test_qos_priorities_are_asked_of_the_file(bench: Bench) -> None:
    """An unknown one is no value, and an error in the log."""
    result = bench.submit(
        "slurm.log_info('%d %d', slurm.get_qos_priority('high'), "
        "select('#', slurm.get_qos_priority('x'))) return 0",
        BATCH,
        inputs={"qos": bench.json("qos", {"high": 9})},
    )
    assert [line.text for line in result.log] == ["lua: Invalid QOS name: x", "lua: 9 0"]


def test_a_change_needs_the_job_as_it_is(bench: Bench) -> None:
    """slurm_job_modify gets both; --job-rec is a dump or Lua names."""
    body = "slurm.log_info('%d %d', rec.time_limit, job.time_limit) job.comment = rec.name return 0"
    source = "function slurm_job_submit() return 0 end\n"
    path = bench.write(
        "job_submit.lua", f"{source}function slurm_job_modify(job, rec, parts, uid)\n{body}\nend"
    )
    change = bench.json("change", {"time_limit": 9})
    with pytest.raises(UsageError, match="--job-rec"):
        run(path, "slurm_job_modify", Inputs(job=change))
    rec = bench.json("rec", {"time_limit": 5, "name": "sim", "job_id": 7})
    result = run(path, "slurm_job_modify", Inputs(job=change, job_rec=rec))
    assert result.log[0].text == "lua: 5 9"
    assert changes_of(result) == {"comment": (None, "sim")}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("function slurm_job_submit() end", "required function.s. not present.*slurm_job_modify"),
        ("function", r"job_submit.lua:1: "),
        ("error('x')", r"job_submit.lua:1: x"),
        ("return 1", "returned 1 on load"),
        ("while true do end", r"job_submit.lua:1: took longer than 0.2 s"),
    ],
)
def test_a_script_that_does_not_load_is_refused(bench: Bench, source: str, message: str) -> None:
    """slurmctld would not start with it."""
    path = bench.write("job_submit.lua", source)
    with pytest.raises(ScriptError, match=message):
        run(path, "slurm_job_submit", timeout_s=0.2)


def test_an_endless_function_ends(bench: Bench) -> None:
    """With the line that ran."""
    result = bench.submit("while true do end", BATCH, timeout_s=0.2)
    assert result.error is not None
    assert result.error.code == "ETIMEDOUT"
    assert "job_submit.lua:3: took longer than 0.2 s" in result.error.message


def test_too_much_memory_is_told_as_such(bench: Bench) -> None:
    """ESLURM_LUA_FUNC_FAILED_ENOMEM."""
    result = bench.submit(
        "return #('x'):rep(100000000)", BATCH, memory_bytes=8 << 20, version="26.05"
    )
    assert result.verdict.name == "ESLURM_LUA_FUNC_FAILED_ENOMEM"


def test_a_script_is_known_by_its_function_or_its_name() -> None:
    """By the function first."""
    assert detect("x.lua", "slurm_job_submit") == "job_submit"
    assert detect("x.lua", "cli_pre_submit") == "cli_filter"
    assert detect("site/job_submit.lua", None) == "job_submit"
    assert detect("burst_buffer.lua", None) == "burst_buffer"
    assert detect("job_submit.lua", "stage_in") is None
    assert detect("scrun.lua", None) is None


def test_wrong_calls_are_told(bench: Bench) -> None:
    """No file, no such function, no such version."""
    path = bench.write("job_submit.lua", MODIFY)
    with pytest.raises(ConfigError, match="no such file"):
        run(f"{path}x", "slurm_job_submit")
    with pytest.raises(UsageError, match=r"unknown function slurm_x.*slurm_job_modify"):
        run(path, "slurm_x")
    with pytest.raises(UsageError, match=r"no Slurm version '1.0'"):
        run(path, "slurm_job_submit", version="1.0")
    with pytest.raises(UsageError, match="for which plugin"):
        run(bench.write("other.lua", ""), None)


def test_the_report_shows_changes_messages_and_verdict(bench: Bench) -> None:
    """For a person, and the same for a machine."""
    result = bench.submit(
        "job.time_limit = slurm.INFINITE slurm.log_debug('fine') slurm.user_msg('hi') return 0",
        BATCH,
    )
    text = render_text(result, log_level=4)
    assert text.splitlines() == [
        "field       before  after",
        "time_limit  NO_VAL  INFINITE  job_submit.lua:3",
        "shown: sbatch: hi",
        "slurm_job_submit: accepted",
    ]
    assert "log: debug: lua: fine" in render_text(result)
    machine = json.loads(json.dumps(document(result)))
    assert machine["verdict"] == {"accepted": True, "number": 0, "name": None, "text": ""}
    assert machine["changes"][0]["after"] == 4294967295


def test_scripts_of_slurms_first_versions_find_their_functions(bench: Bench) -> None:
    """The globals that C leaves: they take the pointer of the metatable, or the table."""
    result = bench.submit(
        """local pointer = getmetatable(job)._job_desc
slurm.log_info('%s %s', _get_job_req_field_name(pointer, 'name'),
  _get_job_env_field_name(pointer, 'HOME'))
_set_job_req_field(job, 'comment', 'old')
_set_job_env_field(job.environment, 'NEW', 'x')
return 0""",
        BATCH,
    )
    assert result.log[0].text == "lua: sim /home/alice"
    assert set(changes_of(result)) == {"comment", "environment.NEW"}


def test_slurms_own_dump_of_the_cluster_is_enough(bench: Bench) -> None:
    """Jobs, partitions and reservations as scontrol prints them, for one script."""
    inputs = {
        "partitions": str(DATA / "partitions-24.11.json"),
        "reservations": str(DATA / "reservations-24.11.json"),
        "jobs": str(DATA / "jobs-24.11.json"),
        "default_partition": "main",
    }
    result = bench.submit(
        """for name, part in pairs(parts) do
  if part.flag_default == 1 then job.partition = name end
end
slurm.log_info('%s %s', slurm.jobs['28968011'].name, slurm.reservations.maint.users)
return slurm.SUCCESS""",
        BATCH,
        inputs=inputs,
    )
    assert result.log[0].text == "lua: testjob alice"
    assert changes_of(result) == {"partition": (None, "main")}
