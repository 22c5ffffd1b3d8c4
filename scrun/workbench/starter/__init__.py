"""What a new site's repository begins with: a script, its spec, types for editors, a CI job.

The scripts and specs are the Lua files beside this one, as a site gets them.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from scrun.errors import ScrunError
from scrun.lua.search import shipped_dir
from scrun.workbench.catalog import load

HERE = Path(__file__).parent
SCHEMA = "https://raw.githubusercontent.com/LuaLS/vscode-lua/master/setting/schema.json"
GITHUB = """\
# Checks and tests {script} at every push. `pip install` takes scrun from where your site keeps it.
name: {type}
on: [push, pull_request]
jobs:
  lua:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {{ python-version: "3.13" }}
      - run: pip install scrun
      - run: scrun lua check {options}{script}
      - run: scrun lua test {spec}
"""
GITLAB = """\
# Checks and tests {script} at every push. `pip install` takes scrun from where your site keeps it.
{type}:
  image: python:3.13
  script:
    - pip install scrun
    - scrun lua check {options}{script}
    - scrun lua test {spec}
"""
CI = {
    "github": (".github/workflows/{type}-lua.yml", GITHUB),
    "gitlab": (".gitlab-ci.yml", GITLAB),
}


@dataclass(frozen=True)
class NewFile:
    """A file to write: where below the directory, what, and what a person is told of it."""

    path: str
    text: str
    purpose: str


def plan(script_type: str, *, dialect: str, ci: str | None) -> list[NewFile]:
    """Return the files of a new directory.

    Args:
        script_type: one of the catalog's.
        dialect: of Lua, for the language server.
        ci: ``github``, ``gitlab`` or None.
    """
    script, spec = f"{script_type}.lua", f"spec/{script_type}_spec.lua"
    files = [
        NewFile(script, (HERE / script).read_text(), "the script"),
        NewFile(spec, (HERE / f"{script_type}_spec.lua").read_text(), "its spec"),
        NewFile(".luarc.json", _luarc(dialect), "types, for editors with the Lua language server"),
    ]
    if ci is not None:
        path, text = CI[ci]
        options = "" if script_type == "scrun" else f"--type {script_type} "
        files.append(
            NewFile(
                path.format(type=script_type),
                text.format(type=script_type, script=script, spec=spec, options=options),
                "checks and tests at every push",
            )
        )
    return files


def write(directory: Path, files: list[NewFile]) -> list[NewFile]:
    """Write the files and return those that were not there; one that is there already stays.

    They are writable by their owner only, whatever the umask: scrun refuses other scripts.

    Raises:
        ScrunError: a file is there with another text (EXISTS; nothing was written), or cannot be
            written.
    """
    missing = [one for one in files if not os.path.lexists(directory / one.path)]
    for one in files:
        if one not in missing and _read(directory / one.path) != one.text:
            raise ScrunError(
                f"lua init: {directory / one.path} is there already",
                code="EXISTS",
                hint="nothing was written",
            )
    try:
        for one in missing:
            path = directory / one.path
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w") as file:
                file.write(one.text)
                os.fchmod(file.fileno(), 0o644)
    except OSError as err:
        raise ScrunError(f"lua init: write {err.filename or directory}: {err.strerror}") from err
    return missing


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return None


def _luarc(dialect: str) -> str:
    """Return the settings of the language server: this installation's types, for all scripts."""
    settings = {
        "$schema": SCHEMA,
        "runtime.version": "LuaJIT" if dialect == "luajit" else f"Lua {dialect}",
        "workspace.library": [f"{os.path.realpath(shipped_dir())}/meta"],
        "workspace.checkThirdParty": False,
        "diagnostics.globals": list(load().entries),
    }
    return json.dumps(settings, indent=2) + "\n"
