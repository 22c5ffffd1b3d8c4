"""Namespaces around a cached root: enter, find processes in, end.

A sandbox is known by the pid (outside) of its init and that process's start time, so one
that was started by another process can be attached to.
"""

import dataclasses
import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.py.cluster.errors import ClusterError, ClusterUnavailable

ENTER_TIMEOUT_S = 60.0
END_TIMEOUT_S = 60.0
POLL_S = 0.02
FREEZER = Path("/sys/fs/cgroup/freezer")
SCRIPT = Path(__file__).with_name("enter.sh")


@dataclasses.dataclass(frozen=True)
class Process:
    """One process of the cluster.

    Attributes:
        pid: inside the cluster's pid namespace (the innermost one if it made its own).
        host_pid: the same process as this machine numbers it.
        state: one letter of proc_pid_stat(5): ``S``, ``R``, ``Z``, ``T`` ...
    """

    pid: int
    host_pid: int
    uid: int
    state: str
    argv: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command line, arguments joined by blanks."""
        return " ".join(self.argv)


class Sandbox:
    """Namespaces with a Debian root, held by their init."""

    def __init__(self, pid: int, starttime: int, holder: subprocess.Popen[bytes] | None) -> None:
        """Attach to the sandbox whose init is ``pid``; ``holder`` is unshare, if ours."""
        self.pid = pid
        self.starttime = starttime
        self._holder = holder
        self._namespace = _pid_namespace(pid)

    @classmethod
    def enter(cls, root: Path, mountpoint: Path, *, direct: bool, forever: bool) -> "Sandbox":
        """Start a sandbox on ``root``.

        Args:
            root: the cached root.
            mountpoint: an empty directory; what is mounted there is seen by nobody else.
            direct: write to ``root`` itself, not to a tmpfs above it.
            forever: outlive this process.

        Raises:
            ClusterUnavailable: the machine refuses a namespace or a mount.
        """
        check_machine()
        mountpoint.mkdir(parents=True, exist_ok=True)
        mode, hold = ("direct" if direct else "overlay"), ("forever" if forever else "stdin")
        unshare = ["unshare", "-m", "-p", "-n", "-u", "-i", "-f", "--kill-child"]
        holder = subprocess.Popen(
            [*unshare, "--propagation", "private", "sh", SCRIPT, root, mountpoint, mode, hold],
            stdin=subprocess.DEVNULL if forever else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert holder.stdout is not None and holder.stderr is not None
        readable, _, _ = select.select([holder.stdout], [], [], ENTER_TIMEOUT_S)
        line = holder.stdout.readline().decode() if readable else ""
        if not line.startswith("ready "):
            holder.kill()
            _, errors = holder.communicate()
            raise ClusterUnavailable(f"enter {root}: {errors.decode().strip() or 'no answer'}")
        holder.stdout.close()
        holder.stderr.close()
        pid = int(line.split()[1])
        return cls(pid, read_starttime(pid), holder)

    @property
    def alive(self) -> bool:
        """Whether the init still runs (and is not another process with its number)."""
        try:
            return read_starttime(self.pid) == self.starttime
        except OSError:
            return False

    @property
    def root(self) -> Path:
        """The sandbox's ``/`` as seen from outside; absolute symlinks in it lead astray."""
        return Path(f"/proc/{self.pid}/root")

    def command(
        self,
        argv: Sequence[str],
        *,
        uid: int,
        user: str,
        env: dict[str, str],
        cwd: str,
    ) -> list[str]:
        """Return the command of this machine that runs ``argv`` inside as ``user``."""
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-u", "-i", f"--wdns={cwd}"]
        become = ["setpriv", "--pdeathsig", "KILL"]  # a killed nsenter leaves no one behind
        if uid:
            become += [f"--reuid={uid}", f"--regid={uid}", "--init-groups"]
        variables = [f"{name}={value}" for name, value in env.items()]
        return [*enter, "--", *become, "--", "env", "-i", *variables, *argv]

    def processes(self, pattern: str = "") -> list[Process]:
        """Return the processes inside whose command line matches, the init left out.

        Args:
            pattern: regular expression searched in the arguments joined by blanks.
        """
        return list_processes(pattern, lambda pid: pid != self.pid and self._holds(pid))

    def _holds(self, host_pid: int) -> bool:
        # A container's own pid namespace is a child of ours; NSpid has one number per level.
        namespace = _pid_namespace(host_pid)
        if namespace is None:
            return False
        if namespace == self._namespace:
            return True
        return self._is_descendant(host_pid)

    def _is_descendant(self, host_pid: int) -> bool:
        seen = host_pid
        while seen > 1:
            if seen == self.pid:
                return True
            try:
                seen = int(_stat_fields(seen)[1])
            except OSError:
                return False
        return False

    def end(self) -> None:
        """Kill everything inside and wait until it is gone.

        Raises:
            ClusterError: something is left after ``END_TIMEOUT_S``.
        """
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
        deadline = time.monotonic() + END_TIMEOUT_S
        while self.alive or (left := self.processes()):
            if time.monotonic() > deadline:
                raise ClusterError(f"end sandbox {self.pid}: left over: {left}")
            if self._holder:
                self._holder.poll()
            time.sleep(POLL_S)
        if self._holder:
            self._holder.wait(END_TIMEOUT_S)
            if self._holder.stdin:
                self._holder.stdin.close()


def list_processes(
    pattern: str = "", wanted: Callable[[int], bool] = lambda pid: True
) -> list[Process]:
    """Return the processes of this machine that are wanted and whose command line matches."""
    found = []
    for host_pid in _pids():
        process = _read_process(host_pid) if wanted(host_pid) else None
        if process and re.search(pattern, process.command):
            found.append(process)
    return found


def check_machine() -> None:
    """Raise ClusterUnavailable when this machine cannot hold a sandbox."""
    if os.geteuid() != 0:
        raise ClusterUnavailable("a test cluster needs root (namespaces, mounts, users)")
    for tool, package in (("unshare", "util-linux"), ("nsenter", "util-linux")):
        if not shutil.which(tool):
            raise ClusterUnavailable(f"{tool} is missing: apt install {package}")
    if not (FREEZER / "release_agent").exists():
        raise ClusterUnavailable(f"no cgroup v1 freezer at {FREEZER}: boot with cgroup v1")


def read_starttime(pid: int) -> int:
    """Return when a process started, in ticks since boot; OSError if there is none."""
    return int(_stat_fields(pid)[19])


def child_of(pid: int) -> int | None:
    """Return the first child of a process, as this machine numbers it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None


def _stat_fields(pid: int) -> list[str]:
    # Field 3 (state) on; the name in field 2 may itself hold blanks and parentheses.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _pid_namespace(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:  # gone, or a zombie
        return None


def _read_process(host_pid: int) -> Process | None:
    try:
        status = Path(f"/proc/{host_pid}/status").read_text()
        words = Path(f"/proc/{host_pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    argv = tuple(word.decode(errors="replace") for word in words[:-1])
    return Process(
        pid=int(fields["NSpid"].split()[-1]),
        host_pid=host_pid,
        uid=int(fields["Uid"].split()[0]),
        state=fields["State"][0],
        argv=argv or (f"[{fields['Name'].strip()}]",),
    )
