"""``runtime``: scrun on every backend, one after the other."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.py.cluster.sandboxed import SandboxCluster
from tests.py.lifecycle.runtimes import ClusterRuntime, LocalRuntime, Runtime

BACKENDS = (
    "local",
    pytest.param("slurm", marks=pytest.mark.slurm),
    pytest.param("local-user", marks=pytest.mark.slurm),
)


@pytest.fixture(params=BACKENDS)
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runtime]:
    """The same program on this machine, on the cluster, and on a machine without Slurm as a user.

    After each test nothing of its containers may be left.
    """
    if request.param == "local":
        yield from local(tmp_path)
        return
    cluster = request.getfixturevalue("scrun_cluster")
    ours = ClusterRuntime(cluster, request.param.partition("-")[0])
    if request.param == "slurm-runc":  # where the node's crun would lose bytes of a terminal
        if not isinstance(cluster, SandboxCluster):
            pytest.skip("the nodes' runtime is not ours to choose")
        cluster.node_runtime("runc")
    yield ours
    ours.check_nothing_left()


@pytest.fixture
def slurm(request: pytest.FixtureRequest) -> Iterator[ClusterRuntime]:
    """The cluster alone, for what only Slurm has."""
    ours = ClusterRuntime(request.getfixturevalue("scrun_cluster"), "slurm")
    yield ours
    ours.check_nothing_left()


def local(directory: Path) -> Iterator[Runtime]:
    """Yield the runtime of this machine; its tools are installed by ``make test``."""
    if shutil.which("crun") is None and shutil.which("runc") is None:
        pytest.fail("neither crun nor runc is installed")
    ours = LocalRuntime(directory)
    yield ours
    ours.check_nothing_left()
