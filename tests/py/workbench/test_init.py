"""``scrun lua init``: what it writes works as it is, and nothing is ever overwritten."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from scrun.cli.main import main
from scrun.lua import DIALECTS, LocalHost, Runtime, SearchPath, SiteScript
from scrun.lua.search import shipped_dir
from scrun.workbench.catalog import SCRIPT_TYPES, load

BUNDLE_CONFIG = Path(__file__).parents[2] / "data/config-podman.json"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is not there yet; no site's settings are in force."""
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "none/slurm.conf"))
    monkeypatch.delenv("SCRUN_LUA_DIR", raising=False)
    return tmp_path / "site"


def read_tree(directory: Path) -> dict[str, str]:
    """Return the files below a directory by their paths in it."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_text() for path in files}


@pytest.mark.parametrize("script_type", SCRIPT_TYPES)
def test_everything_is_written_and_told(
    capfd: pytest.CaptureFixture[str], site: Path, script_type: str
) -> None:
    """Script, spec, settings of the language server, CI; each is named, and what to do next."""
    assert main(["lua", "init", str(site), "--type", script_type]) == 0
    told = capfd.readouterr().out
    assert set(read_tree(site)) == {
        f"{script_type}.lua",
        f"spec/{script_type}_spec.lua",
        ".luarc.json",
        f".github/workflows/{script_type}-lua.yml",
    }
    assert all(str(site / path) in told for path in read_tree(site))
    assert f"cd {site}" in told and "scrun lua check" in told and "scrun lua test" in told


def test_types_are_those_of_this_installation(site: Path) -> None:
    """.luarc.json leads the language server to luastd/meta, and names what scripts define."""
    assert main(["lua", "init", str(site), "--lua", "luajit"]) == 0
    settings = json.loads((site / ".luarc.json").read_text())
    (library,) = settings["workspace.library"]
    assert os.path.samefile(library, f"{shipped_dir()}/meta")
    assert (Path(library) / "slurm.lua").is_file()
    assert settings["runtime.version"] == "LuaJIT"
    assert settings["diagnostics.globals"] == list(load().entries)


def test_nothing_is_overwritten(capfd: pytest.CaptureFixture[str], site: Path) -> None:
    """One file with another text, and none is written: status 1, one line."""
    site.mkdir()
    (site / "scrun.lua").write_text("-- mine\n")
    assert main(["lua", "init", str(site)]) == 1
    out, err = capfd.readouterr()
    assert out == "" and len(err.splitlines()) == 1
    assert f"{site}/scrun.lua is there already" in err
    assert read_tree(site) == {"scrun.lua": "-- mine\n"}


def test_a_link_that_leads_nowhere_is_there_too(site: Path) -> None:
    """It is neither followed nor replaced."""
    site.mkdir()
    (site / ".luarc.json").symlink_to(site / "elsewhere")
    assert main(["lua", "init", str(site)]) == 1
    assert not (site / "elsewhere").exists() and not (site / "scrun.lua").exists()


def test_types_share_a_directory(capfd: pytest.CaptureFixture[str], site: Path) -> None:
    """A file that is there with the same text is no obstacle, so a second type can be added."""
    assert main(["lua", "init", str(site)]) == 0
    before = read_tree(site)
    assert main(["lua", "init", str(site), "--type", "job_submit"]) == 0
    after = read_tree(site)
    assert before.items() < after.items() and "job_submit.lua" in after
    assert "(it was there)" in capfd.readouterr().out


def test_what_is_written_is_accepted_as_a_site(site: Path) -> None:
    """scrun refuses scripts that a group can write: no umask makes these so."""
    umask = os.umask(0o002)
    try:
        assert main(["lua", "init", str(site)]) == 0
    finally:
        os.umask(umask)
    site.chmod(0o755)
    assert SearchPath(str(site), strict=True).script() == str(site / "scrun.lua")


def test_here_is_the_default(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without DIR it is the working directory; without a CI there is no snippet."""
    site.mkdir()
    monkeypatch.chdir(site)
    assert main(["lua", "init", "--ci", "none"]) == 0
    assert set(read_tree(site)) == {"scrun.lua", "spec/scrun_spec.lua", ".luarc.json"}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("script_type", SCRIPT_TYPES)
def test_scripts_define_what_slurm_calls(site: Path, script_type: str, dialect: str) -> None:
    """In every dialect each starter loads and has every required function."""
    assert main(["lua", "init", str(site), "--type", script_type]) == 0
    state = Runtime(dialect, search=SearchPath(None))
    for module in ("host", "scrun.stage.bundle", "scrun.settings"):  # of a site's state
        state.module(module)
    state.call(state.load_file(str(site / f"{script_type}.lua")))
    for entry in load().entries_of(script_type):
        assert state.execute("return type(_G[...])", "test", entry.name) == b"function"


def test_starter_stages_a_container(site: Path, tmp_path: Path) -> None:
    """The starter scrun.lua prepares a real bundle, and leaves nothing of it."""
    assert main(["lua", "init", str(site)]) == 0
    bundle = tmp_path / "bundle"
    (bundle / "rootfs").mkdir(parents=True)
    config = json.loads(BUNDLE_CONFIG.read_text())
    config["root"]["path"] = "rootfs"
    (bundle / "config.json").write_text(json.dumps(config))
    (tmp_path / "spool").mkdir()
    before = read_tree(bundle)
    host = LocalHost(bundle=str(bundle))
    script = SiteScript(host, script=str(site / "scrun.lua"), search=SearchPath(str(site)))
    values: dict[str, Any] = {
        "id": "web",
        "bundle": str(bundle),
        "spool_dir": str(tmp_path / "spool"),
        "job_id": 7,
        "user_id": 1000,
        "group_id": 1000,
    }
    script.stage_in(**values)
    staged = bundle / ".scrun-7"
    assert host.bundle == os.fsencode(staged)
    found = json.loads((staged / "config.json").read_text())
    assert found["root"]["path"] == str(bundle / "rootfs")
    values.update(bundle=str(staged), orig_bundle=str(bundle))
    script.stage_out(**values)
    assert read_tree(bundle) == before and not staged.exists()


@pytest.mark.parametrize("ci", ["github", "gitlab"])
@pytest.mark.parametrize("script_type", SCRIPT_TYPES)
def test_ci_snippet_is_green(
    site: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    script_type: str,
    ci: str,
) -> None:
    """Each `scrun` command of the snippet succeeds in the new directory, and says nothing odd."""
    yaml = pytest.importorskip("yaml")
    assert main(["lua", "init", str(site), "--type", script_type, "--ci", ci]) == 0
    monkeypatch.chdir(site)
    if ci == "github":
        snippet = yaml.safe_load((site / f".github/workflows/{script_type}-lua.yml").read_text())
        lines = [step.get("run", "") for step in snippet["jobs"]["lua"]["steps"]]
    else:
        snippet = yaml.safe_load((site / ".gitlab-ci.yml").read_text())
        lines = snippet[script_type]["script"]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("scrun ")]
    assert [command[:2] for command in commands] == [["lua", "check"], ["lua", "test"]]
    for command in commands:
        capfd.readouterr()
        assert main(command) == 0, capfd.readouterr()
