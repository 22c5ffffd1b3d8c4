"""Cached Debian roots: where they are, and how one is made.

A root is built in a directory of another name and renamed when it is complete, so an
interrupted build is never taken for a good one.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.py.cluster import recipe
from tests.py.cluster.errors import ClusterUnavailable
from tests.py.cluster.sandbox import Sandbox, check_machine
from tests.py.cluster.setup import login_environment, write_configuration

DEFAULT_SUITE = "trixie"
INFO = "usr/share/scrun-test/root.json"


@dataclasses.dataclass(frozen=True)
class Root:
    """A complete cached root.

    Attributes:
        python: version of its python3, such as ``3.13``.
        slurm: version of its Slurm, such as ``24.11.5``.
    """

    path: Path
    suite: str
    python: str
    slurm: str


def cache_dir() -> Path:
    """Return the directory of everything cached for test clusters."""
    chosen = os.environ.get("SCRUN_TEST_ROOTS")
    return Path(chosen) if chosen else Path.home() / ".cache" / "scrun-test"


def root_path(suite: str) -> Path:
    """Return where the root of a suite is or would be, by the recipe as it is now."""
    digest = hashlib.sha256(Path(recipe.__file__).read_bytes()).hexdigest()[:12]
    return cache_dir() / f"{suite}-{digest}"


def find(suite: str) -> Root | None:
    """Return the cached root of a suite, or None when it was not built."""
    path = root_path(suite)
    try:
        info = json.loads((path / INFO).read_text())
    except OSError:
        return None
    return Root(path, suite, info["python"], info["slurm"])


def find_or_build(suite: str) -> Root:
    """Return the cached root of a suite, building it first if it is not there.

    Raises:
        ClusterUnavailable: this machine cannot build one.
    """
    with _lock(suite):
        return find(suite) or _build(suite)


def mountpoint() -> Path:
    """Return the empty directory on which sandboxes mount, each in its own namespace."""
    return cache_dir() / "mnt"


def _build(suite: str) -> Root:
    check_machine()
    if not shutil.which("mmdebstrap"):
        raise ClusterUnavailable("mmdebstrap is missing: apt install mmdebstrap")
    final = root_path(suite)
    partial = final.with_name(final.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = recipe.mmdebstrap_command(suite, _debian_mirror(), partial)
    print(f"building {final}: about a minute", file=sys.stderr)
    try:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        recipe.add_users(partial)
        recipe.add_busy_image(partial)
        recipe.add_munge_key(partial)
        versions = _run_inside(partial)
    except subprocess.CalledProcessError as err:
        errors = (err.stderr or b"").decode().strip()
        raise ClusterUnavailable(f"build {final}: {err} {errors}".strip()) from err
    (partial / INFO).write_text(json.dumps(versions))
    partial.rename(final)
    return Root(final, suite, versions["python"], versions["slurm"])


def _run_inside(partial: Path) -> dict[str, str]:
    sandbox = Sandbox.enter(partial, mountpoint(), direct=True, forever=False)
    try:
        write_configuration(sandbox.root)

        def run(user: str, argv: tuple[str, ...]) -> str:
            env = login_environment(user)
            uid = recipe.USERS.get(user, 0)
            command = sandbox.command(argv, uid=uid, user=user, env=env, cwd="/")
            done = subprocess.run(command, check=True, capture_output=True)
            return done.stdout.decode()

        for user, argv in recipe.INSIDE:
            run(user, argv)
        python = "import sys; print('%d.%d' % sys.version_info[:2])"
        return {
            "python": run("root", ("python3", "-c", python)).strip(),
            "slurm": run("root", ("slurmctld", "-V")).split()[1],
        }
    finally:
        sandbox.end()


def _debian_mirror() -> str:
    """Return the mirror of Debian's main archive that apt of this machine uses."""
    chosen = os.environ.get("SCRUN_TEST_MIRROR")
    if chosen:
        return chosen
    form = "$(REPO_URI) $(LABEL)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as err:
        raise ClusterUnavailable(f"find a Debian mirror: {err}") from err
    for line in listed.stdout.splitlines():
        uri, _, label = line.partition(" ")
        if label == "Debian":
            return uri
    raise ClusterUnavailable(
        "apt has no Debian archive: run apt-get update, or set SCRUN_TEST_MIRROR"
    )


@contextlib.contextmanager
def _lock(suite: str) -> Iterator[None]:
    cache_dir().mkdir(parents=True, exist_ok=True)
    with open(cache_dir() / f"{suite}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
