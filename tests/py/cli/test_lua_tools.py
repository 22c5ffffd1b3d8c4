"""``scrun lua``: which file wins, and why."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
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


Write = Callable[[str], Path]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def write(site: Path) -> Write:
    """Write a module of the site, by its path below scrun.d."""

    def write_module(name: str) -> Path:
        own = site / "scrun.d" / name
        own.parent.mkdir(mode=0o755, exist_ok=True)
        own.parent.chmod(0o755)
        own.write_text(SETTINGS)
        own.chmod(0o644)
        return own

    return write_module


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run ``scrun lua``; return status, stdout and stderr."""

    def run_lua(*words: str) -> tuple[int, str, str]:
        status = main(["lua", *words])
        return status, *capfd.readouterr()

    return run_lua


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


@pytest.mark.parametrize("name", ["verbs.kill", "stage.shared", "job.request", "oci.env"])
def test_which_takes_every_spelling(run: Run, write: Write, name: str) -> None:
    """The module's name, with scrun before it or without, and its path; each kind of module."""
    path = name.replace(".", "/") + ".lua"
    own = write(path)
    for spelling in (name, f"scrun.{name}", path):
        status, out, _ = run("which", spelling)
        assert status == 0
        assert out.startswith(f"{own}\n  the site's own, SCRUN_LUA_DIR\n  replaces /")


def test_which_shows_the_chain_of_a_refused_module(run: Run, write: Write) -> None:
    """Nothing runs until it is put right: the shipped one does not step in."""
    own = write("verbs/kill.lua")
    own.chmod(0o664)
    status, out, err = run("which", "verbs.kill")
    first, second, third = out.splitlines()
    assert (status, first, second) == (1, str(own), "  refused")
    assert third.startswith("  would replace ") and third.endswith("luastd/verbs/kill.lua")
    assert f"{own} is refused: it is writable by its group" in err
    status, out, _ = run("which", "verbs.kill", "--json")
    found = json.loads(out)
    assert (status, found["kind"]) == (1, "refused")
    assert [one["standing"] for one in found["chain"]] == ["refused", "shadowed"]


def test_a_directory_that_others_can_write_refuses_all_in_it(run: Run, write: Write) -> None:
    """The modules that the site does not have come from luastd all the same."""
    own = write("stage/shared.lua")
    own.parent.chmod(0o777)
    status, out, err = run("which", "stage.shared")
    assert status == 1 and "refused" in out
    assert f"{own.parent} is refused: it is writable by everybody" in err
    assert run("which", "stage.rsync")[0] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_which_refuses_a_file_of_another_user(run: Run, write: Write) -> None:
    own = write("settings.lua")
    os.chown(own, 12345, 12345)
    status, _, err = run("which", "settings")
    assert status == 1 and "it belongs to uid 12345, not to the caller" in err


def test_which_says_what_the_directory_in_force_keeps_out(
    run: Run, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SCRUN_LUA_DIR the files beside slurm.conf do not count, and that is not silent."""
    other = tmp_path / "etc" / "scrun.d" / "settings.lua"
    other.parent.mkdir(parents=True)
    other.write_text(SETTINGS)
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "etc" / "slurm.conf"))
    own = write("settings.lua")
    _, out, _ = run("which", "settings")
    assert out.splitlines()[0] == str(own)
    assert f"  not {other}, beside SLURM_CONF, which SCRUN_LUA_DIR goes before" in out
    assert (
        f"ignored  {tmp_path}/etc, beside SLURM_CONF: SCRUN_LUA_DIR goes before" in run("path")[1]
    )
    monkeypatch.delenv("SCRUN_LUA_DIR")
    assert run("which", "settings")[1].splitlines()[0] == str(other)


def test_an_unknown_module_brings_the_nearest_names(run: Run, site: Path) -> None:
    """A wrong letter, a wrong directory, none at all."""
    for name, meant in (
        ("verbs.kil", "verbs.kill"),
        ("verb.kill", "verbs.kill"),
        ("kill", "verbs.kill"),
        ("setting", "settings"),
        ("scrun.stage.rsnyc", "stage.rsync"),
    ):
        status, _, err = run("which", name)
        assert status == 1 and f"did you mean {meant}" in err, name
    assert "did you mean" not in run("which", "xyzzy")[2]


def test_which_without_a_name_lists_all(run: Run, write: Write) -> None:
    """Every module of luastd that a site may replace, and what the site adds to them."""
    replaced, added, mistaken = (
        write(name) for name in ("verbs/kill.lua", "stage/lustre.lua", "verbs/delte.lua")
    )
    status, out, _ = run("which")
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in out.splitlines()}
    assert status == 0
    assert rows["verbs.start"] == ["shipped"]
    assert rows["verbs.kill"] == ["site", f"{replaced}, replaces the shipped one"]
    assert rows["stage.lustre"] == ["site", str(added)]
    assert rows["verbs.delte"][1] == f"{mistaken}, replaces nothing; meant for verbs.delete?"
    assert {"settings", "job.request", "oci.env"} <= set(rows)
    assert not [name for name in rows if name.startswith(("meta", "test"))]
    listed = json.loads(run("which", "--json")[1])
    assert {one["module"]: one["kind"] for one in listed}["scrun.verbs.kill"] == "site"


def test_the_list_shows_what_is_refused_and_fails(run: Run, write: Write) -> None:
    own = write("verbs/kill.lua")
    own.chmod(0o666)
    status, out, err = run("which")
    (row,) = [line for line in out.splitlines() if line.startswith("verbs.kill ")]
    assert row.split()[1] == "refused" and "writable by everybody" in row
    assert status == 1 and "writable by everybody" in err


def test_which_of_the_script(run: Run, site: Path) -> None:
    """scrun.lua is no module, and takes the place of the stagers."""
    assert "no scrun.lua in" in run("which", "scrun.lua")[2]
    script = site / "scrun.lua"
    script.write_text("")
    script.chmod(0o644)
    status, out, _ = run("which", "scrun.lua")
    assert status == 0 and out.startswith(f"{script}\n  the site's script, SCRUN_LUA_DIR")
    assert f"  {script} takes the stagers' place" in run("which", "stage.rsync")[1]
    script.chmod(0o666)
    status, out, err = run("which", "scrun.lua")
    assert (status, out) == (1, f"{script}\n  refused\n")
    assert "writable by everybody" in err


def test_path_shows_what_is_refused(run: Run, site: Path) -> None:
    script = site / "scrun.lua"
    script.write_text("")
    script.chmod(0o666)
    status, out, err = run("path")
    assert out.splitlines()[0] == f"script   {script} (refused), SCRUN_LUA_DIR"
    assert status == 1 and "writable by everybody" in err
    assert list(json.loads(run("path", "--json")[1])["refused"]) == ["script"]
    script.unlink()
    assert run("path")[0] == 0
