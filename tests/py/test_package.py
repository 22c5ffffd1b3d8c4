"""The wheel in an environment of its own gives a working program, however it is called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STRANGER = 12345  # a user without a name, a home or rights
ON_CI = bool(os.environ.get("CI"))


def run(
    *argv: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed; its output is in the failure."""
    done = subprocess.run(
        [str(word) for word in argv],
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        timeout=300,
        env=env,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def is_open_to_all(path: Path) -> bool:
    """Tell whether a stranger may come to a file."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def find_python() -> str:
    """Return our interpreter, or the system's where ours lies in somebody's home."""
    own = Path(sys.executable).resolve()
    if is_open_to_all(own):
        return str(own)
    system = "/usr/bin/python3"
    usable = (
        Path(system).exists()
        and not subprocess.run(
            [system, "-c", "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"],
            capture_output=True,
        ).returncode
    )
    return system if usable else str(own)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Return a directory that every user may enter: pytest's own are private."""
    directory = Path(tempfile.mkdtemp(prefix="scrun-package-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def wheel(folder: Path) -> Path:
    """Return our wheel."""
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder / "wheels", ROOT)
    (wheel,) = (folder / "wheels").glob("scrun-*.whl")
    return wheel


@pytest.fixture(scope="session")
def venv(folder: Path, wheel: Path) -> Path:
    """Return an environment with nothing but our wheel and what it depends on."""
    run(find_python(), "-m", "venv", folder / "venv")
    run(folder / "venv" / "bin" / "python", "-m", "pip", "install", wheel)
    return folder / "venv"


def test_version(venv: Path) -> None:
    assert run(venv / "bin" / "scrun", "--version").stdout.startswith("scrun version ")


def test_with_an_empty_environment(venv: Path) -> None:
    """engine-calls 3: kill and delete come with XDG_RUNTIME_DIR alone, no PATH, no HOME."""
    done = run("/usr/bin/env", "-i", venv / "bin" / "scrun", "--version", cwd=Path("/"))
    assert done.stdout.startswith("scrun version ")


def test_through_symlinks(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "first").symlink_to(venv / "bin" / "scrun")
    (tmp_path / "second").symlink_to("first")
    done = run("/usr/bin/env", "-i", tmp_path / "second", "--version")
    assert done.stdout.startswith("scrun version ")


def test_by_a_relative_path(venv: Path) -> None:
    assert run("./scrun", "--version", cwd=venv / "bin").stdout.startswith("scrun version ")


def test_as_a_module(venv: Path) -> None:
    done = run(venv / "bin" / "python", "-m", "scrun", "--version")
    assert done.stdout.startswith("scrun version ")


def test_as_another_user_than_the_one_who_installed_it(venv: Path, folder: Path) -> None:
    """Installed by root in /opt, called by users through /usr/local/bin, and nothing written."""
    if os.getuid() != 0:
        if ON_CI:
            pytest.fail("CI runs as root")
        pytest.skip("only root can become another user")
    if not is_open_to_all(Path(find_python())):
        pytest.skip("no Python here that other users may run")
    before = {path: path.lstat().st_mtime_ns for path in (venv / "lib").rglob("*")}
    link = folder / "scrun"
    link.symlink_to(venv / "bin" / "scrun")
    done = run(link, "--version", env={}, user=STRANGER, cwd=Path("/"))
    assert done.stdout.startswith("scrun version ")
    run(link, "--root", folder, "delete", "--force", "nobody", env={}, user=STRANGER)
    assert before == {path: path.lstat().st_mtime_ns for path in (venv / "lib").rglob("*")}


def test_the_modules_of_the_hot_path_come_compiled(venv: Path) -> None:
    """A user cannot write the cache of root's installation: each start would compile."""
    sources = list(venv.glob("lib/python3*/site-packages/scrun/hot/*.py"))
    assert sources
    for source in sources:
        assert list(source.parent.glob(f"__pycache__/{source.stem}.*.pyc"))


def test_an_environment_meant_for_another_python_does_no_harm(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "site.py").write_text("raise SystemExit(9)\n")
    environment = {"PYTHONPATH": str(tmp_path), "PYTHONHOME": "/nonexistent"}
    run(venv / "bin" / "scrun", "--version", env=environment, cwd=tmp_path)


def test_a_hot_verb_answers_in_one_line(venv: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [venv / "bin" / "scrun", "--root", tmp_path, "state", "nobody"],
        capture_output=True,
        text=True,
        env={},
    )
    assert done.returncode == 1
    assert done.stderr == 'scrun: container "nobody" does not exist\n'
    assert done.stdout == ""


def test_the_policy_comes_with_the_package(venv: Path) -> None:
    assert list(venv.glob("lib/python3*/site-packages/scrun/luastd/settings.lua"))
    path = run(venv / "bin" / "scrun", "lua", "which", "luastd.settings").stdout.splitlines()[0]
    assert Path(path).is_relative_to(venv)


def test_the_workbench_comes_with_the_package(venv: Path, tmp_path: Path) -> None:
    """Its Lua, its catalog and its man page are files beside the code."""
    assert "slurm_scrun_stage_in" in (venv / "share/man/man7/scrun-lua.7").read_text()
    site = tmp_path / "site"
    run(venv / "bin" / "scrun", "lua", "init", site)
    assert run(venv / "bin" / "scrun", "lua", "check", site).stdout == ""
    assert "4 passed" in run(venv / "bin" / "scrun", "lua", "test", site).stdout


def test_installed_with_a_prefix(venv: Path, wheel: Path, tmp_path: Path) -> None:
    """--prefix and --user put no Python beside the program: the installed version is looked for."""
    pip = (venv / "bin" / "python", "-m", "pip", "install")
    run(*pip, "--ignore-installed", "--prefix", tmp_path / "p", wheel)
    (program,) = (tmp_path / "p").rglob("bin/scrun")
    home = Path(find_python()).resolve().parent
    for environment in ({}, {"PATH": f"{home}:/usr/bin"}):
        if not environment and home not in (Path("/usr/bin"), Path("/usr/local/bin")):
            continue  # nothing but PATH could tell where it is
        assert run(program, "--version", env=environment).stdout.startswith("scrun version ")
        run(program, "--root", tmp_path, "delete", "--force", "nobody", env=environment)


def test_installed_in_place(tmp_path: Path) -> None:
    """A checkout runs where it is, with its dependencies found by site."""
    run(find_python(), "-m", "venv", tmp_path / "venv")
    run(tmp_path / "venv" / "bin" / "python", "-m", "pip", "install", "--editable", ROOT)
    program = tmp_path / "venv" / "bin" / "scrun"
    assert run(program, "--version", env={}).stdout.startswith("scrun version ")
    run(program, "--root", tmp_path, "delete", "--force", "nobody", env={})
    path = run(program, "lua", "which", "luastd.settings", env={}).stdout.splitlines()[0]
    assert Path(path) == ROOT / "luastd" / "settings.lua"


def test_a_launcher_without_its_package_says_so(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "scrun" / "launcher", tmp_path / "bin" / "scrun")
    done = subprocess.run([tmp_path / "bin" / "scrun", "x"], capture_output=True, text=True, env={})
    assert done.returncode == 1
    assert "install scrun again" in done.stderr
