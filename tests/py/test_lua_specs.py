"""Run tests/lua by ``scrun lua test``, in every dialect of Lua that a site may choose."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from scrun.lua import DIALECTS

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_specs(dialect: str, tmp_path: Path) -> None:
    """All of luastd runs in Lua 5.1 to 5.5 and LuaJIT, and does what its specs say."""
    report = tmp_path / "junit.xml"
    command = [sys.executable, "-m", "scrun", "lua", "test", "tests/lua", "--lua", dialect]
    ended = subprocess.run(
        [*command, "--junit", str(report)], cwd=CHECKOUT, capture_output=True, text=True
    )
    cases = list(xml.parse(report).iter("testcase")) if report.exists() else []
    passed = [case for case in cases if not len(case)]
    if ended.returncode or len(passed) < len(cases):
        pytest.fail(f"{ended.stdout}{ended.stderr}", pytrace=False)
    assert len(cases) > 110  # a moved directory must not turn the suite into nothing
