"""``scrun lua``: which file wins, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scrun.cli.main import main

SETTINGS = "return {}\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory of the caller's with a scrun.d in it, in force by SCRUN_LUA_DIR."""
    directory = tmp_path / "site"
    (directory / "scrun.d").mkdir(mode=0o755, parents=True)
    directory.chmod(0o755)
    (directory / "scrun.d").chmod(0o755)
    monkeypatch.setenv("SCRUN_LUA_DIR", str(directory))
    return directory


def test_which_names_the_shipped_module(capfd: pytest.CaptureFixture[str], site: Path) -> None:
    assert main(["lua", "which", "settings", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["kind"] == "shipped"
    assert found["path"].endswith("/luastd/settings.lua")
    assert found["shadowed"] == []


def test_which_names_the_sites_module_and_what_it_replaces(
    capfd: pytest.CaptureFixture[str], site: Path
) -> None:
    own = site / "scrun.d" / "settings.lua"
    own.write_text(SETTINGS)
    own.chmod(0o644)
    assert main(["lua", "which", "settings"]) == 0
    first, reason, replaced = capfd.readouterr().out.splitlines()
    assert first == str(own)
    assert "SCRUN_LUA_DIR" in reason
    assert replaced.endswith("/luastd/settings.lua")


def test_luastd_is_always_the_shipped_one(capfd: pytest.CaptureFixture[str], site: Path) -> None:
    own = site / "scrun.d" / "settings.lua"
    own.write_text(SETTINGS)
    own.chmod(0o644)
    assert main(["lua", "which", "luastd.settings", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["kind"] == "shipped"


def test_an_unknown_module_is_an_error(capfd: pytest.CaptureFixture[str], site: Path) -> None:
    assert main(["lua", "which", "verbs.nonsense"]) == 1
    assert 'no module "scrun.verbs.nonsense"' in capfd.readouterr().err


def test_which_refuses_a_module_that_others_can_write(
    capfd: pytest.CaptureFixture[str], site: Path
) -> None:
    own = site / "scrun.d" / "settings.lua"
    own.write_text(SETTINGS)
    own.chmod(0o666)
    assert main(["lua", "which", "settings"]) == 1
    assert "writable by" in capfd.readouterr().err


def test_path_follows_the_option_before_the_variable(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCRUN_LUA_DIR", raising=False)
    monkeypatch.setenv("SLURM_CONF", "/from/environment/slurm.conf")
    assert main(["-f", "/from/option/slurm.conf", "lua", "path", "--json"]) == 0
    places = json.loads(capfd.readouterr().out)
    assert places["script"] == "/from/option/scrun.lua"
    assert main(["lua", "path", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["site"] == "/from/environment/scrun.d"
