"""containerd and dockerd in the cluster, as root, with scrun as docker's default runtime."""

from __future__ import annotations

import json
import os
import signal
import subprocess

from tests.py.cluster.base import Cluster
from tests.py.cluster.recipe import BUSY_TAR
from tests.py.engines.engine import IMAGE

CONFIGURATION = "/etc/docker/daemon.json"
LOG = "/var/log/{}.log"
START_TIMEOUT_S = 120.0
NAMES = ("containerd", "dockerd")
SHIM = "containerd-shim-runc-v2"


class Daemons:
    """The two daemons, each started, stopped and killed by itself."""

    def __init__(self, cluster: Cluster) -> None:
        """Write docker's configuration, and start both in a cluster where none runs."""
        self.cluster = cluster
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for name in reversed(NAMES):
            self._end_of_another_session(name)
        configuration = {
            "runtimes": {"scrun": {"path": cluster.scrun}, "crun": {"path": "/usr/bin/crun"}},
            "default-runtime": "scrun",
            "containerd": "/run/containerd/containerd.sock",
            "storage-driver": "vfs",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "bridge": "none",
            "iptables": False,
            "ip6tables": False,
            "live-restore": True,
        }
        cluster.write_file(CONFIGURATION, json.dumps(configuration))
        self.start()
        if not cluster.run(["docker", "images", "-q", IMAGE], user="root").stdout:
            image = ["docker", "import", "-c", 'CMD ["/bin/sh"]', BUSY_TAR, IMAGE]
            cluster.run(image, user="root", check=True)

    def start(self) -> None:
        """Start what does not run, and wait until both answer."""
        for name in NAMES:
            process = self._running.get(name)
            if process is None or process.poll() is not None:
                log = self.cluster.root_path(LOG.format(name))
                with log.open("ab") as file:
                    self._running[name] = self.cluster.popen(
                        [name], user="root", stdin=subprocess.DEVNULL, stdout=file, stderr=file
                    )
            self._wait_for_answer(name)

    def end(self, name: str, number: int = signal.SIGTERM) -> None:
        """Send a daemon a signal and wait for its end."""
        process = self._running.pop(name)
        process.send_signal(number)
        process.wait(START_TIMEOUT_S)

    def restart(self, name: str, number: int = signal.SIGTERM) -> None:
        """Send a daemon a signal, and start it again once it has ended."""
        self.end(name, number)
        self.start()

    def kill_shim(self) -> None:
        """Kill the only shim with SIGKILL."""
        (shim,) = self.cluster.processes(f"{SHIM} -namespace")
        os.kill(shim.host_pid, signal.SIGKILL)

    def stop(self) -> None:
        """End both."""
        for name in reversed(NAMES):
            if name in self._running:
                self.end(name)

    def log_tail(self) -> str:
        """Return the ends of their logs, for people."""
        parts = []
        for name in NAMES:
            log = self.cluster.root_path(LOG.format(name))
            lines = log.read_text(errors="replace").splitlines() if log.exists() else []
            parts.append("\n".join([f"--- {name}", *lines[-30:]]))
        return "\n".join(parts)

    def _wait_for_answer(self, name: str) -> None:
        try:
            self.cluster.wait_until(
                lambda: self._answers(name), timeout_s=START_TIMEOUT_S, what=f"{name} answers"
            )
        except AssertionError as err:
            err.add_note(self.log_tail())
            raise

    def _answers(self, name: str) -> bool:
        if name == "containerd":
            return self.cluster.run(["ctr", "version"], user="root").returncode == 0
        # dockerd needs some seconds to find a new containerd, and fails until then.
        return b" containerd:" in self.cluster.run(["docker", "version"], user="root").stdout

    def _end_of_another_session(self, name: str) -> None:
        """End a daemon of a session that was killed in a cluster that stays up."""
        self.cluster.kill_processes(f"^{name}$")
        self.cluster.wait_until(
            lambda: not self.cluster.processes(f"^{name}$"),
            timeout_s=START_TIMEOUT_S,
            what=f"{name} of another session has ended",
        )
