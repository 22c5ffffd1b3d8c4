"""Write a cluster's configuration into its root, and start its daemons."""

import os
import subprocess
import time
from pathlib import Path

from tests.py.cluster import config, recipe
from tests.py.cluster.errors import ClusterError
from tests.py.cluster.sandbox import Sandbox

START_TIMEOUT_S = 60.0
POLL_S = 0.1
# Two clusters of one machine share the freezer's slurm_n1/uid_1000/job_N: give each its own
# range of numbers, so that neither kills the other's steps.
JOB_IDS_PER_CLUSTER = 1000
LOGS = ("slurmctld.log", "slurmd-n1.log", "slurmd-n2.log", "start.log")


def login_environment(user: str) -> dict[str, str]:
    """Return the environment of a fresh login of ``user``."""
    root = user == "root"
    env = {
        "HOME": "/root" if root else f"/home/{user}",
        "USER": user,
        "LOGNAME": user,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }
    if root:
        env["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    else:
        env["XDG_RUNTIME_DIR"] = f"/run/user/{recipe.USERS[user]}"
    return env


def first_job_id(pid: int) -> int:
    """Return the first job id of the cluster whose init is ``pid``."""
    return pid % 60000 * JOB_IDS_PER_CLUSTER + 1


def write_configuration(
    root: Path, *, job_id: int = 1, runtime: str = config.DEFAULT_RUNTIME
) -> None:
    """Write every configuration file below ``root``.

    Args:
        root: the cluster's ``/``.
        job_id: number of its first job.
        runtime: what podman's runtime ``slurm``, the default one, is.
    """
    ids = _read_ids(root)
    for name, mode, owner in config.DIRECTORIES:
        directory = root / name.lstrip("/")
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(mode)
        os.chown(directory, *ids[owner])
    slurm = root / "etc/slurm"
    (slurm / "slurm.conf").write_text(config.SLURM_CONF.format(first_job_id=job_id))
    (slurm / "cgroup.conf").write_text(config.CGROUP_CONF)
    (slurm / "oci.conf").write_text(config.OCI_CONF)
    (slurm / "scrun.d").mkdir(exist_ok=True)
    for user in recipe.USERS:
        directory = root / f"home/{user}/.config/containers"
        directory.mkdir(parents=True, exist_ok=True)
        containers = config.CONTAINERS_CONF.replace("{runtime}", runtime)
        (directory / "containers.conf").write_text(containers)
        (directory / "storage.conf").write_text(config.STORAGE_CONF)
        for path in (directory.parent, directory, *directory.iterdir()):
            os.chown(path, *ids[user])


def start_daemons(sandbox: Sandbox) -> None:
    """Start munged, slurmctld and two slurmd, and wait until both nodes are idle.

    Raises:
        ClusterError: they are not up in ``START_TIMEOUT_S``; with the ends of their logs.
    """
    for command in (
        ("runuser", "-u", "munge", "--", "munged"),
        ("slurmctld",),
        ("slurmd", "-N", "n1"),
        ("slurmd", "-N", "n2"),
    ):
        # Through a file: a daemon may keep the pipe it was given.
        logged = ("sh", "-c", 'exec "$@" >> /var/log/slurm/start.log 2>&1', "sh", *command)
        if _run(sandbox, logged).returncode:
            raise ClusterError(f"start {command[0]}:\n{read_logs(sandbox.root)}")
    wait_for_nodes(sandbox)


def wait_for_nodes(sandbox: Sandbox) -> None:
    """Wait until slurmctld answers and both nodes are idle; ClusterError if they are not."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        listed = _run(sandbox, ("sinfo", "-h", "-N", "-p", "main", "-o", "%t"))
        if listed.stdout.split() == [b"idle", b"idle"]:
            return
        if time.monotonic() > deadline:
            state = listed.stdout.decode() + listed.stderr.decode()
            raise ClusterError(f"wait for nodes: {state}\n{read_logs(sandbox.root)}")
        time.sleep(POLL_S)


def read_logs(root: Path, *, lines: int = 30) -> str:
    """Return the last lines of each of Slurm's logs."""
    parts = []
    for name in LOGS:
        log = root / "var/log/slurm" / name
        if log.exists():
            tail = log.read_text(errors="replace").splitlines()[-lines:]
            parts.append("\n".join([f"--- {name}", *tail]))
    return "\n".join(parts)


def _run(sandbox: Sandbox, argv: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    env = login_environment("root")
    command = sandbox.command(argv, uid=0, user="root", env=env, cwd="/")
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)


def _read_ids(root: Path) -> dict[str, tuple[int, int]]:
    ids = {}
    for line in (root / "etc/passwd").read_text().splitlines():
        name, _, uid, gid = line.split(":")[:4]
        ids[name] = (int(uid), int(gid))
    return ids
