"""README and the documents: paths, links, commands and tables that exist."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest

from scrun.lua.runtime import Runtime
from scrun.lua.search import SearchPath
from tests.py.docs.page import CHECKOUT, Page, code

README = Page("README.md")
ADMIN = Page("docs/admin.md")
JOB_OPTIONS = Page("docs/job-options.md")
PAGES = [README, *(Page(f"docs/{path.name}") for path in sorted((CHECKOUT / "docs").glob("*.md")))]
MAKE = re.compile(r"\bmake ([a-z]+)\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)
def test_links_lead_somewhere(page: Page) -> None:
    """A relative link names a file of the checkout, its anchor a heading there."""
    for link in page.links():
        if link.startswith(("http:", "https:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.exists(), link
        if anchor:
            assert anchor in Page(str(target.relative_to(CHECKOUT))).anchors(), link


def test_readme_names_what_there_is() -> None:
    """Every path of "Where is what" exists, and every part of scrun is in it."""
    rows = README.table("Path")
    paths = {path for row in rows for path in code(row[0])}
    missing = [path for path in paths if not (CHECKOUT / path).exists()]
    assert rows and not missing
    parts = {f"scrun/{path.parent.name}/" for path in CHECKOUT.glob("scrun/*/__init__.py")}
    parts |= {f"luastd/{path.name}/" for path in (CHECKOUT / "luastd").iterdir() if path.is_dir()}
    assert parts - {"luastd/test/"} <= paths


def test_examples_that_readme_names_exist() -> None:
    """Names in the row of examples/ count from there."""
    (row,) = [row for row in README.table("Path") if row[0] == "`examples/`"]
    assert code(row[1]) and all((CHECKOUT / "examples" / name).exists() for name in code(row[1]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)
def test_make_targets_exist(page: Page) -> None:
    """``make X`` in code is a target of the Makefile."""
    shown = "\n".join(block.text for block in page.blocks()) + " ".join(code(page.prose()))
    for target in set(MAKE.findall(shown)):
        done = subprocess.run(
            ["make", "--dry-run", "--always-make", target], cwd=CHECKOUT, capture_output=True
        )
        assert done.returncode == 0, f"make {target}: {done.stderr.decode()}"


def test_readme_opens_with_two_commands() -> None:
    """``make demo`` and ``make test``, before anything else that one could type."""
    first = README.blocks()[0].text
    assert [line.split()[:2] for line in first.splitlines()] == [["make", "demo"], ["make", "test"]]


def lua(script: str) -> Any:
    """Run Lua that may require the shipped modules; return what it returns, as Python has it."""
    runtime = Runtime("5.4", search=SearchPath(None))
    return runtime.to_python(runtime.execute(script.encode()), text=True)


def test_every_setting_is_documented_with_its_default() -> None:
    """The table has the settings of luastd/settings.lua, in their order, as Lua writes them."""
    source = (CHECKOUT / "luastd/settings.lua").read_text()
    names = re.findall(r"^  (\w+) = ", source, re.MULTILINE)
    values = lua("return (require 'luastd.settings')")
    rows = ADMIN.table("setting")
    assert [code(row[0])[0] for row in rows] == names
    for row in rows:
        shown = lua(f"return {{ {code(row[1])[0]} }}")
        (name,) = code(row[0])
        value = values.get(name)
        expected = [] if value is None else [value]
        assert (shown or []) == expected, name
        assert row[2]


def test_every_job_option_is_documented() -> None:
    """The table has the inputs of luastd/job/options.lua, their options and what they are."""
    options = lua("return (require 'luastd.job.options')")
    rows = JOB_OPTIONS.table("variable")
    assert len(rows) == len(options["inputs"])
    for row, given in zip(rows, options["inputs"], strict=True):
        option = given["option"]
        assert (code(row[0]), code(row[1])) == ([f"SCRUN_{given['name']}"], [f"--{option}"])
        notes = re.split(r", ", row[2])
        assert ("step" in notes) == (option in options["srun"]), row
        assert ("flag" in notes) == (option in options["flags"]), row
        assert ("flag or value" in notes) == (option in options["optional"]), row
        also = given.get("also", []) + given.get("everywhere", [])
        assert [name for name in code(row[2]) if name != "@"] == also, row
