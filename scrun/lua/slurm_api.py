"""Install the global ``slurm`` of a site's state: slurm.lua over the functions of a StageHost."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from scrun.lua.runtime import Runtime
    from scrun.lua.site import StageHost

_ERROR, _INFO, _DEBUG4 = 2, 3, 8  # levels of scrun.log
_HERE = __file__.rpartition("/")[0]


def install(runtime: Runtime, host: StageHost, guard: Callable[[], None]) -> Any:
    """Set ``slurm`` and ``json``; return the Lua function that prepares a ``job_env``.

    Args:
        guard: called before every function that waits; raises when the work was cancelled.
    """
    table = runtime.lua.table()
    table[b"cluster_name"] = runtime.to_lua(host.cluster_name)

    def log(level: float, message: bytes) -> None:
        host.log(_ERROR if level < 0 else min(_INFO + int(level), _DEBUG4), b"lua: " + message)

    def allocator_command(script: bytes, options: dict[str, object]) -> tuple[object, ...]:
        guard()
        return _results(host.allocator_command(script, options or {}))

    def remote_command(script: bytes, options: dict[str, object]) -> tuple[object, ...]:
        guard()
        return _results(host.remote_command(script, options or {}))

    def qos_priority(name: bytes) -> int | None:
        return host.qos_priority(name)

    for function in (log, allocator_command, remote_command, qos_priority):
        runtime.add_function(table, function.__name__, function)
    runtime.add_function(table, "user_msg", host.user_msg)
    runtime.add_function(table, "set_bundle_path", host.set_bundle_path)
    runtime.add_function(table, "set_root_path", host.set_root_path)
    with open(f"{_HERE}/constants.txt", "rb") as file:
        constants = file.read()
    return runtime.run_host_file("slurm.lua", runtime.border, runtime.json, table, constants)


def _results(answer: tuple[int, bytes, bytes | None]) -> tuple[object, ...]:
    status, output, stderr = answer
    return (status, output) if stderr is None else (status, output, stderr)
