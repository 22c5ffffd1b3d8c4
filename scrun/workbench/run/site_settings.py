"""The settings of the site that is tried out: a module of Lua as well, and it may be wrong."""

from __future__ import annotations

import os
from time import monotonic

from scrun.anchor.policy import Policy
from scrun.host.capture import capture
from scrun.lua.search import SearchPath
from scrun.settings import Settings
from scrun.workbench.run import bypass
from scrun.workbench.run.events import Journal


def read_settings(search: SearchPath, *, timeout_s: float, runs: bool) -> Settings:
    """Return the settings of a site, as an anchor reads them; what is printed is lost.

    Args:
        timeout_s: that it may take; 0: any time.
        runs: commands are run, and not only answered with status 0.

    Raises:
        ScrunError: the file is no Lua, or a value is wrong, or it took too long.
    """
    return _Policy(search, timeout_s, runs=runs).settings()


class _Policy(Policy):
    def __init__(self, search: SearchPath, timeout_s: float, *, runs: bool) -> None:
        super().__init__(search)
        end = monotonic() + (timeout_s or float("inf"))

        def check() -> tuple[str, str] | None:
            late = f"took longer than {timeout_s:g} s (--timeout)"
            return (late, "ETIMEDOUT") if monotonic() > end else None

        def execute(script: bytes) -> int:
            if not runs:
                return 0
            argv = ["/bin/sh", "-c", os.fsdecode(script)]
            return capture(argv, os.environ, timeout_s=timeout_s or None)[0]

        self._runtime.watch(check)
        bypass.install(
            self._runtime,
            Journal(),
            execute=execute,
            trace=lambda _traceback: None,
            files=None,
            scratch_dir="",
            may_exit=False,
        )
