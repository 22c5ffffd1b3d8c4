"""Lua for scrun, and for programs that embed it: states, the ``slurm`` table, the site's script.

The API of embedding programs is what this module exports; docs/embedding.md shows it in use.
"""

from scrun.errors import ConfigError, ScriptError, ScrunError
from scrun.lua.engines import DIALECTS
from scrun.lua.local_host import LocalHost
from scrun.lua.runtime import Runtime
from scrun.lua.search import SearchPath
from scrun.lua.site import SiteScript
from scrun.lua.stage_host import StageHost

__all__ = [
    "DIALECTS",
    "ConfigError",
    "LocalHost",
    "Runtime",
    "ScriptError",
    "ScrunError",
    "SearchPath",
    "SiteScript",
    "StageHost",
]
