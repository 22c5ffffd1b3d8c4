"""``io.popen`` for the Lua versions that lupa builds without it: all but luajit."""

from __future__ import annotations

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scrun.lua.runtime import Runtime


def install(runtime: Runtime) -> None:
    """Give a state ``io.popen`` if it has none."""
    if runtime.dialect == "luajit":
        return
    runtime.run_host_file("popen.lua", runtime.function(_run, "io.popen"))


def _run(command: bytes, text: bytes | None = None) -> tuple[int, bytes]:
    """Run a command with this process's environment; its stderr is ours.

    Args:
        text: its standard input, when it is to write to our standard output; None: its standard
            input is empty, and its output is returned.
    """
    from os import environ, fsdecode  # only a script that calls it needs them

    from scrun.host.capture import capture

    argv = ["/bin/sh", "-c", fsdecode(command)]
    status, output, errors = capture(argv, environ, stdin=text or b"", apart=True)
    if errors:
        posix.write(2, errors)
    if text is None:
        return status, output
    posix.write(1, output)
    return status, b""
