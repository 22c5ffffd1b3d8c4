"""What the tests of ``scrun lua run`` share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scrun.lua.engines import DIALECTS
from tests.py.workbench.run_script import Runner


@pytest.fixture
def runner(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Runner:
    """A site's directory, and what runs scripts in it."""
    directory = tmp_path / "site"
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    return Runner(directory, capfd)


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    """Each dialect of Lua."""
    return str(request.param)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle whose root filesystem lies in it."""
    directory = tmp_path / "bundle"
    (directory / "rootfs/etc").mkdir(parents=True)
    (directory / "rootfs/etc/motd").write_text("hello\n")
    config = {
        "ociVersion": "1.1.0",
        "process": {"args": ["sh"], "env": ["PATH=/bin"], "cwd": "/", "rlimits": []},
        "root": {"path": "rootfs"},
        "hostname": "one",
        "annotations": {"mark": "yes"},
    }
    (directory / "config.json").write_text(json.dumps(config))
    return directory
