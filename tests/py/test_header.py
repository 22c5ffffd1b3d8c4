"""What the tests say of the cluster that they ran on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
BUILT = '{"python": "3.13", "slurm": "24.11.5"}'
TESTS = f"""
import pytest
from tests.py.cluster import roots

@pytest.mark.slurm
def test_that_builds_the_root():
    info = roots.root_path('trixie') / roots.INFO
    info.parent.mkdir(parents=True, exist_ok=True)
    info.write_text('{BUILT}')

def test_of_something_else():
    pass
"""


def run_tests(directory: Path, *options: str) -> str:
    """Run the two tests on a machine that has no root yet; return what was printed."""
    tests = directory / "test_two.py"
    tests.write_text(TESTS)
    argv = [sys.executable, "-m", "pytest", f"--rootdir={directory}", "-p", "tests.py.conftest"]
    argv += ["-p", "no:cacheprovider", "--cluster=new", "--cluster-suite=trixie", *options]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "PYTHONPATH": str(CHECKOUT),
        "SCRUN_TEST_ROOTS": str(directory / "roots"),
    }
    done = subprocess.run([*argv, tests], env=environment, cwd=directory, capture_output=True)
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["alone", "xdist"])
def test_the_slurm_of_a_root_that_was_built_meanwhile(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """On a fresh machine the header cannot know it; the summary says it once."""
    first = run_tests(tmp_path, *options)
    assert first.count("cluster: ") == 2
    end = first.index("100%")
    assert first.index("cluster: trixie, not built") < end
    assert first.index("cluster: Slurm 24.11.5 (trixie)") > end
    again = run_tests(tmp_path, *options)
    assert again.count("cluster: Slurm 24.11.5 (trixie)") == 2


def test_no_cluster_is_claimed_that_was_not_used(tmp_path: Path) -> None:
    """Not where tests that need none ran alone."""
    assert "cluster: " not in run_tests(tmp_path, "-q", "-m", "not slurm")
