"""Scripts of plugins, written and run for a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scrun.workbench.plugins import Inputs, Result, run

MODIFY = "function slurm_job_modify() return slurm.SUCCESS end\n"
CLI = {
    "slurm_cli_setup_defaults": "options",
    "slurm_cli_pre_submit": "options, offset",
    "slurm_cli_post_submit": "offset, job_id, step_id",
}
BURST_BUFFER = (
    *("job_process", "pools", "job_teardown", "setup", "data_in", "test_data_in", "real_size"),
    *("paths", "pre_run", "post_run", "data_out", "test_data_out", "get_status"),
)


class Bench:
    """A directory with a script and its inputs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def json(self, name: str, document: Any) -> str:
        """Write a document; return its path."""
        path = self.directory / f"{name}.json"
        path.write_text(json.dumps(document))
        return str(path)

    def submit(
        self, body: str, job: Any = None, *, before: str = "", inputs: Any = None, **options: Any
    ) -> Result:
        """Run slurm_job_submit with a body; ``job`` is a document, ``inputs`` other Inputs."""
        source = f"{before}\nfunction slurm_job_submit(job, parts, uid)\n{body}\nend\n{MODIFY}"
        path = self.write("job_submit.lua", source)
        given = dict(inputs or {})
        if job is not None:
            given["job"] = self.json("job", job)
        return run(path, "slurm_job_submit", Inputs(uid=1000, **given), **options)

    def filter(self, function: str, bodies: dict[str, str], options: Any = ()) -> Result:
        """Run a cli_filter script up to a function, with bodies by function."""
        source = "".join(
            f"function {name}({parameters})\n{bodies.get(name, 'return 0')}\nend\n"
            for name, parameters in CLI.items()
        )
        path = self.write("cli_filter.lua", source)
        inputs = Inputs(
            options=self.json("options", {} if options == () else options), env={"GIVEN": "yes"}
        )
        return run(path, function, inputs)

    def burst(self, function: str, parameters: str, body: str, **given: Any) -> Result:
        """Run a function of a burst_buffer script; the others of it do nothing."""
        names = [f"slurm_bb_{name}" for name in BURST_BUFFER]
        source = "".join(f"function {name}() return 0 end\n" for name in names)
        source += f"function {function}({parameters})\n{body}\nend\n"
        return run(self.write("burst_buffer.lua", source), function, Inputs(**given))

    def write(self, name: str, source: str) -> str:
        """Write a script; return its path."""
        path = self.directory / name
        path.write_text(source)
        return str(path)


def changes_of(result: Result) -> dict[str, tuple[Any, Any]]:
    """Return before and after by field."""
    return {one.field: (one.before, one.after) for one in result.changes}
