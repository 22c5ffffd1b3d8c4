"""The launcher's own delete: a container that has ended goes without Python, nothing else does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[3] / "scrun" / "launcher"
NO_PYTHON = "no Python for the installation"
ID = "a.b_c+d-1"


@pytest.fixture
def launcher(tmp_path: Path) -> Path:
    """Return a launcher beside which there is no Python: going on to it is seen by its words."""
    path = tmp_path / "nowhere" / "bin" / "scrun"
    path.parent.mkdir(parents=True)
    shutil.copy(LAUNCHER, path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root directory with an ended container in it."""
    return make_container(tmp_path / "run" / "scrun").parent


def make_container(root: Path, name: str = ID) -> Path:
    """Make what an anchor leaves."""
    directory = root / name
    directory.mkdir(parents=True, mode=0o700)
    for file in ("state.json", "record.cbor", "lock", "released"):
        (directory / file).write_text("x")
    os.mkfifo(directory / "anchor.sock")
    return directory


def call(
    launcher: Path, *arguments: str, env: dict[str, str] | None = None, cwd: Path = Path("/")
) -> subprocess.CompletedProcess[str]:
    """Run the launcher with no environment but ``env``, as engines do."""
    command = ["/bin/sh", str(launcher), *arguments]
    return subprocess.run(command, env=env or {}, cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["delete", "--force", ID],
        ["delete", "-f", ID],
        ["delete", ID],
        ["--log-format=json", "--log", "/nowhere/log", "delete", "--force", ID],
        ["--log", "/nowhere/log", "--log-format", "text", "delete", ID],
    ],
    ids=" ".join,
)
def test_an_ended_container_goes(launcher: Path, root: Path, arguments: list[str]) -> None:
    done = call(launcher, "--root", str(root), *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert os.listdir(root) == []


def test_below_the_runtime_directory(launcher: Path, root: Path) -> None:
    done = call(launcher, "delete", ID, env={"XDG_RUNTIME_DIR": str(root.parent)})
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir(root) == []


def test_below_a_relative_root(launcher: Path, root: Path) -> None:
    done = call(launcher, "--root=scrun", "delete", ID, cwd=root.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir(root) == []


def goes_on(launcher: Path, arguments: Sequence[str], env: dict[str, str] | None = None) -> bool:
    """Tell whether the launcher looked for Python."""
    done = call(launcher, *arguments, env=env)
    return done.returncode == 1 and NO_PYTHON in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["delete"],
        ["delete", "--force"],
        ["delete", "--regex", ID],
        ["delete", "--force", "--force", ID],
        ["delete", ID, "--force"],
        ["delete", ID, "more"],
        ["delete", f"../scrun/{ID}"],
        ["delete", f"./{ID}"],
        ["delete", ".."],
        ["delete", ""],
        ["delete", "-"],
        ["delete", "*"],
        ["delete", "another"],
        ["delete", "--help"],
        ["--debug", "delete", ID],
        ["--log-format", "xml", "delete", ID],
        ["--log-format=", "delete", ID],
        ["--log", "delete", ID],
        ["state", ID],
        ["kill", ID, "delete"],
    ],
    ids=" ".join,
)
def test_all_else_is_pythons(launcher: Path, root: Path, words: list[str]) -> None:
    """Other spellings, other verbs, mistakes: one parser explains them."""
    assert goes_on(launcher, ["--root", str(root), *words])
    assert os.listdir(root) == [ID]
    assert len(os.listdir(root / ID)) == 5


@pytest.mark.parametrize(
    "variable", ["SCRUN_DEBUG", "SCRUN_STDERR_DEBUG", "SCRUN_FILE_DEBUG", "SCRUN_SYSLOG_DEBUG"]
)
def test_a_verb_that_may_log_is_pythons(launcher: Path, root: Path, variable: str) -> None:
    assert goes_on(launcher, ["--root", str(root), "delete", ID], {variable: "debug"})
    assert os.listdir(root) == [ID]


