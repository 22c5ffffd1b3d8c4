"""burst_buffer scripts offline: arguments as texts, job_info, what Slurm makes of the results."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.py.workbench.plugin_script import Bench, changes_of

DATA = Path(__file__).parents[2] / "data" / "plugins"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Where the script is."""
    return Bench(tmp_path)


def test_a_refused_request_is_told_to_the_user(bench: Bench) -> None:
    """The text goes with the plugin's name; sbatch says the error."""
    job = bench.json("job", {"script": "#BB_LUA x\n", "user_id": 1000, "partition": "main"})
    result = bench.burst(
        "slurm_bb_job_process",
        "path, uid, gid, info",
        "local text = io.open(path):read '*a'\n"
        "return slurm.ERROR, text:sub(1, 7) .. uid .. type(uid) .. info.partition",
        job=job,
    )
    assert result.shown == [
        "sbatch: error: burst_buffer/lua: #BB_LUA1000stringmain",
        "sbatch: error: Batch job submission failed: Burst Buffer request invalid",
    ]
    assert result.exit_status == 1


def test_job_info_is_a_job_of_scontrol(bench: Bench) -> None:
    """By number of the dump; it cannot be changed."""
    result = bench.burst(
        "slurm_bb_pre_run",
        "id, path, uid, gid, info",
        "info.name = 'x' "
        "local memory = tostring(info.min_mem_per_node) "
        "return slurm.SUCCESS, ('%s %d %s'):format(id, info.job_id, memory)",
        job=str(DATA / "jobs-24.11.json"),
        job_id=28968011,
    )
    assert result.returned == [0, "28968011 28968011 1024"]
    assert result.verdict.accepted


def test_paths_are_variables_of_the_job(bench: Bench) -> None:
    """What the script writes to the file of slurm_bb_paths."""
    result = bench.burst(
        "slurm_bb_paths",
        "id, script, path",
        "local f = io.open(path, 'w') f:write('BB=/x\\nA=b=c\\n') f:close() return slurm.SUCCESS",
    )
    assert changes_of(result) == {
        "environment.BB": (None, "/x"),
        "environment.A": (None, "b=c"),
    }


@pytest.mark.parametrize(
    ("body", "accepted", "said"),
    [
        ("return", True, None),
        ("return slurm.SUCCESS, slurm.SLURM_BB_BUSY", True, "BUSY: Slurm asks again later"),
        ("return nil", False, "returned a non-numeric return code"),
        ("return 0, {}", False, "Cannot handle non-string as second return value"),
        ("return 0, 12", True, None),
        ("error 'x'", False, "burst_buffer.lua:"),
    ],
)
def test_results_are_judged_as_in_c(
    bench: Bench, body: str, accepted: bool, said: str | None
) -> None:
    """Nothing is success; a number first, a text second."""
    result = bench.burst("slurm_bb_test_data_in", "id", body)
    assert result.verdict.accepted is accepted
    lines = [*result.notes, *(line.text for line in result.log)]
    assert said is None or any(said in line for line in lines), lines


def test_arguments_can_be_given(bench: Bench) -> None:
    """By the names of the catalog; more of them go to slurm_bb_get_status."""
    setup = bench.burst(
        "slurm_bb_setup",
        "id, uid, gid, pool, size",
        "return 0, pool .. size",
        arguments={"pool": "p", "bb_size": "10"},
    )
    assert setup.returned == [0, "p10"]
    status = bench.burst(
        "slurm_bb_get_status",
        "uid, gid, ...",
        "return 0, select('#', ...) .. ...",
        arguments={"1": "x"},
    )
    assert status.returned == [0, "1x"]


def test_pools_are_read(bench: Bench) -> None:
    """JSON of Slurm's shape, or a note that it is none."""
    good = bench.burst("slurm_bb_pools", "", """return 0, '{"pools": [{"id": "a"}]}'""")
    assert good.notes == ["pools: a"]
    bad = bench.burst("slurm_bb_pools", "", "return 0, '{'")
    assert bad.notes[0].startswith("the pools are not as Slurm reads them")
