"""What the states of specs are made of, compiled once for each dialect of this process.

To read a function that ``string.dump`` has written takes Lua a tenth of compiling it. The test
library comes so from ``package.preload``; what specs and their modules are is compiled as ever.
"""

from __future__ import annotations

import os
from typing import Any

from scrun.lua.runtime import Runtime, read_host_file
from scrun.lua.search import shipped_dir

LIBRARY = "luastd.test"
FIRST = tuple(
    f"{LIBRARY}{module}"
    for module in (
        *("", ".arguments", ".assert", ".assertions", ".blocks", ".compare", ".failure"),
        *(".filter", ".late", ".main", ".run", ".scope", ".snapshot", ".words"),
    )
)
"""Modules that every spec needs."""
_PRELOAD = b"""
local preload = package.preload
local function add(name, chunk, ...)
  if name then
    preload[name] = chunk
    return add(...)
  end
end
add(...)
local main = require 'luastd.test.main'
collectgarbage 'restart'
if _VERSION == 'Lua 5.4' then -- as after a collection of all of it, which there is none of
  collectgarbage('step', -200)
end
return main
"""
STRIPPED = ("values.lua", "border.lua")  # no error of theirs has a line or a name of a local in it
_host_files: dict[tuple[str, str], bytes] = {}
_libraries: dict[str, dict[str, bytes]] = {}


def read_compiled(dialect: str, name: str) -> bytes:
    """Return a Lua file of scrun.lua, compiled."""
    key = dialect, name
    if key not in _host_files:
        source = read_host_file(name)
        _host_files[key] = _dump(Runtime(dialect), source, b"=[host]", strip=name in STRIPPED)
    return _host_files[key]


def compiled_constants(runtime: Runtime, text: bytes) -> Any:
    """Return a new table of Slurm's constants: slurm.lua takes it in place of their text."""
    key = runtime.dialect, "constants"
    if key not in _host_files:
        members = ",".join(text.decode().split())
        source = f"return {{{members}}}"
        _host_files[key] = _dump(Runtime(runtime.dialect), source.encode(), b"=[host]")
    return runtime.lua.compile(_host_files[key], name=b"=[host]")()


def preload_library(runtime: Runtime, *, first: bool) -> Any:
    """Let ``require`` find modules of the test library, compiled: those of FIRST or the others.

    Collects garbage from now on.

    Returns: the module main of it.
    """
    dialect = runtime.dialect
    if dialect not in _libraries:
        _libraries[dialect] = _compile_library(Runtime(dialect))
    compile_dump = runtime.lua.compile
    chunks: list[Any] = []
    for name, dump in _libraries[dialect].items():
        if (name in FIRST) is first:
            chunks += [name.encode(), compile_dump(dump, name=b"=[host]")]
    return compile_dump(_PRELOAD, name=b"=[host]")(*chunks)


def _compile_library(runtime: Runtime) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    directory = f"{shipped_dir()}/test"
    paths = [f"{directory}.lua", *(f"{directory}/{name}" for name in os.listdir(directory))]
    for path in paths:
        if path.endswith(".lua"):
            module = path.removeprefix(directory).removesuffix(".lua").replace("/", ".")
            with open(path, "rb") as file:
                dump = _dump(runtime, file.read(), b"@" + os.fsencode(path), strip=True)
            found[f"{LIBRARY}{module}"] = dump
    return found


def _dump(runtime: Runtime, source: bytes, chunk_name: bytes, *, strip: bool = False) -> bytes:
    dump: Any = runtime.lua.globals()[b"string"][b"dump"]
    compiled: bytes = dump(runtime.lua.compile(source, name=chunk_name), strip)
    return compiled
