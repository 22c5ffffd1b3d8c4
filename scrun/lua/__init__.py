"""Lua for scrun, and for programs that embed it: states, the ``slurm`` table, the site's script.

The API of embedding programs is what this module exports; docs/embedding.md shows it in use. Names
are looked up when first used: an anchor, which needs few of them, starts sooner.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
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

_HOMES = {
    **dict.fromkeys(("ConfigError", "ScriptError", "ScrunError"), "scrun.errors"),
    "DIALECTS": "scrun.lua.engines",
    "LocalHost": "scrun.lua.local_host",
    "Runtime": "scrun.lua.runtime",
    "SearchPath": "scrun.lua.search",
    "SiteScript": "scrun.lua.site",
    "StageHost": "scrun.lua.stage_host",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(__import__(home, fromlist=[name]), name)
    globals()[name] = value  # the next look finds it at once
    return value
