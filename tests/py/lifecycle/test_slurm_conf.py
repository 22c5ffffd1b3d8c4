"""``-f FILE``: the site is where that slurm.conf is, whatever the caller's SLURM_CONF says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.py.cluster.config import OCI_CONF
from tests.py.cluster.sandboxed import SandboxCluster
from tests.py.lifecycle.conftest import local
from tests.py.lifecycle.runtimes import Bundle, ClusterRuntime, Runtime
from tests.py.lifecycle.test_local import PATTERNS, find_runtime

# Tells what it was called with: in the bundle, which the test reads.
SCRIPT = """
local function tell(name, text)
  local file = assert(io.open(told .. '/' .. name, 'w'))
  file:write(text)
  file:close()
end
function slurm_scrun_stage_in(id, bundle, spool, config, job_id, uid, gid, job_env)
  told = bundle
  tell('cluster', slurm.CLUSTER_NAME)
  tell('environment', table.concat(job_env, '\\n'))
  local _, conf = slurm.allocator_command('printf %s "$SLURM_CONF"')
  tell('conf', conf)
  return slurm.SUCCESS
end
function slurm_scrun_stage_out(...) return slurm.SUCCESS end
"""
SETTINGS = "local s = require 'luastd.settings'\ns.backend = 'local'\nreturn s\n"
# An override: a member of its own in the state document.
STATE = """
local state = require 'luastd.verbs.state'
function state.document(facts)
  facts.site = 'other'
  return facts
end
return state
"""
# Slurm's salloc runs it; beside the slurm.conf that it has read.
CLI_FILTER = """
function slurm_cli_setup_defaults() return slurm.SUCCESS end
function slurm_cli_pre_submit(options)
  options.comment = 'other'
  return slurm.SUCCESS
end
function slurm_cli_post_submit() return slurm.SUCCESS end
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Runtime]:
    """The local backend on this machine; its SLURM_CONF is another."""
    yield from local(tmp_path)


def create(runtime: Runtime, slurm_conf: str, bundle: Bundle, cwd: str | None = None) -> str:
    """Create ``web`` by this slurm.conf; returns what was said, empty when it went well."""
    log = ("--log", f"{bundle.path}/log")
    argv = runtime.argv(*log, "-f", slurm_conf, "create", "--bundle", bundle.path, "web")
    process = runtime.popen(
        argv,
        env={"SCRUN_LUA_DIR": ""},  # it would stand in for the site
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=(bundle.outside / "stdout").open("wb"),
        stderr=(bundle.outside / "stderr").open("wb"),
    )
    status = process.wait(60)
    said = bundle.read("stderr")
    assert bool(said) == bool(status)
    return said


