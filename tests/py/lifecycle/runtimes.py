"""scrun on each of its backends, so that one test asks the same of all of them.

A `Runtime` calls the program as an engine does, has bundles made, and tells what is left over.
Paths are those of its own world; `outside` makes one of this machine's.
"""

from __future__ import annotations

import abc
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.py.cluster.base import Cluster, Job
from tests.py.cluster.bundle import write_bundle

CHECKOUT = Path(__file__).resolve().parents[3]
CALL_TIMEOUT_S = 300  # who takes so long hangs: many of them at once are slow
POLL_S = 0.02
NUMBERS = itertools.count(1)


class Bundle:
    """A bundle, and the files that a test keeps beside its config.json."""

    def __init__(self, path: str, outside: Path) -> None:
        self.path = path
        self.outside = outside

    def read(self, name: str) -> str:
        """Return a file of the bundle, empty when there is none."""
        path = self.outside / name
        return path.read_text() if path.exists() else ""

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change config.json."""
        path = self.outside / "config.json"
        config = json.loads(path.read_text())
        change(config)
        path.write_text(json.dumps(config))


class Runtime(abc.ABC):
    """One backend."""

    name: str
    root: str
    home: str

    @abc.abstractmethod
    def popen(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a command as the user of the containers, with the site's files in force."""

    @abc.abstractmethod
    def outside(self, path: str) -> Path:
        """Return where this machine has a path."""

    @abc.abstractmethod
    def make_bundle(self, script: str) -> Bundle:
        """Make a bundle of a busybox image that runs ``sh -c script``."""

    @abc.abstractmethod
    def write_site(self, name: str, text: str) -> str:
        """Write a file of the site (``scrun.lua``, ``scrun.d/...``); returns its path."""

    @abc.abstractmethod
    def anchor_pid(self, pid: int) -> int:
        """Return this machine's number of an anchor."""

    @abc.abstractmethod
    def leftovers(self) -> list[str]:
        """Return what should not be there when no container is: processes, jobs, directories."""

    @property
    @abc.abstractmethod
    def program(self) -> list[str]:
        """The command line of scrun, up to its options."""

    def argv(self, *args: str) -> list[str]:
        """Return the whole command line of a call."""
        return [*self.program, "--root", self.root, *args]

    def __call__(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Call scrun and wait for its end."""
        process = self.popen(
            self.argv(*args),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )
        out, err = process.communicate(timeout=CALL_TIMEOUT_S)
        return subprocess.CompletedProcess(args, process.returncode, out.decode(), err.decode())

    def start_create(
        self, name: str, bundle: Bundle, *options: str, stdin: Any = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Begin to create a container whose output goes to files of the bundle."""
        argv = self.argv("create", "--bundle", bundle.path, "--pid-file", f"{bundle.path}/pid")
        return self.popen(
            [*argv, *options, name],
            stdin=stdin,
            stdout=(bundle.outside / "stdout").open("wb"),
            stderr=(bundle.outside / "stderr").open("wb"),
        )

    def create(self, name: str, bundle: Bundle, *options: str, stdin: Any = None) -> int:
        """Create a container and return its pid."""
        given = subprocess.DEVNULL if stdin is None else stdin
        process = self.start_create(name, bundle, *options, stdin=given)
        assert process.wait(60) == 0, bundle.read("stderr")
        return int(bundle.read("pid"))

    def run(self, name: str, script: str) -> Bundle:
        """Create and start a container; returns its bundle."""
        bundle = self.make_bundle(script)
        self.create(name, bundle)
        start = self("start", name)
        assert (start.returncode, start.stdout, start.stderr) == (0, "", "")
        return bundle

    def state(self, name: str) -> dict[str, Any]:
        """Return the state document."""
        answer = self("state", name)
        assert answer.returncode == 0, answer.stderr
        document: dict[str, Any] = json.loads(answer.stdout)
        return document

    def wait_status(self, name: str, status: str, timeout_s: float = 60) -> None:
        """Wait until ``state`` tells of a status."""
        self.wait_until(
            lambda: self.state(name)["status"] == status, f"{name} is {status}", timeout_s
        )

    def wait_output(self, bundle: Bundle, text: str) -> None:
        """Wait until the container has written ``text`` to stdout."""
        self.wait_until(lambda: text in bundle.read("stdout"), f"{text!r} in stdout")

    def wait_until(self, condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
        """Wait for a condition; on expiry say what is left over."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"not in time: {what}; there: {self.leftovers()}"
            time.sleep(POLL_S)

    def check_nothing_left(self) -> None:
        """Fail unless all traces of containers go soon."""
        self.wait_until(lambda: not self.leftovers(), "nothing is left")


class LocalRuntime(Runtime):
    """The local backend on this machine, as the user who tests; scrun is the checkout's."""

    name = "local"

    def __init__(self, directory: Path) -> None:
        self.home = str(directory)
        self.root = str(directory / "root")
        self._site = directory / "site"
        self._site.mkdir(mode=0o755)
        self._site.chmod(0o755)

    @property
    def program(self) -> list[str]:
        """See `Runtime.program`."""
        return [sys.executable, "-m", "scrun"]

    def popen(
        self, argv: Sequence[str], env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[bytes]:
        """See `Runtime.popen`."""
        changes = {
            "PYTHONPATH": str(CHECKOUT),
            "SCRUN_LUA_DIR": str(self._site),
            "SLURM_CONF": str(self._site / "slurm.conf"),  # is not there: no Slurm
            **(env or {}),
        }
        return subprocess.Popen(argv, env=os.environ | changes, **options)

    def outside(self, path: str) -> Path:
        """See `Runtime.outside`."""
        return Path(path)

    def anchor_pid(self, pid: int) -> int:
        """See `Runtime.anchor_pid`."""
        return pid

    def make_bundle(self, script: str) -> Bundle:
        """See `Runtime.make_bundle`."""
        directory = Path(self.home) / f"bundle-{next(NUMBERS)}"
        rootfs = directory / "rootfs"
        for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp"):
            (rootfs / name).mkdir(parents=True)
        busybox = shutil.which("busybox")
        assert busybox, "busybox-static is not installed"
        shutil.copy(busybox, rootfs / "bin/busybox")
        for applet in ("sh", "cat", "sleep", "echo", "env", "id", "sha256sum", "true", "rm"):
            (rootfs / "bin" / applet).symlink_to("busybox")
        config: dict[str, Any] = {
            "ociVersion": "1.0.0",
            "process": {
                "terminal": False,
                "user": {"uid": 0, "gid": 0},
                "args": ["sh", "-c", script],
                "env": ["PATH=/bin"],
                "cwd": "/",
            },
            "root": {"path": "rootfs"},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
        }
        if os.getuid():
            one = {"containerID": 0, "size": 1}
            config["linux"]["namespaces"].append({"type": "user"})
            config["linux"]["uidMappings"] = [{**one, "hostID": os.getuid()}]
            config["linux"]["gidMappings"] = [{**one, "hostID": os.getgid()}]
        (directory / "config.json").write_text(json.dumps(config))
        return Bundle(str(directory), directory)

    def write_site(self, name: str, text: str) -> str:
        """See `Runtime.write_site`."""
        path = self._site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for directory in (path.parent, *path.parent.parents):
            if directory.is_relative_to(self._site):
                directory.chmod(0o755)
        path.write_text(text)
        path.chmod(0o644)
        return str(path)

    def leftovers(self) -> list[str]:
        """See `Runtime.leftovers`."""
        found = [str(path) for path in Path(self.root).glob("*")]
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if any(self.root in word for word in words):
                found.append(f"{entry.parent.name}: {' '.join(words)}")
        return found


class ClusterRuntime(Runtime):
    """scrun as it is installed in the test cluster, called by alice.

    Args:
        backend: ``slurm``, or ``local`` by a setting: an ordinary user without Slurm.
    """

    def __init__(self, cluster: Cluster, backend: str) -> None:
        self.cluster = cluster
        self.name = backend
        self.home = f"{cluster.home('alice')}/lifecycle-{os.getpid()}-{next(NUMBERS)}"
        self.root = f"{self.home}/root"
        self._environment: dict[str, str | None] = {}
        cluster.write_file(f"{self.home}/.keep", "", owner="alice")
        if backend == "local":
            self._environment["SCRUN_LUA_DIR"] = f"{self.home}/site"
            self.write_site(
                "scrun.d/settings.lua",
                "local s = require 'luastd.settings'\ns.backend = 'local'\nreturn s\n",
            )

    @property
    def program(self) -> list[str]:
        """See `Runtime.program`."""
        return [self.cluster.scrun]

    def popen(
        self, argv: Sequence[str], env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[bytes]:
        """See `Runtime.popen`."""
        return self.cluster.popen(argv, env=self._environment | (dict(env or {})), **options)

    def outside(self, path: str) -> Path:
        """See `Runtime.outside`."""
        return self.cluster.root_path(path)

    def anchor_pid(self, pid: int) -> int:
        """See `Runtime.anchor_pid`."""
        return next(p.host_pid for p in self.cluster.processes() if p.pid == pid)

    def make_bundle(self, script: str) -> Bundle:
        """See `Runtime.make_bundle`."""
        path = f"{self.home}/bundle-{next(NUMBERS)}"
        write_bundle(self.cluster, path, ["sh", "-c", script])
        return Bundle(path, self.outside(path))

    def write_site(self, name: str, text: str) -> str:
        """See `Runtime.write_site`."""
        if self.name == "local":
            path = f"{self.home}/site/{name}"
            self.cluster.write_file(path, text, owner="alice")
            return path
        if name == "scrun.lua":
            self.cluster.site_script(text)
        else:
            self.cluster.override(name.removeprefix("scrun.d/"), text)
        return f"{self.cluster.site_dir()}/{name}"

    def jobs(self) -> list[Job]:
        """Return the user's jobs."""
        name = self.cluster.name_of("alice")
        return [job for job in self.cluster.jobs() if job.user == name]

    def leftovers(self) -> list[str]:
        """See `Runtime.leftovers`."""
        root = self.outside(self.root)
        found = [str(path) for path in root.glob("*")]
        found += [str(path) for path in self.outside(self.home).glob("bundle-*/.scrun-*")]
        mine = f"scrun-exec-{self.cluster.uid('alice')}-*"  # root's are of docker's tests
        found += [str(path) for path in self.outside("/tmp").glob(mine)]
        found += [f"job {job.job_id}" for job in self.jobs()]
        found += [p.command for p in self.cluster.processes("scrun|salloc|srun|crun") if p.uid]
        return found
