"""What Lua does past the functions of its host, made visible: see watch.lua."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from scrun.errors import ScriptError
from scrun.lua.runtime import Runtime
from scrun.workbench.run.events import Call, Journal, decode
from scrun.workbench.run.files import Files

_WATCH = f"{__file__.rpartition('/')[0]}/watch.lua"


def install(
    runtime: Runtime,
    journal: Journal,
    *,
    execute: Callable[[bytes], int],
    trace: Callable[[bytes], None],
    files: Files | None,
    scratch_dir: str,
    capture: bool = True,
    may_exit: bool = True,
    offer: Callable[[Any, Files], None] | None = None,
) -> tuple[Any, Any]:
    """Watch a state from now on.

    Args:
        journal: hears of calls of the slurm table that ask nobody.
        execute: runs what ``os.execute`` is given; returns its status.
        trace: gets the traceback of an error in a thread.
        files: where files go that are written; None: where Lua says.
        scratch_dir: for temporary files.
        capture: keep what goes to standard output.
        may_exit: ``os.exit`` is what it was: of a site's script, or of a verb without an anchor.
        offer: in place of `offer_files`, for a table.

    Returns:
        Two functions of Lua. The first returns what was printed since it was called last, and
        where; the second makes of a function one that runs in a thread of its own.
    """
    kept = 0

    def keep(output: bytes) -> bytes:
        nonlocal kept
        kept += 1
        path = f"{scratch_dir}/output-{kept}"
        with open(path, "wb") as file:
            file.write(output)
        return os.fsencode(path)

    def called(name: bytes, arguments: list[bytes], results: list[bytes]) -> None:
        given, got = ([decode(value) for value in values] for values in (arguments, results))
        journal.add(Call(name.decode(), given, got))

    hooks = runtime.lua.table()
    functions: dict[str, Callable[..., object]] = {
        "execute": execute,
        "trace": trace,
        "keep": keep,
        "called": called,
    }
    for name, function in functions.items():
        runtime.add_function(hooks, name, function)
    if files is not None and offer is not None:
        offer(hooks, files)
    elif files is not None:
        offer_files(runtime, hooks, files)
    with open(_WATCH, "rb") as file:
        chunk = runtime.lua.compile(file.read(), name=b"=[host]")
    settle, in_thread = chunk(runtime.border, hooks, files is not None, capture, may_exit)
    return settle, in_thread


def offer_files(runtime: Runtime, table: Any, files: Files) -> None:
    """Add to a table of Lua what leads to the place of a file."""

    def place(path: bytes, empty: bool) -> bytes:
        return files.place(path, empty=empty)

    functions: tuple[Callable[..., object], ...] = (
        *(place, files.find, files.make_directory, files.remove, files.rename, files.names),
    )
    for function in functions:
        runtime.add_function(table, function.__name__, _for_paths(function))


def _for_paths(function: Callable[..., object]) -> Callable[..., object]:
    """Let the system's own refusal be the script's error."""

    def call(path: bytes, *rest: object) -> object:
        try:
            return function(path, *rest)
        except (OSError, ValueError) as err:  # ValueError: a NUL byte
            reason = getattr(err, "strerror", None) or err
            raise ScriptError(f"{decode(path)}: {reason}") from err

    return call
