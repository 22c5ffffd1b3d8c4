"""The wheel in an environment of its own gives a working program, however it is called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*argv: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed; its output is in the failure."""
    done = subprocess.run(  # type: ignore[call-overload]
        [str(word) for word in argv], capture_output=True, text=True, timeout=300, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment with nothing but our wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("package")
    wheels = folder / "wheels"
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", wheels, ROOT)
    run(sys.executable, "-m", "venv", folder / "venv")
    run(python, "-m", "pip", "install", *wheels.glob("scrun-*.whl"))
    return folder / "venv"


def test_version(venv: Path) -> None:
    assert run(venv / "bin" / "scrun", "--version").stdout.startswith("scrun version ")


def test_with_an_empty_environment(venv: Path) -> None:
    done = run("/usr/bin/env", "-i", venv / "bin" / "scrun", "--version", cwd="/")
    assert done.stdout.startswith("scrun version ")


def test_through_symlinks(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "first").symlink_to(venv / "bin" / "scrun")
    (tmp_path / "second").symlink_to("first")
    done = run("/usr/bin/env", "-i", tmp_path / "second", "--version")
    assert done.stdout.startswith("scrun version ")


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
