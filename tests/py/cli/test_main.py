"""The command line for people: help, mistakes in one line, the Lua tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scrun.cli.main import main
from scrun.hot.options import VERBS


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a site directory that replaces the settings, and is the one in force."""
    (tmp_path / "scrun.d").mkdir(mode=0o755)
    (tmp_path / "scrun.d" / "settings.lua").write_text("return {}\n")
    (tmp_path / "scrun.d" / "settings.lua").chmod(0o644)
    monkeypatch.setenv("SCRUN_LUA_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("word", ["--help", "-h", "-?", "--usage"])
def test_help_names_every_verb(word: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 0
    printed = capfd.readouterr().out
    assert all(f"  {verb} " in printed for verb in VERBS)


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["version"]])
def test_version_as_engines_parse_it(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capfd.readouterr().out.startswith("scrun version 0.")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("frob web", "frob"),
        ("state", "state"),
        ("state a b", "state"),
        ("create --bundel /b web", "--bundel"),
        ("state --root /r web", "--root goes before state"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(
    line: str, part: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 1
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("scrun: ")
    assert printed.err.count("\n") == 1
    assert part in printed.err


def test_a_mistake_is_one_error_line_in_the_log(tmp_path: Path) -> None:
    file = tmp_path / "log.json"
    assert main(["--log", str(file), "--log-format=json", "frob"]) == 1
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["level"] == "error"


def test_which_tells_the_sites_file_and_what_it_replaces(
    site: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["lua", "which", "settings"]) == 0
    first, second = capfd.readouterr().out.splitlines()
    assert first == f"{site}/scrun.d/settings.lua (site)"
    assert second.endswith("luastd/settings.lua")


def test_which_of_an_unknown_module_fails(site: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["lua", "which", "nosuch"]) == 1
    assert 'no module "scrun.nosuch"' in capfd.readouterr().err


def test_path_lists_the_directories(site: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["lua", "path"]) == 0
    assert f"modules: {site}/scrun.d\n" in capfd.readouterr().out
