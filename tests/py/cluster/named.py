"""Clusters left running for developers, found again by their names."""

import dataclasses
import json
from pathlib import Path

from tests.py.cluster import roots
from tests.py.cluster.errors import ClusterError, ClusterUnavailable
from tests.py.cluster.sandbox import Sandbox
from tests.py.cluster.sandboxed import SandboxCluster

DEFAULT_NAME = "dev"


def up(name: str, suite: str, *, runtime: str) -> SandboxCluster:
    """Start a cluster that outlives this process, under a name not in use."""
    if _is_up(name):
        raise ClusterError(f"cluster {name} is up already")
    cluster = SandboxCluster.start(suite, name=name, forever=True, runtime=runtime)
    root = dataclasses.asdict(cluster.root) | {"path": str(cluster.root.path)}
    sandbox = cluster.sandbox
    record = {"pid": sandbox.pid, "starttime": sandbox.starttime, "root": root}
    _record_path(name).parent.mkdir(parents=True, exist_ok=True)
    _record_path(name).write_text(json.dumps(record))
    return cluster


def attach(name: str) -> SandboxCluster:
    """Return the cluster that is up under a name.

    Raises:
        ClusterUnavailable: there is none.
    """
    try:
        record = json.loads(_record_path(name).read_text())
        sandbox = Sandbox(record["pid"], record["starttime"], None)
        alive = sandbox.alive
    except OSError:
        alive = False
    if not alive:
        raise ClusterUnavailable(
            f"no cluster {name} is up: python -m tests.py.cluster up --name {name}"
        )
    fields = record["root"] | {"path": Path(record["root"]["path"])}
    return SandboxCluster(sandbox, roots.Root(**fields), name)


def down(name: str) -> None:
    """End the cluster of a name."""
    attach(name).stop()
    _record_path(name).unlink()


def list_up() -> list[str]:
    """Return the names of the clusters that are up."""
    return sorted(p.stem for p in _record_path("x").parent.glob("*.json") if _is_up(p.stem))


def _is_up(name: str) -> bool:
    try:
        attach(name)
    except ClusterUnavailable:
        return False
    return True


def _record_path(name: str) -> Path:
    return roots.cache_dir() / "up" / f"{name}.json"
