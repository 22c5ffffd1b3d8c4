"""docs/workbench.md, typed by a new user on a machine without Slurm, from first line to last."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scrun.lua import DIALECTS
from scrun.workbench.catalog import SCRIPT_TYPES
from tests.py.docs.page import Block, Page, code
from tests.py.docs.session import check, parse

PAGE = Page("docs/workbench.md")
FOLLOWED = [block for block in PAGE.blocks() if block.words in (("console",), ("diff",))]
BUDGET_S = 120.0  # the commands alone; the page says ten minutes for a person who reads


class Reader:
    """Does what the page says, in a home of his own."""

    def __init__(self, home: Path) -> None:
        self.directory = home
        self.environment = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        }

    def follow(self, block: Block) -> None:
        """Type a block of commands, or make the change that a diff shows."""
        if block.words == ("console",):
            check(block, self.run)
            return
        apply = ["git", "apply", "--whitespace=nowarn", "-"]
        done = self._start(apply, block.text)
        assert done.returncode == 0, f"line {block.line}: {done.stdout}"

    def run(self, script: str) -> str:
        """Run a shell script where the last one ended; return all that it prints."""
        place = Path(self.environment["HOME"]) / ".place"
        done = self._start(["sh"], f"trap 'pwd >{place}' EXIT\n{script}")
        self.directory = Path(place.read_text().strip())
        return done.stdout

    def _start(self, argv: list[str], text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            input=text,
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Somebody who has the package and nothing else."""
    return Reader(tmp_path)


def test_the_page_is_true(reader: Reader) -> None:
    """Each command prints what the page shows; the last test of the site is green, in minutes."""
    began = time.monotonic()
    for block in FOLLOWED:
        reader.follow(block)
    assert time.monotonic() - began < BUDGET_S
    assert len(FOLLOWED) > 15


def test_it_goes_all_the_way() -> None:
    """The tools of the workbench are all on the page's way, and green ends are on it."""
    blocks = [block.text for block in FOLLOWED if block.words == ("console",)]
    typed = "\n".join(command for text in blocks for command, _ in parse(text))
    for tool in ("init", "check", "run", "cassette", "doc", "repl", "test"):
        assert f"scrun lua {tool}" in typed
    assert "--record" in typed and "--replay" in typed
    assert "6 passed, 0 failed" in PAGE.text


def values_of(dialect: str, expressions: list[str], reader: Reader) -> list[str]:
    """Return what expressions are in a dialect, as a script would print them."""
    script = (
        "local function show(ok, ...)\n"
        "  local shown = {}\n"
        "  for at = 1, select('#', ...) do shown[at] = tostring((select(at, ...))) end\n"
        "  print(ok and table.concat(shown, ' ') or 'error')\nend\n"
    )
    for expression in expressions:
        quoted = f"[==[return {expression}]==]"
        script += f"show(pcall(loadstring({quoted}) or error))\n"
    (reader.directory / "probe.lua").write_text(script)
    printed = reader.run(f"exec 2>&1; scrun lua repl --lua {dialect} <probe.lua")
    return printed.splitlines()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects_differ_as_the_table_says(reader: Reader, dialect: str) -> None:
    """Each cell is what the expression is in a state of that dialect."""
    rows = PAGE.table("Lua")
    (header,) = re.findall(r"^\| Lua \|(.*)\|$", PAGE.text, re.MULTILINE)
    column = 1 + [cell.strip() for cell in header.split("|")].index(dialect)
    found = values_of(dialect, [code(row[0])[0] for row in rows], reader)
    assert len(rows) > 15
    assert dict(zip([row[0] for row in rows], found, strict=True)) == {
        row[0]: row[column] for row in rows
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects_agree_where_the_page_says(reader: Reader, dialect: str) -> None:
    """The names that it lists are in every dialect."""
    (listed,) = re.findall(r"these are there in all:(.*?)\. A number", PAGE.text, re.DOTALL)
    names = [name for name in code(listed) if name != "load"]
    assert len(names) > 8
    kinds = values_of(dialect, [f"type({name})" for name in names], reader)
    assert kinds == ["function"] * len(names)
    assert values_of(dialect, ["load('return 7')()"], reader) == ["7"]


@pytest.mark.parametrize("script_type", SCRIPT_TYPES)
def test_what_init_tells_to_do_next_works(reader: Reader, script_type: str) -> None:
    """Its commands, one after the other, as they stand."""
    told = reader.run(f"scrun lua init site --type {script_type}")
    commands = [
        re.split(r" {2,}", line.strip())[0] for line in told.split("Next\n")[1].splitlines()
    ]
    assert len(commands) >= 5
    shown = "".join(f"$ {command} >/dev/null\n" for command in commands)
    check(Block((), shown, 1), reader.run)


def test_the_session_of_readme_is_true(reader: Reader) -> None:
    """It is typed at the top of the checkout, of which nothing is changed."""
    readme = Page("README.md")
    reader.run(f"cp -r {readme.path.parent}/examples . && chmod -R go-w examples")
    blocks = [block for block in readme.blocks() if block.words == ("console",)]
    assert blocks
    for block in blocks:
        reader.follow(block)
