"""Embedding: examples/embed.py runs, and so does all Python of docs/embedding.md."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scrun.lua import DIALECTS
from tests.py.test_layers import HEAVY

CHECKOUT = Path(__file__).resolve().parents[3]
EXAMPLE = CHECKOUT / "examples" / "embed.lua"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    directory = tmp_path / "bundle"
    (directory / "rootfs" / "etc").mkdir(parents=True)
    (directory / "rootfs" / "etc" / "motd").write_text("hello\n")
    config = {
        "ociVersion": "1.0.0",
        "root": {"path": "rootfs"},
        "process": {"env": ["A=1"], "rlimits": [{"type": "RLIMIT_NOFILE"}], "args": []},
        "linux": {"resources": {}},
    }
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(CHECKOUT / "examples" / "embed.py"), *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin", "USER": "somebody"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_the_example_program(bundle: Path, tmp_path: Path, dialect: str) -> None:
    """It shows the paths that were set and what became of config.json, and cleans up."""
    done = run(str(EXAMPLE), "bundle", "--dialect", dialect, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "stage in" and lines[-1] == "stage out"
    staged = lines[1].removeprefix("bundle: ")
    assert lines[2] == f"root file system: {staged}/rootfs"
    assert '+      "SLURM_JOB_ID=1",' in lines and '+      "USER=somebody"' in lines
    assert f'+    "path": "{staged}/rootfs"' in lines and '-    "rlimits": [' in lines
    assert not [line for line in lines if "resources" in line and line[0] in "+-"]
    assert "lua: job 1: staged demo" in done.stderr and "lua: job 1: demo is back" in done.stderr
    assert not Path(staged).exists()
    assert (bundle / "rootfs" / "etc" / "motd").read_text() == "hello\n"


def test_the_example_program_tells_a_scripts_mistake(bundle: Path, tmp_path: Path) -> None:
    script = tmp_path / "scrun.lua"
    script.write_text("local x\nreturn x.y\n")
    done = run(str(script), str(bundle), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"embed: {script}:2: attempt to index")


def test_the_python_of_the_document_runs(bundle: Path, tmp_path: Path) -> None:
    """Block by block, in one namespace, with the names that the text gives to the reader."""
    slow = tmp_path / "slow.lua"
    slow.write_text(
        "function slurm_scrun_stage_out() end\n"
        "function slurm_scrun_stage_in() slurm.allocator_command 'sleep 60' end\n"
    )
    (tmp_path / "spool").mkdir()
    names: dict[str, Any] = {
        "bundle": str(bundle),
        "path": str(EXAMPLE),
        "slow_path": str(slow),
        "spool": str(tmp_path / "spool"),
    }
    blocks = BLOCK.findall((CHECKOUT / "docs" / "embedding.md").read_text())
    assert len(blocks) == 7
    for block in blocks:
        exec(compile(block, "embedding.md", "exec"), names)
    assert names["host"].bundle == f"{tmp_path}/spool/web".encode()
    assert names["dry"].deeds == [
        f"run cp -a -- {bundle}/rootfs/. {tmp_path}/spool/web/rootfs".encode(),
        f"bundle {tmp_path}/spool/web".encode(),
        f"root {tmp_path}/spool/web/rootfs".encode(),
        b"log lua: job 7: staged web",
    ]


def test_a_remote_host_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document's SshHost, with an ssh that runs the line here."""
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nprintf "on %s: " "$1"\nshift\nexec /bin/sh -c "$*"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    names: dict[str, Any] = {}
    for block in BLOCK.findall((CHECKOUT / "docs" / "embedding.md").read_text()):
        if "class SshHost" in block or block.startswith("from scrun.lua import LocalHost"):
            exec(compile(block, "embedding.md", "exec"), names)
    host = names["SshHost"]("n1")
    script = names["SiteScript"](host, stager="unused")
    found = script._runtime.execute(
        b"""
        local status, output = slurm.remote_command('echo "a  b"; exit 3', { nodes = { 'n1' } })
        return status .. output
        """
    )
    assert found == b"3on n1: a  b\n"


def test_what_the_package_exports() -> None:
    """Every name is there, and says what it is."""
    import scrun.lua

    for name in scrun.lua.__all__:
        assert getattr(scrun.lua, name).__doc__


def test_staging_loads_nothing_heavy(bundle: Path) -> None:
    """Every anchor pays for what a script's first command imports; see tests/py/test_layers.py."""
    lupa = subprocess.run(
        [sys.executable, "-c", "import lupa; print(lupa.__path__[0])"],
        capture_output=True,
        text=True,
        check=True,
    )
    code = (
        "import sys; before = set(sys.modules)\n"
        f"sys.path += [{str(CHECKOUT)!r}, {str(Path(lupa.stdout.strip()).parent)!r}]\n"
        "from scrun.lua import LocalHost, SiteScript\n"
        f"script = SiteScript(LocalHost(bundle={str(bundle)!r}), script={str(EXAMPLE)!r})\n"
        f"script.stage_in(id='web', bundle={str(bundle)!r}, spool_dir={str(bundle)!r}, job_id=1)\n"
        "print(' '.join(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "scrun.lua.site" in done.stdout.split()
    assert not HEAVY & set(done.stdout.split())
