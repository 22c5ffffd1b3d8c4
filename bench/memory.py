"""What a container costs this machine in memory while it runs: the anchor, salloc and srun.

PSS counts a page that n processes map as 1/n of a page, so the reading is done from outside: a
Python beside the anchor would make it look lighter. RSS, which counts such a page in full, is the
bound that no neighbour changes.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from tests.py.cluster.base import Cluster
from tests.py.cluster.sandbox import Process

UP_TIMEOUT_S = 30.0
COMMAND_TIMEOUT_S = 20.0
IN_SERVICE_S = 0.6  # ours begins a further step by then
ROOT = "/run/user/1000/bench-memory"


class NotWeighed(Exception):
    """The container did not come up; the text says why."""


def weigh_container(
    cluster: Cluster, program: str, bundle: str, container_id: str
) -> dict[str, float]:
    """Create and start a container, weigh its processes, and end them.

    Returns:
        MiB: ``anchor PSS`` and ``anchor RSS`` of the process that the state document names,
        ``salloc and srun PSS`` of all below it.

    Raises:
        NotWeighed: a verb failed or hung, or the container's process did not start.
    """
    tree: list[Process] = []
    try:
        tree = _start(cluster, program, bundle, container_id)
        anchor, *below = tree
        return {
            "anchor PSS": _read_mib(anchor, "Pss"),
            "anchor RSS": _read_mib(anchor, "Rss"),
            "salloc and srun PSS": sum(_read_mib(process, "Pss") for process in below),
        }
    except (subprocess.SubprocessError, AssertionError, LookupError, ValueError) as err:
        raise NotWeighed(str(err).splitlines()[0]) from err
    finally:
        for process in tree:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.host_pid, signal.SIGKILL)
        cluster.cancel_jobs()
        cluster.run(["rm", "-rf", ROOT], check=True)


def _start(cluster: Cluster, program: str, bundle: str, container_id: str) -> list[Process]:
    """Return the anchor and its descendants once the container's process runs."""
    runtime = [program, "--root", ROOT]
    # Nothing captured: the container keeps the descriptors.
    with cluster.popen(
        [*runtime, "create", "--bundle", bundle, container_id],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as creation:
        if creation.wait(COMMAND_TIMEOUT_S):
            raise NotWeighed(f"create: status {creation.returncode}")
    cluster.run([*runtime, "start", container_id], check=True, timeout_s=COMMAND_TIMEOUT_S)
    cluster.wait_until(
        lambda: cluster.processes(r"^sleep 600"), timeout_s=UP_TIMEOUT_S, what="the process runs"
    )
    time.sleep(IN_SERVICE_S)
    queried = cluster.run(
        [*runtime, "state", container_id], check=True, timeout_s=COMMAND_TIMEOUT_S
    )
    return _find_tree(cluster, json.loads(queried.stdout)["pid"])


def _find_tree(cluster: Cluster, pid: int) -> list[Process]:
    """Return the process of that number inside, and its descendants."""
    by_host_pid = {process.host_pid: process for process in cluster.processes()}
    tree = [p for p in by_host_pid.values() if p.pid == pid and p.uid]
    for process in tree:
        for path in Path(f"/proc/{process.host_pid}/task").glob("*/children"):  # of each thread
            children = [int(number) for number in path.read_text().split()]
            tree += [by_host_pid[child] for child in children if child in by_host_pid]
    if not tree:
        raise LookupError(f"no process {pid}, which the state document names")
    return tree


def _read_mib(process: Process, field: str) -> float:
    for line in Path(f"/proc/{process.host_pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(f"no {field} of {process.command}")
