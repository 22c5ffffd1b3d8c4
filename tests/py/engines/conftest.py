"""Engines as fixtures; every test that uses one leaves nothing behind."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.py.cluster.base import Cluster
from tests.py.cluster.existing import ExistingCluster
from tests.py.engines.docker import Docker
from tests.py.engines.dockerd import Daemons
from tests.py.engines.engine import IMAGE, Engine
from tests.py.engines.podman import Podman

MANUAL_EXAMPLE = Path(__file__).parents[2] / "data" / "manual-example-scrun.lua"
RSYNC_SETTINGS = (
    "local settings = require 'luastd.settings'\nsettings.stage = 'rsync'\nreturn settings\n"
)
NODES_SETTINGS = (
    "local settings = require 'luastd.settings'\nsettings.stage = 'rsync'\n"
    "settings.rsync_scratch = 'nodes'\nsettings.rsync_dir = '/tmp/scratch-%u'\nreturn settings\n"
)


@pytest.fixture
def podman(scrun_cluster: Cluster) -> Iterator[Podman]:
    """alice's podman where the manual's example script stages."""
    scrun_cluster.site_script(MANUAL_EXAMPLE)
    with leaving_nothing(scrun_cluster) as podman:
        yield podman


@pytest.fixture(scope="module")
def lasting_podman(installed_cluster: Cluster) -> Iterator[Podman]:
    """The same for all tests of a module, which share containers; nothing is left by the last."""
    installed_cluster.site_script(MANUAL_EXAMPLE)
    with leaving_nothing(installed_cluster) as podman:
        yield podman
    installed_cluster.restore_site()
    installed_cluster.cancel_jobs()


@pytest.fixture(params=["manual example", "shared", "rsync", "rsync to nodes"])
def staged_podman(request: pytest.FixtureRequest, scrun_cluster: Cluster) -> Iterator[Podman]:
    """alice's podman, once for each way to stage: a script, and the settings without one."""
    script = scrun_cluster.root_path(f"{scrun_cluster.site_dir()}/scrun.lua")
    before = script.read_bytes() if script.exists() else None
    script.unlink(missing_ok=True)
    if request.param == "manual example":
        scrun_cluster.site_script(MANUAL_EXAMPLE)
    elif request.param == "rsync":
        scrun_cluster.override("settings", RSYNC_SETTINGS)
    elif request.param == "rsync to nodes":
        scrun_cluster.override("settings", NODES_SETTINGS)
    with leaving_nothing(scrun_cluster) as podman:
        yield podman
    if before is not None:
        scrun_cluster.restore_site()
        script.write_bytes(before)


@contextlib.contextmanager
def leaving_nothing(cluster: Cluster) -> Iterator[Podman]:
    """Hand out alice's podman; fail when something of containers is left after."""
    try:
        podman = Podman(cluster)
        if isinstance(cluster, ExistingCluster):  # our own clusters have it
            podman("image", "exists", IMAGE, check=True)
    except (OSError, subprocess.CalledProcessError) as err:
        if not isinstance(cluster, ExistingCluster):
            raise
        pytest.skip(f"no podman with an image {IMAGE} on this host: {err}")
    yield podman
    podman.end_of_test()


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Engine:
    """Podman or docker, as `on_each` says."""
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="package")
def daemons(installed_cluster: Cluster) -> Iterator[Daemons]:
    """Containerd and dockerd, for the tests of this directory."""
    if isinstance(installed_cluster, ExistingCluster):
        pytest.skip("docker's daemons are started in clusters of our own alone")
    daemons = Daemons(installed_cluster)
    yield daemons
    daemons.stop()


@pytest.fixture
def docker(scrun_cluster: Cluster, daemons: Daemons) -> Iterator[Docker]:
    """root's docker; fails when something of containers is left after."""
    daemons.start()
    docker = Docker(daemons)
    yield docker
    daemons.start()
    docker.end_of_test()
