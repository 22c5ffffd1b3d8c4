"""docs/lua-check.md: its rules and its options are those of the program, its comments work."""

from __future__ import annotations

from scrun.cli.lua_check import check
from scrun.workbench.check import Options, check_source
from scrun.workbench.check.page import replace_rules
from tests.py.docs.page import Page, code

PAGE = Page("docs/lua-check.md")


def test_the_rules_are_up_to_date() -> None:
    """The part between the marks is what the program would write there."""
    text = PAGE.path.read_text()
    assert replace_rules(text) == text


def test_every_option_is_explained() -> None:
    """And none that there is not."""
    shown = {code(row[0])[0].split()[0] for row in PAGE.table("option")}
    known = {name for one in check.params for name in one.opts if name.startswith("--")}
    assert shown == known


def test_the_comments_that_are_shown_silence() -> None:
    """Taken as they stand there, nothing is found of what they name."""
    (shown,) = [block.text for block in PAGE.blocks() if "scrun: ignore-file" in block.text]
    found = {one.rule for one in check_source(shown.encode(), "m.lua", Options("module"))}
    silenced = {"ignored-status", "shell-quote", "global-function"}
    assert found and not found & silenced
    loud = shown.replace("scrun:", "")
    assert {one.rule for one in check_source(loud.encode(), "m.lua", Options("module"))} & silenced
