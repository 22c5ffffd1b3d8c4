"""A site whose oci.conf names a runtime that does not know OCI."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.py.cluster.base import Cluster
from tests.py.cluster.sandboxed import SandboxCluster
from tests.py.lifecycle.runtimes import ClusterRuntime, Runtime

# Called with the bundle, its root, a file with the environment, and the command. As the bundle is
# all that slurmstepd tells without config.json, "-" has the root looked up there.
WRAPPER = """\
#!/bin/sh
bundle=$1 root=$2 environment=$3
shift 4
[ "$root" != - ] || root=$(sed 's/.*"root": *{"path": *"\\([^"]*\\)".*/\\1/' "$bundle/config.json")
case $root in /*) ;; *) root=$bundle/$root ;; esac
set -- /usr/sbin/chroot "$root" "$@"
[ "$(id -u)" = 0 ] || set -- /usr/bin/unshare --user --map-root-user "$@"
if [ -e "$environment" ]; then
  while IFS= read -r line; do set -- "$line" "$@"; done <"$environment"
else
  set -- PATH=/bin "$@"
fi
LAST /usr/bin/env -i "$@"
"""
PATTERNS = """\
IgnoreFileConfigJson=true
CreateEnvFile=newline
RunTimeRun="{wrapper} %b {root} %e -- %@"
RunTimeKill="kill -s SIGTERM %p"
RunTimeDelete="{delete}"
"""
DELETE = "echo delete %p >>{log}; kill -s KILL %p"


class Site:
    """A machine, or a cluster, whose oci.conf names such a runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._log = f"{runtime.home}/deletes"

    def write(self, *, execs: bool = True, delete: str = DELETE, more: str = "") -> None:
        """Write oci.conf.

        Args:
            execs: the wrapper's process becomes the container's, else it waits for it.
        """
        runtime = self.runtime
        wrapper = f"{runtime.home}/wrapper"
        text = WRAPPER.replace("LAST", "exec" if execs else "")
        is_local = runtime.name == "local"
        conf = PATTERNS.format(
            wrapper=wrapper,
            root="%r" if is_local else "-",
            delete=delete.format(log=self._log),
        )
        if isinstance(runtime, ClusterRuntime):
            runtime.cluster.write_file(wrapper, text, mode=0o755, owner="alice")
        else:
            Path(wrapper).write_text(text)
            Path(wrapper).chmod(0o755)
        if isinstance(runtime, ClusterRuntime) and not is_local:
            runtime.outside(f"{runtime.cluster.site_dir()}/oci.conf").write_text(conf + more)
        else:
            runtime.write_site("oci.conf", conf + more)

    @property
    def deletes(self) -> list[str]:
        """The lines that RunTimeDelete has logged."""
        path = self.runtime.outside(self._log)
        return path.read_text().splitlines() if path.exists() else []


class UserRuntime(ClusterRuntime):
    """The local backend of an ordinary user, with an oci.conf of its own."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, "local")
        self._environment["SLURM_CONF"] = f"{self.home}/site/slurm.conf"  # is not there


@contextlib.contextmanager
def clean_slurm(request: pytest.FixtureRequest) -> Iterator[ClusterRuntime]:
    """Yield the cluster, whose oci.conf is put back at the end."""
    cluster = request.getfixturevalue("scrun_cluster")
    if not isinstance(cluster, SandboxCluster):
        pytest.skip("not our oci.conf")
    ours = ClusterRuntime(cluster, "slurm")
    oci_conf = ours.outside(f"{cluster.site_dir()}/oci.conf")
    before = oci_conf.read_text()
    try:
        yield ours
        ours.check_nothing_left()
    finally:
        oci_conf.write_text(before)
