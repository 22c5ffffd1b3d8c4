"""The cluster this host already belongs to, used as the caller."""

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.py.cluster.base import Cluster
from tests.py.cluster.errors import ClusterUnavailable, UserUnavailable
from tests.py.cluster.sandbox import Process, list_processes


class ExistingCluster(Cluster):
    """Commands run on this host; ``alice`` is the caller, and there is no other user.

    The site's files are ours alone: scrun reads them from ``SCRUN_LUA_DIR``.
    """

    name = "existing"

    def __init__(self) -> None:
        """Find the cluster; ClusterUnavailable when no slurmctld answers."""
        super().__init__()
        try:
            subprocess.run(["scontrol", "ping"], check=True, capture_output=True, timeout=30)
            version = subprocess.run(["sinfo", "-V"], check=True, capture_output=True, text=True)
        except (OSError, subprocess.SubprocessError) as err:
            raise ClusterUnavailable(f"no Slurm cluster answers on this host: {err}") from err
        self.slurm_version = version.stdout.split()[1]
        self.description = f"Slurm {self.slurm_version} (existing, as {getpass.getuser()})"
        self.scrun = os.environ.get("SCRUN_TEST_RUNTIME") or shutil.which("scrun") or "scrun"
        self._lua_dir = tempfile.TemporaryDirectory(prefix="scrun-test-site-")

    def command(
        self,
        argv: Sequence[str],
        *,
        user: str = "alice",
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
    ) -> list[str]:
        """See ``Cluster.command``; raises UserUnavailable for bob and root."""
        self._require_caller(user)
        changes = {"SCRUN_LUA_DIR": self._lua_dir.name, **(env or {})}
        words = ["env", f"--chdir={cwd or Path.home()}"]
        words += [f"--unset={name}" for name, value in changes.items() if value is None]
        words += [f"{name}={value}" for name, value in changes.items() if value is not None]
        return [*words, *argv]

    def popen(
        self,
        argv: Sequence[str],
        *,
        user: str = "alice",
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        **options: Any,
    ) -> subprocess.Popen[bytes]:
        """See ``Cluster.popen``: env becomes the command, so it is an ordinary child."""
        return subprocess.Popen(self.command(argv, user=user, env=env, cwd=cwd), **options)

    def uid(self, user: str) -> int:
        """See ``Cluster.uid``."""
        self._require_caller(user)
        return os.getuid()

    def name_of(self, user: str) -> str:
        """See ``Cluster.name_of``."""
        self._require_caller(user)
        return getpass.getuser()

    def home(self, user: str) -> str:
        """See ``Cluster.home``."""
        self._require_caller(user)
        return str(Path.home())

    def root_path(self, path: str) -> Path:
        """See ``Cluster.root_path``: the same path."""
        return Path(path)

    def processes(self, pattern: str = "") -> list[Process]:
        """See ``Cluster.processes``: those of the caller."""
        return [p for p in list_processes(pattern) if p.uid == os.getuid()]

    def site_dir(self) -> str:
        """See ``Cluster.site_dir``."""
        return self._lua_dir.name

    def site_owner(self) -> str:
        """See ``Cluster.site_owner``."""
        return "alice"

    def cancel_jobs(self, *, timeout_s: float = 30.0) -> None:
        """Cancel nothing: the caller may have jobs of his own here."""

    def restart_slurmctld(self, *, kill: bool = False) -> None:
        """See ``Cluster.restart_slurmctld``: not ours to restart."""
        raise UserUnavailable("an existing cluster's slurmctld is not restarted by tests")

    def log_tail(self) -> str:
        """See ``Cluster.log_tail``: not readable by everyone."""
        return ""

    def _require_caller(self, user: str) -> None:
        if user not in ("alice", getpass.getuser()):
            raise UserUnavailable(f"an existing cluster runs commands as the caller, not {user}")
