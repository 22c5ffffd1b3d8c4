"""What the tests of ``scrun lua run`` and of ``scrun lua repl`` share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrun.lua.engines import DIALECTS
from tests.py.workbench.repl_prompt import Start
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


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start sessions of a user with an empty home and an empty site."""
    site = tmp_path / "site"
    site.mkdir(mode=0o755)
    site.chmod(0o755)
    starter = Start(
        {
            **{"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd(), "HOME": str(tmp_path)},
            **{"XDG_STATE_HOME": str(tmp_path / "state"), "SCRUN_LUA_DIR": str(site)},
            **{"TERM": "vt100", "NO_COLOR": "1", "INPUTRC": "/dev/null", "PYTHONUTF8": "1"},
        }
    )
    yield starter
    for prompt in starter.prompts:
        prompt.child.close(force=True)
