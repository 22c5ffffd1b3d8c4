"""docs/slurm-plugins.md: what it shows is what the program prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scrun.cli.lua_run import run as command
from scrun.cli.lua_run_plugin import NAMES
from scrun.workbench.plugins import Inputs, run
from tests.py.docs.page import CHECKOUT, Page, code

PAGE = Page("docs/slurm-plugins.md")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with the page's files."""
    for block in PAGE.blocks():
        for word in block.words:
            if word.startswith("file="):
                (tmp_path / word.removeprefix("file=")).write_text(block.text)
    return tmp_path


def test_runs_print_what_is_shown(directory: Path) -> None:
    """Each command of the page, and its status."""
    shown = [block.text for block in PAGE.blocks() if block.words[:1] == ("console",)]
    assert len(shown) == 2
    for text in shown:
        command, _, output = text.partition("\n")
        words = command.removeprefix("$ scrun ").split()
        done = subprocess.run(
            [sys.executable, "-m", "scrun", *words],
            cwd=directory,
            env={"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        assert done.stdout == output, done.stderr
        assert done.returncode == (0 if "accepted" in output else 1)


def test_every_option_is_explained() -> None:
    """And --job-id, which `lua run` has for other scripts as well."""
    shown = {code(row[0])[0] for row in PAGE.table("option")}
    ours = {f"--{name.replace('_', '-')}" for name in NAMES} - {"--script-type"}
    assert shown == ours | {"--type", "--job-id"}
    assert shown <= {name for one in command.params for name in one.opts}


def test_options_of_the_page_are_taken(directory: Path) -> None:
    """The sample of --options is one that the command takes."""
    names = ("setup_defaults", "pre_submit", "post_submit")
    source = "".join(f"function slurm_cli_{name}() return 0 end\n" for name in names)
    script = directory / "cli_filter.lua"
    script.write_text(source)
    result = run(str(script), None, Inputs(options=str(directory / "options.json")))
    assert {one.field: one.after for one in result.changes} == {"time": "01:30:00", "pty": ""}
