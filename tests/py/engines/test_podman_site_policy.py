"""The site's Lua decides, and its mistakes are one line that says where."""

from __future__ import annotations

import pytest

from tests.py.engines.engine import IMAGE, only_line
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

EXTENDED_KILL = (
    "local kill = require 'luastd.verbs.kill'\nkill.translate.TERM = 'USR1'\nreturn kill\n"
)
BROKEN_MODULE = "local M = {}\nM.run = = 1\nreturn M\n"
ANSWERS_USR1 = (
    "trap 'echo usr1; exit 3' USR1; trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done"
)
STAGE_OUT = "function slurm_scrun_stage_out() return slurm.SUCCESS end\n"


def refuse(podman: Podman) -> str:
    """Run something that the site's Lua lets nobody run; return the only line of the refusal."""
    done = podman("run", "--rm", IMAGE, "true")
    assert (done.returncode, done.stdout) == (126, b"")
    return only_line(done.stderr)


def test_an_override_of_kill_changes_what_the_process_sees(podman: Podman) -> None:
    """The site extends the shipped verb: what podman stop sends arrives as USR1."""
    podman.cluster.override("verbs.kill", EXTENDED_KILL)
    podman.run_detached(ANSWERS_USR1, "--name", "web")
    podman.wait_for_log("web", b"up\n")
    podman.text("stop", "web")
    assert (podman.wait("web"), podman.logs("web")) == (3, b"up\nusr1\n")
    podman.text("rm", "web")


@pytest.mark.parametrize("verb", ["create", "start", "kill", "delete"])
def test_a_syntax_error_in_a_verb_lets_no_container_start(podman: Podman, verb: str) -> None:
    """A container that could not be started, killed or deleted later is not created."""
    podman.cluster.override(f"verbs.{verb}", BROKEN_MODULE)
    before = podman.job_ids()
    line = refuse(podman)
    assert f"{podman.cluster.site_dir()}/scrun.d/verbs/{verb}.lua:2: " in line
    assert podman.job_ids() == before


def test_a_mistake_made_while_a_container_runs_does_not_trap_it(podman: Podman) -> None:
    """What a container was created under stays in force for it."""
    podman.run_detached(ANSWERS_USR1, "--name", "web")
    podman.wait_for_log("web", b"up\n")
    for verb in ("kill", "delete"):
        podman.cluster.override(f"verbs.{verb}", BROKEN_MODULE)
    podman.text("stop", "web")
    assert podman.wait("web") == 5
    podman.text("rm", "web")


def test_an_override_of_settings_counts(podman: Podman) -> None:
    """The name of the job is the site's to choose."""
    settings = "local s = require 'luastd.settings'\ns.job_name = 'site-job'\nreturn s\n"
    podman.cluster.override("settings", settings)
    done = podman("run", "--rm", IMAGE, "sh", "-c", "echo $SLURM_JOB_ID")
    assert podman.cluster.completed_job(int(done.stdout))["JobName"] == "site-job"


@pytest.mark.parametrize(
    ("script", "where"),
    [
        pytest.param("local x = 1\nx = = 2\n", "scrun.lua:2: ", id="syntax error"),
        pytest.param("local x\nreturn x.y\n", "scrun.lua:2: ", id="error while it is loaded"),
        pytest.param(STAGE_OUT, "scrun.lua: ", id="no stage_in"),
    ],
)
def test_a_script_that_cannot_be_loaded_asks_for_no_job(
    podman: Podman, script: str, where: str
) -> None:
    """File and line come through podman, before there is a job."""
    podman.cluster.site_script(script)
    before = podman.job_ids()
    assert f"{podman.cluster.site_dir()}/{where}" in refuse(podman)
    assert podman.job_ids() == before


@pytest.mark.parametrize(
    ("body", "where"),
    [
        pytest.param("local x\n  return x.y", "scrun.lua:3: attempt to index", id="runtime error"),
        pytest.param("error('no disk')", "scrun.lua:2: no disk", id="error()"),
        pytest.param(
            "return slurm.ERROR", "scrun.lua: slurm_scrun_stage_in returned -1", id="ERROR"
        ),
    ],
)
def test_a_stage_in_that_fails_gives_the_job_back(podman: Podman, body: str, where: str) -> None:
    """One line with the place; no process has run, and the job ends as failed."""
    podman.cluster.site_script(f"function slurm_scrun_stage_in()\n  {body}\nend\n{STAGE_OUT}")
    before = podman.job_ids()
    assert f"{podman.cluster.site_dir()}/{where}" in refuse(podman)
    (job_id,) = podman.job_ids() - before
    assert podman.cluster.completed_job(job_id)["JobState"] == "FAILED"


@pytest.mark.parametrize(
    ("mode", "who"), [(0o664, "its group"), (0o646, "everybody"), (0o666, "everybody")]
)
def test_a_script_that_others_can_write_is_refused(podman: Podman, mode: int, who: str) -> None:
    """It decides what runs: the refusal names file and reason."""
    script = podman.cluster.root_path(f"{podman.cluster.site_dir()}/scrun.lua")
    script.chmod(mode)
    try:
        assert f"scrun.lua is refused: it is writable by {who}" in refuse(podman)
    finally:
        script.chmod(0o644)


def test_a_module_that_others_can_write_is_refused(podman: Podman) -> None:
    """So is a file below scrun.d."""
    podman.cluster.override("verbs.kill", EXTENDED_KILL)
    module = f"{podman.cluster.site_dir()}/scrun.d/verbs/kill.lua"
    podman.cluster.root_path(module).chmod(0o664)
    assert f"{module} is refused: it is writable by its group" in refuse(podman)