def test_a_container_that_has_not_ended_stays(launcher: Path, root: Path) -> None:
    (root / ID / "released").unlink()
    assert goes_on(launcher, ["--root", str(root), "delete", "--force", ID])
    assert (root / ID / "state.json").exists()


@pytest.mark.parametrize("name", ["bundle", ".hidden", "..two"])
def test_a_directory_inside_is_pythons(launcher: Path, root: Path, name: str) -> None:
    """It may be a mount, or shut: hot/remove.py looks, rm does not."""
    (root / ID / name).mkdir()
    assert goes_on(launcher, ["--root", str(root), "delete", "--force", ID])
    assert (root / ID / name).exists()


def test_a_link_to_a_container_is_no_container(launcher: Path, root: Path) -> None:
    (root / "link").symlink_to(ID)
    assert goes_on(launcher, ["--root", str(root), "delete", "--force", "link"])
    assert sorted(os.listdir(root)) == [ID, "link"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a file somebody else's")
def test_somebody_elses_container_stays(launcher: Path, root: Path) -> None:
    os.chown(root / ID, 1, 1)
    assert goes_on(launcher, ["--root", str(root), "delete", "--force", ID])
    assert os.listdir(root) == [ID]


def test_no_root_is_guessed(launcher: Path, root: Path, tmp_path: Path) -> None:
    """Without XDG_RUNTIME_DIR, or with one that is a link, the choice is `choose_root`'s."""
    assert goes_on(launcher, ["delete", ID])
    (tmp_path / "link").symlink_to(root.parent)
    assert goes_on(launcher, ["delete", ID], {"XDG_RUNTIME_DIR": str(tmp_path / "link")})
    assert os.listdir(root) == [ID]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a launcher with a package for each of two Pythons; these tell what they are given."""
    prefix = tmp_path / "prefix"
    (prefix / "bin").mkdir(parents=True)
    for version in ("python3.11", "python3.13"):
        python = prefix / "bin" / version
        python.write_text('#!/bin/sh\necho "$5"\nenv\n')
        python.chmod(0o755)
        package = prefix / "lib" / version / "site-packages" / "scrun"
        package.mkdir(parents=True)
        (package / "__main__.py").touch()
    shutil.copy(LAUNCHER, prefix / "bin" / "scrun")
    return prefix / "bin" / "scrun"


@pytest.mark.parametrize("last", ["python3.11", "python3.13"])
def test_of_two_installations_the_last_one_runs(installed: Path, last: str) -> None:
    """pip leaves the package of an older Python where it is when that has been replaced."""
    package = installed.parents[1] / "lib" / last / "site-packages" / "scrun"
    later = (package / "__main__.py").stat().st_mtime + 10
    os.utime(package / "__main__.py", (later, later))
    called = call(installed, "state", "web")
    assert f"lib/{last}/" in called.stdout and called.returncode == 0


def test_of_two_installations_one_whose_python_is_here_runs(installed: Path) -> None:
    """A home directory may be shared by machines with different Pythons."""
    libraries = installed.parents[1] / "lib"
    here, elsewhere = libraries / "python3.11", libraries / "python3.99"
    shutil.copytree(here, elsewhere)
    entry = elsewhere / "site-packages" / "scrun" / "__main__.py"
    later = entry.stat().st_mtime + 10
    os.utime(entry, (later, later))
    called = call(installed, "state", "web")
    assert "lib/python3.99/" not in called.stdout and called.returncode == 0


@pytest.mark.parametrize("verb", ["delete", "create"])
def test_the_callers_variables_go_on_as_they_are(installed: Path, root: Path, verb: str) -> None:
    """What the launcher calls something must not take the place of what the caller calls so."""
    names = set(re.findall(r"\b([a-z_]+)=", LAUNCHER.read_text()))
    assert len(names) > 10
    given = {name.removeprefix("my_"): "the caller's" for name in names} | {"entry": "theirs"}
    called = call(installed, "--root", str(root), verb, "unknown", env=given)
    told = dict(line.partition("=")[::2] for line in called.stdout.splitlines() if "=" in line)
    assert {name: told.get(name) for name in given} == given
