"""docs/engines.md says what the tests prove, and leaves no command out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.py.engines.results import missing

TOP = Path(__file__).parents[3]
PAGE = TOP / "docs/engines.md"


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page as the markers would have it when all tests pass."""
    page = tmp_path_factory.mktemp("page") / "engines.md"
    options = ["--collect-only", "-q", "-p", "tests.py.engines.results", f"--engines-page={page}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests/py/engines"],
        cwd=TOP,
        env=os.environ | {"PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return page.read_text()


def test_the_page_is_what_the_tests_say(collected: str) -> None:
    assert PAGE.read_text() == collected, (
        "write it anew: pytest -p tests.py.engines.results --engines-page=docs/engines.md "
        "tests/py/engines"
    )


def test_every_command_has_a_row(collected: str) -> None:
    assert missing(collected) == []
