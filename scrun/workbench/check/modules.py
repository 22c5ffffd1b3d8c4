"""Where ``require`` would find a module, as `scrun.lua.search` has it, for a file on its own.

It refuses nothing for its owner or its mode: that is the host's to do, when it runs the file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from scrun.lua.search import shipped_dir
from scrun.workbench.check import nodes as n
from scrun.workbench.check.script import Invocation, Script

BROUGHT = frozenset(
    (
        *("host", "host.json", "json", "cjson", "cjson.safe", "dkjson", "slurm"),
        *("string", "table", "math", "io", "os", "debug", "coroutine", "utf8", "package", "_G"),
        *("bit32", "bit", "jit", "ffi", "jit.util", "jit.opt", "table.new", "table.clear"),
        "string.buffer",
    )
)


def find_module(script: Script, name: str) -> str | None:
    """Return the file of a module: the site's, ours, or the system's; None: there is none."""
    relative = name.removeprefix("scrun.").removeprefix("luastd.").replace(".", "/") + ".lua"
    if "/" in name or "\0" in name:
        return None
    places = []
    if script.site_dir is not None and not name.startswith("luastd."):
        places.append(f"{script.site_dir}/scrun.d/{relative}")
    if name.startswith(("scrun.", "luastd.")):
        places.append(f"{shipped_dir()}/{relative}")
    else:
        if script.site_dir is not None:
            places.append(f"{script.site_dir}/{relative}")
        if script.script_type == "spec":  # which are run from where the script is
            places += [relative, f"{script.site_dir or '.'}/../{relative}"]
        places += _system_places(script.dialect, name.replace(".", "/"))
    return next((place for place in places if os.path.isfile(place)), None)


def loaded_files(script: Script, called: Invocation) -> Iterator[str]:
    """Yield the Lua files that a call of require, dofile or loadfile reads, as far as known."""
    argument = n.strip(called.arguments[0]) if called.arguments else None
    if not isinstance(argument, n.String):
        return
    if called.name == "require":
        found = find_module(script, argument.text)
        if found is not None and found.endswith(".lua"):
            yield found
    elif called.name in ("dofile", "loadfile"):
        places = [argument.text]
        if script.site_dir is not None:
            places.append(os.path.join(script.site_dir, os.path.basename(argument.text)))
        yield from (place for place in places if os.path.isfile(place))


def _system_places(dialect: str, relative: str) -> list[str]:
    version = "5.1" if dialect == "luajit" else dialect
    triplet = getattr(sys.implementation, "_multiarch", "")
    places = []
    for share in (f"/usr/local/share/lua/{version}", f"/usr/share/lua/{version}"):
        places += [f"{share}/{relative}.lua", f"{share}/{relative}/init.lua"]
    for library in ("/usr/local/lib", f"/usr/lib/{triplet}", "/usr/lib64", "/usr/lib"):
        places.append(f"{library}/lua/{version}/{relative}.so")
    return places
