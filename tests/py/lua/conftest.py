"""A site script in every dialect, on a host that remembers what was logged."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from scrun.lua import DIALECTS, LocalHost, Runtime, SearchPath, SiteScript

DATA = Path(__file__).parents[2] / "data"
PARAMETERS = "id, bundle, spool_dir, config_file, job_id, user_id, group_id, job_env"
OUT_PARAMETERS = (
    "id, bundle, orig_bundle, root_path, orig_root_path, spool_dir, config_file, job_id, "
    "user_id, group_id"
)
STAGE_OUT = f"function slurm_scrun_stage_out({OUT_PARAMETERS}) return 0 end\n"


class Host(LocalHost):
    """A LocalHost that remembers what was logged, and what the user was told."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.lines: list[tuple[int, str]] = []
        self.told: list[str] = []

    def log(self, level: int, message: bytes) -> None:
        self.lines.append((level, message.decode()))

    def user_msg(self, message: bytes) -> None:
        self.told.append(message.decode())


class Site:
    """Writes a scrun.lua and runs it."""

    def __init__(self, directory: Path, dialect: str) -> None:
        self.directory = directory
        self.dialect = dialect
        self.host = Host(bundle=str(directory))
        self.script = directory / "scrun.lua"

    def make(self, text: str, **options: Any) -> SiteScript:
        """A script that was not loaded yet."""
        self.script.write_text(text)
        options.setdefault("search", SearchPath(str(self.directory)))
        options.setdefault("dialect", self.dialect)
        return SiteScript(self.host, script=str(self.script), **options)

    def stage_in(self, site: SiteScript, **changes: Any) -> None:
        """Run the stage-in of job 7 with this directory as bundle and spool directory."""
        values: dict[str, Any] = {
            "id": "web",
            "bundle": str(self.directory),
            "spool_dir": str(self.directory),
            "job_id": 7,
            "job_env": [b"A=1", b"B=2"],
        }
        site.stage_in(**values | changes)

    def stage_out(self, site: SiteScript, **changes: Any) -> None:
        """Run the stage-out that belongs to it."""
        bundle = self.host.bundle or b""
        values: dict[str, Any] = {
            "id": "web",
            "bundle": os.fsdecode(bundle),
            "orig_bundle": str(self.directory),
            "spool_dir": str(self.directory),
            "job_id": 7,
        }
        site.stage_out(**values | changes)

    def run(self, body: str, **options: Any) -> SiteScript:
        """Run ``body`` as the stage-in, on line 3 of the script."""
        text = f"{STAGE_OUT}function slurm_scrun_stage_in({PARAMETERS})\n{body}\nreturn 0 end"
        site = self.make(text, **options)
        self.stage_in(site)
        return site


@pytest.fixture(params=list(DIALECTS))
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def runtime(dialect: str) -> Runtime:
    return Runtime(dialect)


@pytest.fixture
def site(tmp_path: Path, dialect: str) -> Site:
    tmp_path.chmod(0o755)
    return Site(tmp_path, dialect)


@pytest.fixture
def site54(tmp_path: Path) -> Site:
    """For what does not depend on the dialect."""
    tmp_path.chmod(0o755)
    return Site(tmp_path, "5.4")