@pytest.mark.parametrize("is_relative", [False, True], ids=["absolute", "relative"])
def test_the_site_is_beside_it(here: Runtime, is_relative: bool) -> None:
    """scrun.lua, scrun.d (its backend goes before the slurm.conf that is there) and oci.conf."""
    site = Path(here.home) / "other"
    calls = site / "calls"
    (site / "scrun.d").mkdir(parents=True)
    (site / "slurm.conf").write_text("ClusterName=other\n")
    (site / "scrun.lua").write_text(SCRIPT)
    (site / "scrun.d/settings.lua").write_text(SETTINGS)
    patterns = PATTERNS.format(log=calls, runtime=find_runtime(), root=f"{here.home}/state")
    (site / "oci.conf").write_text(patterns)
    for path in (site, *site.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    here.write_site("scrun.lua", "error('the one of SLURM_CONF')")
    bundle = here.make_bundle("exit 3")
    slurm_conf = "other/slurm.conf" if is_relative else f"{site}/slurm.conf"
    assert create(here, slurm_conf, bundle, cwd=here.home) == ""
    assert bundle.read("conf") == f"{site}/slurm.conf"
    assert bundle.read("cluster") == "local"
    assert "SCRUN_ROOT=" not in bundle.read("environment")  # EnvExclude of oci.conf
    assert here("start", "web").returncode == 0
    here.wait_status("web", "stopped")
    assert calls.read_text().startswith("run ")
    assert here("delete", "web").returncode == 0


def test_one_that_is_not_there_is_refused(here: Runtime) -> None:
    said = create(here, "/nosuch/slurm.conf", here.make_bundle("true"))
    assert said == "scrun: create web: -f /nosuch/slurm.conf: no such file\n"


@pytest.mark.slurm
def test_the_site_of_a_cluster_is_beside_it(slurm: ClusterRuntime) -> None:
    """Slurm's own commands read it as well: the filter of salloc is the one beside it."""
    cluster, site = slurm.cluster, f"{slurm.home}/other"
    if not isinstance(cluster, SandboxCluster):
        pytest.skip("what this cluster's slurm.conf has is not known")
    given = slurm.outside("/etc/slurm/slurm.conf").read_text()
    renamed = given.replace("ClusterName=dev\n", "ClusterName=other\n")
    assert renamed != given
    for name, text in {
        "slurm.conf": f"{renamed}CliFilterPlugins=cli_filter/lua\n",
        "cli_filter.lua": CLI_FILTER,
        "oci.conf": f"NoSuchKey=1\n{OCI_CONF}",
        "scrun.lua": SCRIPT,
        "scrun.d/verbs/state.lua": STATE,
    }.items():
        cluster.write_file(f"{site}/{name}", text, owner="alice")
    slurm.write_site("scrun.lua", "error('the one of /etc/slurm')")
    bundle = slurm.make_bundle("exit 3")
    assert create(slurm, f"{site}/slurm.conf", bundle) == ""
    assert f"{site}/oci.conf:1: unknown key NoSuchKey" in bundle.read("log")
    assert bundle.read("conf") == f"{site}/slurm.conf"
    assert bundle.read("cluster") == "other"
    assert slurm.state("web")["site"] == "other"
    (job,) = slurm.jobs()
    assert cluster.job(job.job_id)["Comment"] == "other"
    assert slurm("start", "web").returncode == 0
    slurm.wait_status("web", "stopped")
    assert cluster.completed_job(job.job_id)["ExitCode"] == "3:0"
    assert slurm("delete", "web").returncode == 0


MOVE = "mkdir -p {to} && mv {of}/slurm.conf {of}/oci.conf {to}/"


@pytest.mark.slurm
def test_one_that_slurmd_has_fetched(slurm: ClusterRuntime) -> None:
    """Without one in /etc/slurm, as for Slurm's commands: slurm.conf(5), "enable_configless"."""
    cluster, fetched = slurm.cluster, "/run/slurm/conf"
    if not isinstance(cluster, SandboxCluster):
        pytest.skip("this cluster's slurm.conf is not ours to move")
    move = f"rm -rf /etc/slurm/scrun.d; {MOVE.format(of='/etc/slurm', to=fetched)}"
    cluster.run(["sh", "-c", move], user="root", check=True)
    try:
        cluster.write_file(f"{fetched}/scrun.lua", SCRIPT)
        argv = [slurm.program[0], "lua", "path"]
        assert f"{fetched}/scrun.lua, beside the default" in cluster.run(argv).stdout.decode()
        bundle = slurm.make_bundle("exit 3")
        slurm.create("web", bundle)
        assert bundle.read("cluster") == "dev"
        (job,) = slurm.jobs()
        assert slurm("start", "web").returncode == 0
        slurm.wait_status("web", "stopped")
        assert cluster.completed_job(job.job_id)["ExitCode"] == "3:0"
        assert slurm("delete", "web").returncode == 0
        slurm.write_site("scrun.d/verbs/state.lua", STATE)  # slurmctld sends no directory
        told = cluster.run(argv).stdout.decode()
        assert "/etc/slurm/scrun.d, beside the default" in told
        assert f"ignored  {fetched}, beside the slurm.conf that slurmd has fetched" in told
    finally:
        back = f"{MOVE.format(of=fetched, to='/etc/slurm')}; rm -r /run/slurm"
        cluster.run(["sh", "-c", back], user="root", check=True)
