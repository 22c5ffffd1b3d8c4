"""``scrun lua run`` with a plugin's script: output, status, errors in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
function slurm_job_submit(job_desc, part_list, submit_uid)
  if job_desc.comment == 'fail' then
    return job_desc.nosuch.field
  end
  job_desc.comment = 'by ' .. submit_uid .. (job_desc.environment.FROM or '')
  return job_desc.account and slurm.SUCCESS or slurm.ESLURM_INVALID_ACCOUNT
end
function slurm_job_modify() return slurm.SUCCESS end
"""


def scrun(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``scrun lua run`` there."""
    return subprocess.run(
        [sys.executable, "-m", "scrun", "lua", "run", *words],
        cwd=directory,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with a script and jobs."""
    (tmp_path / "job_submit.lua").write_text(SCRIPT)
    for name, job in {
        "good": {"account": "a", "script": "#!/bin/sh\n"},
        "bad": {"script": "#!/bin/sh\n"},
        "failing": {"comment": "fail"},
        "wrong": {"acount": "a"},
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(job))
    return tmp_path


def test_the_status_is_the_verdicts(directory: Path) -> None:
    """0 accepted, 1 rejected; the report is on standard output."""
    words = ("job_submit.lua", "slurm_job_submit", "--uid", "7", "--env", "FROM=!", "--job")
    good, bad = (scrun(directory, *words, f"{name}.json") for name in ("good", "bad"))
    assert (good.returncode, bad.returncode) == (0, 1)
    assert good.stdout.splitlines()[1].split() == [
        *("comment", "nil", "by", "7!", "job_submit.lua:6"),
    ]
    assert bad.stdout.splitlines()[-1].startswith("slurm_job_submit: rejected: ESLURM_INVALID_ACC")
    assert good.stderr == bad.stderr == ""


def test_a_failing_script_is_one_line_and_with_v_its_traceback(directory: Path) -> None:
    """File and line; the traceback has no frames of the host."""
    words = ("job_submit.lua", "slurm_job_submit", "--job", "failing.json")
    done = scrun(directory, *words)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("scrun: ") and "job_submit.lua:4: attempt to index" in line
    verbose = scrun(directory, *words, "-v").stderr
    assert "in function 'slurm_job_submit'" in verbose and "[host]" not in verbose


def test_json_is_one_document(directory: Path) -> None:
    """With verdict and changes."""
    done = scrun(directory, "job_submit.lua", "--job", "good.json", "--uid", "7", "--json")
    document = json.loads(done.stdout)
    assert document["verdict"]["accepted"] is True
    assert document["changes"][0]["field"] == "comment"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--job", "wrong.json"), "wrong.json: acount: no such field. Did you mean account?"),
        (("--job", "none.json"), "none.json: No such file or directory"),
        (("--env", "=x"), "--env =x: expected NAME=VALUE"),
        (("--default-partition", "x"), "--default-partition x: no such partition"),
    ],
)
def test_wrong_input_is_one_line(directory: Path, words: tuple[str, ...], message: str) -> None:
    """Of the file and the place in it."""
    done = scrun(directory, "job_submit.lua", "slurm_job_submit", *words)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"scrun: {message}") and done.stderr.count("\n") == 1


def test_a_scrun_lua_takes_no_option_of_plugins(directory: Path) -> None:
    """It says whose the option is."""
    (directory / "scrun.lua").write_text("function slurm_scrun_stage_in() end")
    done = scrun(directory, "scrun.lua", "stage_in", "--job", "good.json")
    assert done.returncode == 1
    assert "--job is for scripts of plugins" in done.stderr
