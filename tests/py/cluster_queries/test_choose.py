"""Who is chosen to answer, and that `describe` says why."""

import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from scrun.cluster.queries import choose_queries, find_pyslurm, release_of

VARIABLES = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT")
Install = Callable[[str, str], None]


class WithoutPyslurm:
    """Finds what the other finders find, but for pyslurm."""

    def __init__(self) -> None:
        self._finders = list(sys.meta_path)

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """As `importlib.abc.MetaPathFinder`."""
        found = (f.find_spec(name, path, target) for f in self._finders)  # type: ignore[arg-type]
        return None if name == "pyslurm" else next((spec for spec in found if spec), None)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment whose scontrol is of Slurm 25.11.1 and answers."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    scontrol = tmp_path / "bin/scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exec echo slurm 25.11.1\n'
        "[ -n \"$DOWN\" ] && { echo 'Unable to contact slurm controller (connect failure)' >&2\n"
        'exit 1; }\necho "ClusterName             = dev"\n'
    )
    scontrol.chmod(0o755)
    return {"PATH": f"{scontrol.parent}:{os.environ['PATH']}"}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_path: Path) -> Install:
    """Install a pyslurm with this version.py and this __init__.py before the fake one."""

    def write(version: str, source: str) -> None:
        package = tmp_path / "site/pyslurm"
        package.mkdir(parents=True)
        (package / "version.py").write_text(version)
        (package / "__init__.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path / "site")

    return write


def test_off(environment: dict[str, str], fake_path: Path) -> None:
    """The setting is the last word."""
    chosen = choose_queries("off", environment, 10)
    assert chosen.name == "commands"
    assert chosen.describe() == "Slurm's commands (pyslurm is off by setting)"
    assert "pyslurm" not in sys.modules


def test_not_installed(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual case; then not even the version of Slurm is asked for."""
    monkeypatch.setattr(sys, "meta_path", [WithoutPyslurm()])
    chosen = choose_queries("auto", {**environment, "PATH": "/nonexistent"}, 10)
    assert chosen.describe() == "Slurm's commands (pyslurm is not installed)"


def test_pyslurm_that_matches(environment: dict[str, str], fake_path: Path) -> None:
    """The release counts, the last number does not: 25.11.2 goes with 25.11.1."""
    chosen = choose_queries("auto", environment, 10)
    assert chosen.name == "pyslurm"
    assert chosen.describe() == "pyslurm 25.11.2 with Slurm 25.11.1"
    assert chosen.job(1) is None  # by the fake: there is no squeue


def test_never_in_the_anchor(environment: dict[str, str], fake_path: Path) -> None:
    """There its calls would hold the loop and its errors go to the container's stderr."""
    chosen = choose_queries("auto", environment, 10, in_anchor=True)
    assert chosen.name == "commands" and "loop" in chosen.describe()
    assert "pyslurm" not in sys.modules


def test_one_for_another_slurm_is_not_even_imported(
    environment: dict[str, str], install: Install
) -> None:
    """Its library may not be there, or not the one whose structures it knows."""
    install('__version__ = "24.11.0"\n', "import os; os._exit(99)\n")
    chosen = choose_queries("auto", environment, 10)
    assert chosen.name == "commands"
    assert "pyslurm 24.11.0 is for Slurm 24.11, 25.11.1 is installed" in chosen.describe()


def test_one_without_a_version_matches_nothing(
    environment: dict[str, str], install: Install
) -> None:
    """Then nothing says which Slurm it is for."""
    install("", "import os; os._exit(99)\n")
    assert find_pyslurm() == "?"
    assert choose_queries("auto", environment, 10).name == "commands"


def test_not_tried_without_slurmctld(environment: dict[str, str], install: Install) -> None:
    """slurm_init() ends the process when it cannot have its configuration."""
    install('__version__ = "25.11.2"\n', "import os; os._exit(99)\n")
    chosen = choose_queries("auto", {**environment, "DOWN": "1"}, 10)
    assert chosen.name == "commands"
    assert "was not tried: ask for the cluster's name: Unable to contact" in chosen.describe()


def test_an_import_that_fails(environment: dict[str, str], install: Install) -> None:
    """Whatever it raises is the reason."""
    install('__version__ = "25.11.2"\n', "raise ImportError('libslurmfull.so: no such file')\n")
    described = choose_queries("auto", environment, 10).describe()
    assert "cannot be loaded: ImportError: libslurmfull.so: no such file" in described


def test_an_api_that_is_another(environment: dict[str, str], install: Install) -> None:
    """Not a reason to fail."""
    install('__version__ = "25.11.2"\n', "")
    described = choose_queries("auto", environment, 10).describe()
    assert "cannot be loaded: AttributeError" in described


@pytest.mark.parametrize("name", VARIABLES)
def test_another_slurm_conf_than_the_process_has(
    environment: dict[str, str], fake_path: Path, name: str
) -> None:
    """Recovery has the environment of `create`, the library that of this process."""
    chosen = choose_queries("auto", {**environment, name: "/other"}, 10)
    assert chosen.name == "commands" and name in chosen.describe()


def test_the_import_changes_nothing_for_later_ones(
    environment: dict[str, str], fake_path: Path
) -> None:
    """pyslurm makes symbols of every later extension module global; lupa comes with its own Lua."""
    flags = sys.getdlopenflags()
    assert choose_queries("auto", environment, 10).name == "pyslurm"
    assert sys.getdlopenflags() == flags


def test_release() -> None:
    """Year and month."""
    assert release_of("25.11.2") == release_of("25.11.0-0rc1") == "25.11"
    assert release_of("?") == "?"
