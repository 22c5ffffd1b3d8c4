"""The default of ``--root``: where a container's directory comes to lie, for whom, and why not."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping

import pytest

from tests.py.cluster.base import Cluster
from tests.py.cluster.bundle import write_bundle
from tests.py.cluster.sandboxed import SandboxCluster

pytestmark = pytest.mark.slurm  # not for Slurm: for its users, who have a /run/user each

SETTINGS = "local s = require 'luastd.settings'\ns.backend = 'local'\nreturn s\n"
ADVICE = "pass --root DIR, or set XDG_RUNTIME_DIR"
NUMBERS = itertools.count(1)
Environment = Mapping[str, str | None]


class User:
    """One who calls scrun without ``--root``; ``home`` is a directory of the test's."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.uid = cluster.uid(name)
        self.id = f"root-{os.getpid()}-{next(NUMBERS)}"
        self.home = f"{cluster.home(name)}/{self.id}"
        cluster.override("settings", SETTINGS)
        write_bundle(cluster, f"{self.home}/bundle", ["true"], owner=name)

    def forget(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.cluster.root_path(self.home))

    def make(self, path: str, mode: int = 0o700) -> str:
        """Make a directory of the user's; returns its path."""
        self.cluster.write_file(f"{path}/.keep", "", owner=self.name)
        self.cluster.root_path(path).chmod(mode)
        return path

    def __call__(self, *args: str, env: Environment) -> subprocess.CompletedProcess[str]:
        """Call scrun; but for ``env`` no variable says where. A container keeps its stdio."""
        out, err = (self.cluster.root_path(f"{self.home}/{name}") for name in ("out", "err"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = self.cluster.popen(
                [self.cluster.scrun, *args],
                user=self.name,
                env={"XDG_RUNTIME_DIR": None, "TMPDIR": None, **env},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
            status = process.wait(60)
        return subprocess.CompletedProcess(args, status, out.read_text(), err.read_text())

    def check_root(self, expected: str, env: Environment) -> None:
        """Fail unless a container lives below ``expected``, where all verbs find it."""
        directory = self.cluster.root_path(f"{expected}/{self.id}")
        bundle = ["--bundle", f"{self.home}/bundle"]
        created = self("create", *bundle, self.id, env=env)
        assert created.returncode == 0, created.stderr
        assert (directory / "state.json").exists()
        assert (directory.stat().st_uid, directory.stat().st_mode & 0o777) == (self.uid, 0o700)
        assert '"created"' in self("state", self.id, env=env).stdout
        assert self("delete", "--force", self.id, env=env).returncode == 0
        assert not directory.exists()

    def refusal(self, env: Environment) -> str:
        """Return the line by which ``create`` is refused."""
        done = self("create", "--bundle", f"{self.home}/bundle", self.id, env=env)
        assert done.returncode == 1 and done.stdout == ""
        return done.stderr


@pytest.fixture
def user(scrun_cluster: Cluster) -> Iterator[User]:
    """An ordinary user, whose /run/user/UID is there."""
    user = User(scrun_cluster, "alice")
    yield user
    user.forget()


@pytest.fixture
def without_run(scrun_cluster: Cluster) -> Iterator[User]:
    """An ordinary user whom no login has made a /run/user/UID."""
    if not isinstance(scrun_cluster, SandboxCluster):
        pytest.skip("the users of this host are not ours to change")
    user = User(scrun_cluster, "bob")
    directory = scrun_cluster.root_path(f"/run/user/{user.uid}")
    away = directory.rename(directory.with_name("away"))
    yield user
    away.rename(directory)
    user.forget()


@pytest.fixture
def root(scrun_cluster: Cluster) -> Iterator[User]:
    """The superuser, who has a /run/user/0 as well."""
    if not isinstance(scrun_cluster, SandboxCluster):
        pytest.skip("nothing runs as root on this host")
    user = User(scrun_cluster, "root")
    directory = scrun_cluster.root_path(user.make("/run/user/0"))
    yield user
    shutil.rmtree(directory)
    user.forget()


def test_the_runtime_directory_of_the_environment(user: User) -> None:
    """As engines and logins set it; it goes before /run/user/UID and TMPDIR."""
    runtime = user.make(f"{user.home}/run")
    user.make(f"{user.home}/tmp/{user.uid}")
    env = {"XDG_RUNTIME_DIR": runtime, "TMPDIR": f"{user.home}/tmp"}
    user.check_root(f"{runtime}/scrun", env)


def test_the_directory_of_the_login(user: User) -> None:
    """/run/user/UID, as scrun(1) has it; it goes before TMPDIR."""
    user.make(f"{user.home}/tmp/{user.uid}")
    user.check_root(f"/run/user/{user.uid}/scrun", {"TMPDIR": f"{user.home}/tmp"})


@pytest.mark.parametrize("kind", ["bob's", "root's", "everybody's", "its group's", "link", "none"])
def test_a_runtime_directory_that_is_not_the_callers_alone(user: User, kind: str) -> None:
    """Left over by su, or a trap: it is passed over, and nothing is written there."""
    runtime = f"{user.home}/run"
    if kind in ("bob's", "root's"):
        owner = kind.partition("'")[0]
        user.cluster.write_file(f"{runtime}/.keep", "", owner=owner)
        user.cluster.root_path(runtime).chmod(0o755)
    elif kind == "link":
        user.make(f"{user.home}/target")
        user.cluster.run(["ln", "-s", "target", runtime], check=True)
    elif kind != "none":
        user.make(runtime, 0o777 if kind == "everybody's" else 0o770)
    user.check_root(f"/run/user/{user.uid}/scrun", {"XDG_RUNTIME_DIR": runtime})
    assert not user.cluster.root_path(f"{runtime}/scrun").exists()


def test_the_directory_for_temporary_files(without_run: User) -> None:
    """TMPDIR/UID, where it is the caller's."""
    user = without_run
    user.make(f"{user.home}/tmp/{user.uid}")
    user.check_root(f"{user.home}/tmp/{user.uid}/scrun", {"TMPDIR": f"{user.home}/tmp"})


@pytest.mark.parametrize("has_tmpdir", [False, True])
def test_nowhere_to_go(without_run: User, has_tmpdir: bool) -> None:
    """What was looked at is told in one line, and what helps; nothing is made."""
    user = without_run
    tmpdir = user.make(f"{user.home}/tmp") if has_tmpdir else None
    tried = f"/run/user/{user.uid}" + (f", {tmpdir}/{user.uid}" if has_tmpdir else "")
    why = f"no --root given, and none of {tried} is ours to write. {ADVICE}"
    assert user.refusal({"TMPDIR": tmpdir}) == f"scrun: {why}\n"


@pytest.mark.parametrize("kind", ["none", "alice's"])
def test_root_is_not_guessed_for(root: User, kind: str) -> None:
    """Not /run/user/0, not TMPDIR, not what sudo has kept of alice's: it has to be told."""
    runtime = f"/run/user/{root.cluster.uid('alice')}" if kind == "alice's" else None
    root.make(f"{root.home}/tmp/0")
    why = f"no --root given, and it is not guessed for root. {ADVICE}"
    env = {"XDG_RUNTIME_DIR": runtime, "TMPDIR": f"{root.home}/tmp"}
    assert root.refusal(env) == f"scrun: {why}\n"


def test_root_with_a_runtime_directory(root: User) -> None:
    """The first half of the advice is --root, which every other test passes; this is the second."""
    runtime = root.make(f"{root.home}/run")
    root.check_root(f"{runtime}/scrun", {"XDG_RUNTIME_DIR": runtime})
