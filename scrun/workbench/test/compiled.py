"""What every state of a spec begins with, compiled once for each dialect of this process.

To read a function that ``string.dump`` has written takes Lua a tenth of compiling it. The test
library comes so from ``package.preload``; what specs and their modules are is compiled as ever.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from scrun.lua.runtime import Runtime, read_host_file
from scrun.lua.search import shipped_dir

if TYPE_CHECKING:
    from collections.abc import Sequence

LIBRARY = "luastd.test"
_PRELOAD = b"""
local preload, load_dump = package.preload, loadstring or load
local function add(name, dump, ...)
  if name then
    preload[name] = load_dump(dump)
    return add(...)
  end
end
add(...)
"""
_host_files: dict[tuple[str, str], bytes] = {}
_libraries: dict[str, tuple[bytes, ...]] = {}


def read_compiled(dialect: str, name: str) -> bytes:
    """Return a Lua file of scrun.lua, compiled."""
    key = dialect, name
    if key not in _host_files:
        _host_files[key] = _dump(Runtime(dialect), read_host_file(name), b"=[host]")
    return _host_files[key]


def compiled_constants(runtime: Runtime, text: bytes) -> Any:
    """Return a new table of Slurm's constants: slurm.lua takes it in place of their text."""
    key = runtime.dialect, "constants"
    if key not in _host_files:
        members = ",".join(text.decode().split())
        source = f"return {{{members}}}"
        _host_files[key] = _dump(Runtime(runtime.dialect), source.encode(), b"=[host]")
    return runtime.lua.compile(_host_files[key], name=b"=[host]")()


def preload_library(runtime: Runtime) -> None:
    """Let ``require`` find the test library, compiled."""
    dialect = runtime.dialect
    if dialect not in _libraries:
        _libraries[dialect] = tuple(_compile_library(Runtime(dialect)))
    runtime.lua.compile(_PRELOAD, name=b"=[host]")(*_libraries[dialect])


def _compile_library(runtime: Runtime) -> Sequence[bytes]:
    found: list[bytes] = []
    directory = f"{shipped_dir()}/test"
    paths = [f"{directory}.lua", *(f"{directory}/{name}" for name in os.listdir(directory))]
    for path in paths:
        if path.endswith(".lua"):
            module = path.removeprefix(directory).removesuffix(".lua").replace("/", ".")
            with open(path, "rb") as file:
                dump = _dump(runtime, file.read(), b"@" + os.fsencode(path))
            found += [f"{LIBRARY}{module}".encode(), dump]
    return found


def _dump(runtime: Runtime, source: bytes, chunk_name: bytes) -> bytes:
    dump: Any = runtime.lua.globals()[b"string"][b"dump"]
    compiled: bytes = dump(runtime.lua.compile(source, name=chunk_name))
    return compiled
