"""Which cluster the tests run on, and the fixtures that hand it to them.

``--cluster=new`` (the default) starts one per session, ``--cluster=NAME`` uses one that
``python -m tests.py.cluster up --name NAME`` left running, ``--cluster=existing`` the one
this host belongs to. Without any, tests that need one skip; under ``--require-slurm`` they
fail.
"""

import os
import signal
from collections.abc import Generator, Iterator

import pytest

from tests.py.cluster import named, package, roots
from tests.py.cluster.base import Cluster
from tests.py.cluster.errors import ClusterUnavailable, UserUnavailable
from tests.py.cluster.existing import ExistingCluster
from tests.py.cluster.sandboxed import SandboxCluster


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of this directory's tests."""
    group = parser.getgroup("slurm", "test cluster")
    group.addoption(
        "--require-slurm",
        action="store_true",
        default=os.environ.get("SCRUN_REQUIRE_SLURM") == "1" or os.environ.get("CI") == "true",
        help="a missing cluster fails (also SCRUN_REQUIRE_SLURM=1, CI=true)",
    )
    group.addoption(
        "--cluster",
        default=os.environ.get("SCRUN_TEST_CLUSTER", "new"),
        metavar="new|existing|NAME",
        help="a new cluster, this host's, or one that is up (also SCRUN_TEST_CLUSTER)",
    )
    group.addoption(
        "--cluster-suite",
        default=roots.DEFAULT_SUITE,
        metavar="SUITE",
        help="Debian suite of a new cluster (default: %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and let tests send SIGINT.

    A shell starts what is to run in the background (``make test &`` in a script) with SIGINT
    ignored, and so would be all that we start.
    """
    config.addinivalue_line("markers", "slurm: needs a cluster; see tests/py/cluster")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header(config: pytest.Config) -> str:
    """Say which cluster the session will use."""
    chosen = config.getoption("--cluster")
    try:
        if chosen == "existing":
            return f"cluster: {ExistingCluster().description}"
        if chosen != "new":
            return f"cluster: {named.attach(chosen).description}, up as {chosen}"
    except ClusterUnavailable as err:
        return f"cluster: none: {err}"
    suite = config.getoption("--cluster-suite")
    root = roots.find(suite)
    return f"cluster: Slurm {root.slurm} ({suite})" if root else f"cluster: {suite}, not built"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say on which cluster tests ran: the header could not when its root was still to be built.

    It is the process with the terminal that says so, xdist's controller, which has no cluster.
    """
    stats = terminalreporter.stats
    ran = [*stats.get("passed", ()), *stats.get("failed", ())]
    if any("slurm" in report.keywords for report in ran):
        terminalreporter.write_line(pytest_report_header(config))


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster without our package."""
    chosen = request.config.getoption("--cluster")
    try:
        if chosen == "existing":
            yield ExistingCluster()
        elif chosen == "new":
            ours = SandboxCluster.start(request.config.getoption("--cluster-suite"))
            try:
                yield ours
            finally:
                ours.stop()
        else:
            yield named.attach(chosen)
    except ClusterUnavailable as err:
        if request.config.getoption("--require-slurm"):
            pytest.fail(f"no cluster: {err}", pytrace=False)
        pytest.skip(f"no cluster: {err}")


@pytest.fixture(scope="session")
def installed_cluster(cluster: Cluster) -> Cluster:
    """The cluster with this checkout installed as ``cluster.scrun``, for the session."""
    if isinstance(cluster, SandboxCluster):
        package.install(cluster)
    return cluster


@pytest.fixture
def scrun_cluster(installed_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with this checkout installed; site files and jobs end with the test."""
    yield installed_cluster
    installed_cluster.restore_site()
    installed_cluster.cancel_jobs()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Skip a test that needs a user or right which the cluster does not give."""
    try:
        return (yield)
    except UserUnavailable as err:
        pytest.skip(str(err))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of Slurm's logs with a failed test that used a cluster."""
    report = yield
    found = getattr(item, "funcargs", {}).get("cluster")
    found = found or getattr(item, "funcargs", {}).get("scrun_cluster")
    if report.failed and isinstance(found, Cluster):
        report.sections.append(("slurm logs", found.log_tail()))
    return report
