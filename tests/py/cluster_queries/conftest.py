"""Fixtures: the fake pyslurm as an importable package, and the sites that tests ask at."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.py.cluster.base import Cluster
from tests.py.cluster_queries.sites import ClusterSite, FakeSite, RemoteQueries, Site

FAKE = Path(__file__).parent / "fake"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    text = "pyslurm: needs a cluster that has pyslurm; see docs/pyslurm.md"
    config.addinivalue_line("markers", text)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses `site` once for each kind of answer."""
    if "site" in metafunc.fixturenames:
        kinds = [
            pytest.param("commands", marks=pytest.mark.slurm),
            "fake",
            pytest.param("pyslurm", marks=[pytest.mark.slurm, pytest.mark.pyslurm]),
        ]
        metafunc.parametrize("site", kinds, indirect=True)


@pytest.fixture
def fake_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An import of pyslurm would find the fake one; the directory that has it."""
    flags = sys.getdlopenflags()
    _forget()
    monkeypatch.syspath_prepend(FAKE)
    yield FAKE
    _forget()
    sys.setdlopenflags(flags)


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyslurm"]:
        del sys.modules[name]


@pytest.fixture
def fake_site(fake_path: Path) -> FakeSite:
    """The fake pyslurm's cluster."""
    module: ModuleType = importlib.import_module("pyslurm")
    return FakeSite(module)


@pytest.fixture
def remote(scrun_cluster: Cluster) -> RemoteQueries:
    """Commands asked from inside the cluster."""
    return RemoteQueries(scrun_cluster)


@pytest.fixture
def cluster_site(scrun_cluster: Cluster) -> Iterator[ClusterSite]:
    """A real cluster, asked by commands."""
    site = ClusterSite(scrun_cluster, "commands")
    yield site
    site.close()


@pytest.fixture
def pyslurm_site(scrun_cluster: Cluster) -> Iterator[ClusterSite]:
    """A real cluster, asked by pyslurm."""
    try:
        RemoteQueries(scrun_cluster, "pyslurm").describe()
    except subprocess.CalledProcessError as err:
        pytest.skip(f"no pyslurm in the cluster: {err.stderr.decode().strip().splitlines()[-1]}")
    site = ClusterSite(scrun_cluster, "pyslurm")
    yield site
    site.close()


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Site:
    """Where a test asks, once for each kind of answer."""
    names = {"commands": "cluster_site", "fake": "fake_site", "pyslurm": "pyslurm_site"}
    found: Site = request.getfixturevalue(names[request.param])
    return found
