"""cli_filter scripts offline: options, what json_cli_options prints, the command's verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scrun.errors import UsageError
from tests.py.workbench.plugin_script import Bench, changes_of

DEFAULTS, PRE, POST = (
    "slurm_cli_setup_defaults",
    "slurm_cli_pre_submit",
    "slurm_cli_post_submit",
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Where the script is."""
    return Bench(tmp_path)


def test_functions_run_as_in_the_command(bench: Bench) -> None:
    """Defaults first, then what the user gave, then the check, then the job's number."""
    bodies = {
        DEFAULTS: "options.time = 5 options.comment = 'default' return slurm.SUCCESS",
        PRE: "slurm.cli_store(0, options.time .. options.comment) options.nice = 3 return 0",
        POST: "slurm.log_info('%s %d %d', slurm.cli_retrieve(0), offset, job_id) return 0",
    }
    result = bench.filter(POST, bodies, {"time": "90", "argv": ["x.sh"]})
    assert result.shown == ["sbatch: lua: 01:30:00default 0 1000"]
    assert changes_of(result) == {
        "time": (None, "01:30:00"),
        "comment": (None, "default"),
        "nice": ("-2", "3"),
    }
    places = {one.field: one.place.rpartition(":")[2] for one in result.changes}
    assert places == {"time": "2", "comment": "2", "nice": "5"}


def test_a_refusal_ends_the_command(bench: Bench) -> None:
    """In its words; the number is not shown."""
    body = "slurm.log_error('no %s', options.type) return slurm.ERROR"
    result = bench.filter(PRE, {PRE: body, POST: "error('never')"}, {"type": "srun"})
    assert result.shown == [
        "srun: error: lua: no srun",
        "srun: error: cli_filter plugin terminated with error",
    ]
    assert result.exit_status == 1


def test_a_failing_script_lets_the_job_through(bench: Bench) -> None:
    """Slurm logs it; here it is an error all the same."""
    result = bench.filter(PRE, {PRE: "local x; return x.y"})
    assert result.verdict.accepted
    assert result.exit_status == 1
    assert "cli_filter_p_pre_submit/lua: " in result.shown[0]


def test_options_and_environment_come_as_json(bench: Bench) -> None:
    """What was set, argv, and the environment without Slurm's own variables."""
    body = """slurm.log_info(slurm.json_cli_options(options))
local env = slurm.json_env()
slurm.log_info('%s %s', env:match '"GIVEN":"(%w+)"', tostring(env:match 'SLURM_'))
slurm.log_info('%s', os.getenv 'GIVEN')
return 0"""
    given = {"partition": "main", "exclusive": True, "argv": ["/a", "b"]}
    result = bench.filter(PRE, {PRE: body}, given)
    assert json.loads(result.log[0].text.removeprefix("lua: ")) == {
        "partition": "main",
        "exclusive": "exclusive",
        "argv": ["/a", "b"],
    }
    assert [line.text for line in result.log[1:]] == ["lua: yes nil", "lua: yes"]


def test_what_json_cli_options_printed_is_taken_as_options(bench: Bench) -> None:
    """A line of the log of a real command is an input here."""
    body = "slurm.log_info(slurm.json_cli_options(options)) return 0"
    given = {"mem": "0", "time": "90", "gres": "gpu:1", "requeue": "no-requeue", "argv": ["x"]}
    printed = bench.filter(PRE, {PRE: body}, given).log[0].text.removeprefix("lua: ")
    assert json.loads(printed)["mem"] == "0?"
    again = bench.filter(PRE, {PRE: body}, json.loads(printed)).log[0].text
    assert json.loads(again.removeprefix("lua: ")) == json.loads(printed)


def test_argv_and_spank_are_tables(bench: Bench) -> None:
    """From 1; the options of SPANK plugins by plugin."""
    body = "slurm.log_info('%s %d %s', options.argv[1], #options.argv, options.spank.x.y) return 0"
    given = {"argv": ["a", "b"], "spank": {"x": {"y": "set"}}}
    assert bench.filter(PRE, {PRE: body}, given).log[0].text == "lua: a 2 set"


def test_a_value_that_no_command_survives_ends_it(bench: Bench) -> None:
    """Slurm's parse_int() exits, whatever the script does about it."""
    body = "pcall(function() options.ntasks = 'abc' end) return slurm.SUCCESS"
    result = bench.filter(PRE, {PRE: body})
    assert not result.verdict.accepted
    assert result.shown == ['sbatch: error: Invalid numeric value "abc" for --ntasks.']


def test_a_value_that_is_not_taken_is_said_and_left(bench: Bench) -> None:
    """And an option without meaning for the command is left without a word."""
    result = bench.filter(PRE, {PRE: "options.time = 'soon' options.mpi = 'x' return 0"})
    assert result.shown == ["sbatch: error: Invalid --time specification"]
    assert result.changes == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tme": "1"}, "sbatch has no option --tme"),
        ({"time": "soon"}, "does not take --time=soon"),
        ({"ntasks": "x"}, "Invalid numeric value"),
        ({"type": "sqeue"}, "no command 'sqeue'"),
        ([], "an object of options"),
        ({"argv": "x"}, "argv: a list"),
    ],
)
def test_wrong_options_are_told(bench: Bench, given: object, message: str) -> None:
    """Before anything runs of the check."""
    with pytest.raises(UsageError, match=message):
        bench.filter(PRE, {}, given)
