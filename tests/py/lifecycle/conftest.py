"""A real bundle, a real OCI runtime, and ``python -m scrun`` as a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
HOST_DIRECTORIES = ("usr", "bin", "lib", "lib64")


class Scrun:
    """Calls scrun with a root directory of its own."""

    def __init__(self, root: Path, site: Path) -> None:
        self.root = root
        self.site = site

    def __call__(self, *args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "PYTHONPATH": str(CHECKOUT),
            "SCRUN_LUA_DIR": str(self.site),
            "SLURM_CONF": str(self.site / "slurm.conf"),
        }
        return subprocess.run(
            [sys.executable, "-m", "scrun", "--root", str(self.root), *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=cwd,
            env=environment,
            check=False,
        )

    def create(self, name: str, bundle: Path, *options: str) -> subprocess.Popen[bytes]:
        """Create a container; its output is the returned process's, which has ended."""
        pid_file = bundle / "pid"
        environment = os.environ | {
            "PYTHONPATH": str(CHECKOUT),
            "SCRUN_LUA_DIR": str(self.site),
            "SLURM_CONF": str(self.site / "slurm.conf"),
        }
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "scrun", "--root", str(self.root)),
                *("create", "--bundle", str(bundle), "--pid-file", str(pid_file), *options, name),
            ],
            stdin=subprocess.DEVNULL,
            stdout=(bundle / "stdout").open("wb"),
            stderr=(bundle / "stderr").open("wb"),
            env=environment,
        )
        assert process.wait(60) == 0, (bundle / "stderr").read_text()
        return process

    def state(self, name: str) -> dict[str, Any]:
        answer = self("state", name)
        assert answer.returncode == 0, answer.stderr
        document: dict[str, Any] = json.loads(answer.stdout)
        return document

    def wait_status(self, name: str, status: str, timeout_s: float = 20) -> None:
        deadline = time.monotonic() + timeout_s
        while (last := self.state(name)["status"]) != status:
            assert time.monotonic() < deadline, f"{name} is {last}, not {status}"
            time.sleep(0.02)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The directory of the site's scrun.d."""
    directory = tmp_path / "site"
    (directory / "scrun.d" / "verbs").mkdir(parents=True, mode=0o755)
    for path in (directory, directory / "scrun.d", directory / "scrun.d" / "verbs"):
        path.chmod(0o755)
    return directory


@pytest.fixture
def scrun(tmp_path: Path, site: Path) -> Scrun:
    if shutil.which("crun") is None and shutil.which("runc") is None:
        pytest.fail("neither crun nor runc is installed")
    if os.getuid() != 0:
        pytest.skip("the lifecycle tests of this backend run as root")
    return Scrun(tmp_path / "root", site)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle whose image is this machine's own programs, read-only; args: ``sh -c SCRIPT``."""
    directory = tmp_path / "bundle"
    rootfs = directory / "rootfs"
    for name in (*HOST_DIRECTORIES, "proc", "dev", "tmp"):
        (rootfs / name).mkdir(parents=True)
    write_config(directory, "exit 7")
    return directory


def write_config(bundle: Path, script: str) -> None:
    """(Re)write config.json to run ``script`` in a shell."""
    mounts: list[dict[str, object]] = [
        {
            "destination": f"/{name}",
            "type": "bind",
            "source": f"/{name}",
            "options": ["bind", "ro"],
        }
        for name in HOST_DIRECTORIES
        if Path(f"/{name}").is_dir()
    ]
    mounts.append({"destination": "/proc", "type": "proc", "source": "proc"})
    config = {
        "ociVersion": "1.0.0",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/sh", "-c", script],
            "env": ["PATH=/usr/bin:/bin"],
            "cwd": "/",
        },
        "root": {"path": "rootfs"},
        "mounts": mounts,
        "annotations": {"org.example.note": "kept"},
        "linux": {"namespaces": [{"type": name} for name in ("pid", "mount", "ipc", "uts")]},
    }
    (bundle / "config.json").write_text(json.dumps(config))
