"""Build the checkout's wheel and install it into a cluster.

Everything is downloaded here, outside: a cluster has no network. Wheels are cached by what
they were made of, so a repeated session downloads and builds nothing.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tests.py.cluster import roots
from tests.py.cluster.base import Cluster
from tests.py.cluster.errors import ClusterError
from tests.py.cluster.recipe import VENV
from tests.py.cluster.sandboxed import SandboxCluster

CHECKOUT = Path(__file__).resolve().parents[3]
NOT_PACKAGED = ("tests/", "docs/", "bench/", "examples/", ".ci/")
GLIBC_MINORS = (41, 40, 39, 38, 37, 36, 35, 34, 28, 27, 26, 24, 17, 12, 5)
KEPT_WHEELS = 8
INSTALL_TIMEOUT_S = 120
STAMP = f"{VENV}/installed"
WHEELS_INSIDE = "/run/wheels"


def install(cluster: Cluster) -> bool:
    """Install the checkout as it is now; return False if it was installed already.

    Raises:
        ClusterError: it cannot be built, downloaded or installed; with pip's last lines.
    """
    assert isinstance(cluster, SandboxCluster), "an existing cluster brings its own scrun"
    wheel = build_wheel()
    dependencies = download_dependencies(cluster.root.python)
    stamp = f"{wheel.parent.name} {dependencies.name}"
    stamp_path = cluster.root_path(STAMP)
    if stamp_path.exists() and stamp_path.read_text() == stamp:
        return False
    inside = cluster.root_path(WHEELS_INSIDE)
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir()
    for path in (wheel, *dependencies.glob("*.whl")):
        shutil.copy(path, inside)
    stamp_path.unlink(missing_ok=True)
    pip = [f"{VENV}/bin/python", "-m", "pip", "--disable-pip-version-check", "install"]
    offline = ["--no-index", f"--find-links={WHEELS_INSIDE}", "--root-user-action=ignore"]
    name = f"{WHEELS_INSIDE}/{wheel.name}"
    # The version stays while the content changes: first the dependencies, then ours anew.
    for options in (["--quiet", name], ["--quiet", "--force-reinstall", "--no-deps", name]):
        done = cluster.run([*pip, *offline, *options], user="root", timeout_s=INSTALL_TIMEOUT_S)
        if done.returncode:
            raise ClusterError(f"install {wheel.name}: {done.stderr.decode()[-2000:]}")
    stamp_path.write_text(stamp)
    return True


def build_wheel() -> Path:
    """Return the wheel of the checkout as it is now, built unless it is cached."""
    final = roots.cache_dir() / "wheels" / f"scrun-{_hash_checkout()}"
    if not final.exists():
        command = ["wheel", "--quiet", "--no-deps", "--wheel-dir", "{}", str(CHECKOUT)]
        _fill(final, command, "build the wheel")
        _forget_old_wheels(final.parent)
    return next(final.glob("*.whl"))


def _forget_old_wheels(directory: Path) -> None:
    """Keep the newest few: every change of the checkout makes another."""
    wheels = sorted(directory.glob("scrun-*"), key=lambda path: path.stat().st_mtime)
    for path in wheels[:-KEPT_WHEELS]:
        shutil.rmtree(path, ignore_errors=True)


def download_dependencies(python: str) -> Path:
    """Return a directory with the wheels of our dependencies for a Python version."""
    with open(CHECKOUT / "pyproject.toml", "rb") as file:
        requirements: list[str] = tomllib.load(file)["project"]["dependencies"]
    digest = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:12]
    final = roots.cache_dir() / "wheels" / f"dependencies-{python}-{digest}"
    if not final.exists():
        machine = platform.machine()
        command = ["download", "--quiet", "--dest", "{}", "--only-binary=:all:"]
        command += ["--implementation=cp", f"--python-version={python}"]
        # pip of Python 3.11 takes a platform literally: name every older glibc as well.
        command += [f"--platform=manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS]
        command += [f"--platform=manylinux2014_{machine}", f"--platform=linux_{machine}"]
        _fill(final, [*command, *requirements], "download dependencies")
    return final


def _fill(final: Path, command: list[str], what: str) -> None:
    """Run pip with ``{}`` standing for a new directory, renamed to ``final`` when done."""
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=final.parent, prefix="partial-"))
    pip = [sys.executable, "-m", "pip", *(str(partial) if w == "{}" else w for w in command)]
    try:
        done = subprocess.run(pip, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise ClusterError(f"{what}: {(done.stdout + done.stderr)[-2000:]}")
        if not final.exists():  # two sessions at once: the first one wins
            partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _hash_checkout() -> str:
    """Return a hash of every file that can be in the wheel or decides how it is built."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    digest = hashlib.sha256()
    for name in sorted(os.fsdecode(entry) for entry in listed.stdout.split(b"\0") if entry):
        path = CHECKOUT / name
        if name.startswith(NOT_PACKAGED) or not path.is_file():
            continue
        content = path.read_bytes()
        digest.update(f"{name}\0{path.stat().st_mode & 0o111}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]
