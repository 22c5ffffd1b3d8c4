"""The smallest OCI bundle that ``srun --container`` and crun accept from a user."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.py.cluster.base import Cluster
from tests.py.cluster.recipe import BUSY_ROOTFS


def write_bundle(
    cluster: Cluster,
    path: str,
    args: Sequence[str],
    *,
    owner: str = "alice",
    env: Sequence[str] = ("PATH=/bin",),
) -> str:
    """Write ``path``/config.json and ``path``/rootfs, a busybox of its owner's own.

    slurmstepd adds mounts below /var/run, for which crun makes directories in the rootfs:
    one that belongs to somebody else does not do.

    Returns:
        ``path``, for use in a command.
    """
    text = json.dumps(_config(args, env, cluster.uid(owner)))
    cluster.write_file(f"{path}/config.json", text, owner=owner)
    if cluster.root_path(BUSY_ROOTFS).exists():
        cluster.run(["cp", "-a", "-T", BUSY_ROOTFS, f"{path}/rootfs"], user=owner, check=True)
    else:  # an existing cluster: made of the busybox of this host
        _fill_rootfs(cluster.root_path(f"{path}/rootfs"))
    return path


def _fill_rootfs(rootfs: Path) -> None:
    busybox = shutil.which("busybox")
    assert busybox, "busybox is not installed (Debian: busybox-static)"
    for name in ("bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "var"):
        (rootfs / name).mkdir(parents=True)
    shutil.copy(busybox, rootfs / "bin/busybox")
    listed = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True)
    for applet in listed.stdout.split():
        if applet != "busybox":
            (rootfs / "bin" / applet).symlink_to("busybox")


def _config(args: Sequence[str], env: Sequence[str], uid: int) -> dict[str, Any]:
    one = {"containerID": 0, "hostID": uid, "size": 1}
    dev = ["nosuid", "strictatime", "mode=755", "size=65536k"]
    return {
        "ociVersion": "1.0.0",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": list(args),
            "env": list(env),
            "cwd": "/",
        },
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": dev},
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
        ],
        "linux": {
            "uidMappings": [one],
            "gidMappings": [one],
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "user")],
        },
    }
