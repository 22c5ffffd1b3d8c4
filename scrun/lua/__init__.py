"""Lua for scrun, and for programs that embed it: states, the ``slurm`` table, the site's script."""

from scrun.errors import ScriptError
from scrun.lua.runtime import Runtime
from scrun.lua.site import LocalHost, SiteScript, StageHost

__all__ = ["LocalHost", "Runtime", "ScriptError", "SiteScript", "StageHost"]
