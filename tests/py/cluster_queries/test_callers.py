"""Who may ask pyslurm: the tools and the recovery, which are processes of their own; no anchor."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.py.cluster.base import Cluster
from tests.py.cluster.recipe import VENV
from tests.py.cluster.sandboxed import SandboxCluster
from tests.py.lifecycle.runtimes import ClusterRuntime
from tests.py.lifecycle.test_crash import ENTRY, kill_anchor
from tests.py.workbench.remote_run import serve_remote

pytestmark = pytest.mark.slurm

# It knows a priority, which no command does here, and lacks the rest: that is left to commands.
KNOWING = """
class RPCError(Exception):
    pass

class qos:
    def get(self):
        return {'high': {'priority': 10}}
"""
ASK = "slurm.log_error('the priority is %s', slurm.get_qos_priority 'high' or 'unknown')"
OFF = "local s = require 'luastd.settings'\ns.pyslurm = 'off'\nreturn s\n"
SETTINGS = pytest.mark.parametrize(
    ("settings", "priority"), [("", "10"), (OFF, "unknown")], ids=["auto", "off"]
)


@pytest.fixture
def knowing(scrun_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, with a pyslurm beside scrun that says it is for its Slurm."""
    if not isinstance(scrun_cluster, SandboxCluster):
        pytest.skip("what is installed here is not ours to change")
    package = f"{VENV}/lib/python{scrun_cluster.root.python}/site-packages/pyslurm"
    version = f"__version__ = '{scrun_cluster.slurm_version}'\n"
    scrun_cluster.write_file(f"{package}/version.py", version)
    scrun_cluster.write_file(f"{package}/__init__.py", KNOWING)
    yield scrun_cluster
    shutil.rmtree(scrun_cluster.root_path(package))


@SETTINGS
def test_lua_run_asks_it(knowing: Cluster, tmp_path: Path, settings: str, priority: str) -> None:
    """In a real job, by the setting; there is no container whose loop it could stop."""
    for remote in serve_remote(knowing, tmp_path):
        if settings:
            path = f"{remote.directory}/scrun.d/settings.lua"
            knowing.write_file(path, settings, owner="alice")
        remote.write_stage_in(f"{ASK} return slurm.SUCCESS")
        done = remote("--json")
        assert done.status == 0, done.err
        assert f"the priority is {priority}" in done.logged()


@SETTINGS
def test_recovery_asks_it_and_the_anchor_does_not(
    knowing: Cluster, settings: str, priority: str
) -> None:
    """One script: staged in by the anchor, staged out by the verb that found the anchor dead."""
    slurm = ClusterRuntime(knowing, "slurm")
    slurm.write_site("scrun.lua", ENTRY.format(ASK, ASK))
    if settings:
        slurm.write_site("scrun.d/settings.lua", settings)
    bundle = slurm.make_bundle("true")
    log = f"{bundle.path}/log"
    create = slurm.popen(
        slurm.argv("--log", log, "create", "--bundle", bundle.path, "web"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    assert create.wait(60) == 0
    assert "the priority is unknown" in bundle.read("log")
    kill_anchor(slurm)
    deleted = slurm("--debug", "delete", "web")
    assert deleted.returncode == 0
    assert f"the priority is {priority}" in deleted.stderr, deleted.stderr
    assert ("pyslurm: job by command: AttributeError" in deleted.stderr) == (not settings)
    slurm.check_nothing_left()
