"""Call ``scrun lua run`` in this process, with a script that a test has written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scrun.cli.main import main

PARAMETERS = "id, bundle, spool_dir, config_file, job_id, user_id, group_id, job_env"
OUT_PARAMETERS = (
    "id, bundle, orig_bundle, root_path, orig_root_path, spool_dir, config_file, job_id, "
    "user_id, group_id"
)


EDIT = """
local json = require 'json'
local file = io.open(config_file) local config = json.decode(file:read '*a') file:close()
config.process.rlimits, config.hostname = nil, 'other'
slurm.allocator_command('mkdir -p /nonexistent/staged')
file = assert(io.open('/nonexistent/staged/config.json', 'w'))
file:write(json.encode(config)) file:close()
slurm.set_bundle_path('/nonexistent/staged')
slurm.set_root_path('/nonexistent/staged/rootfs')
"""


def snapshot(directory: Path) -> dict[str, Any]:
    """Return all files below a directory, with content, mode and time."""
    return {
        str(path): (path.read_bytes() if path.is_file() else None, path.lstat())
        for path in sorted(directory.rglob("*"))
    }


class Done:
    """How a call ended: the status and both streams."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err

    @property
    def document(self) -> dict[str, Any]:
        """What ``--json`` printed."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind in the document."""
        return [event for event in self.document["events"] if event["event"] == kind]

    def commands(self) -> list[str]:
        """Return the commands in the document, as one would type them."""
        return [event["text"] for event in self.events("command")]

    def logged(self) -> list[str]:
        """Return the logged lines in the document."""
        return [event["text"].removeprefix("lua: ") for event in self.events("logged")]


class Runner:
    """Writes scripts into a directory and runs them."""

    def __init__(self, directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self.script = directory / "scrun.lua"
        self._capfd = capfd

    def write(self, text: str) -> Path:
        """Write the script."""
        self.script.write_text(text)
        self.script.chmod(0o644)
        return self.script

    def write_stages(self, stage_in: str = "", stage_out: str = "", before: str = "") -> Path:
        """Write a script of these bodies; stage_in's begins on line 2 when ``before`` is empty."""
        end = "end return 0 end\n"
        return self.write(
            f"{before}function slurm_scrun_stage_in({PARAMETERS})\ndo {stage_in}\n{end}"
            f"function slurm_scrun_stage_out({OUT_PARAMETERS})\ndo {stage_out}\n{end}"
        )

    def override(self, verb: str, text: str) -> Path:
        """Write a module of the site's for a verb."""
        return self.write_module(f"verbs/{verb}", text)

    def write_module(self, name: str, text: str) -> Path:
        """Write a module of the site's, such as ``stage/own``."""
        module = self.directory / f"scrun.d/{name}.lua"
        module.parent.mkdir(parents=True, exist_ok=True)
        for directory in (module.parent, module.parent.parent):
            directory.chmod(0o755)
        module.write_text(text)
        module.chmod(0o644)
        return module

    def __call__(self, *args: str, tool: str = "run") -> Done:
        """Run ``scrun lua run SCRIPT ARGS``; with another tool, or run-file, ARGS alone."""
        self._capfd.readouterr()
        file = [str(self.script)] if tool == "run" else []
        status = main(["lua", tool.removesuffix("-file"), *file, *args])
        out, err = self._capfd.readouterr()
        return Done(status, out, err)

    def json(self, *args: str) -> Done:
        """Run with ``--json``; it must end well."""
        done = self("--json", *args)
        assert done.status == 0, done.err
        return done
