"""Install the global ``slurm`` of a site's state: slurm.lua over the functions of a StageHost."""

from __future__ import annotations

from scrun.errors import UsageError
from scrun.log import DEBUG4, ERROR, INFO
from scrun.lua.runtime import Document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from scrun.lua.runtime import Runtime
    from scrun.lua.stage_host import Answer, StageHost

_HERE = __file__.rpartition("/")[0]


def install(
    runtime: Runtime,
    host: StageHost,
    guard: Callable[[], None],
    told: Callable[[bytes], None] = lambda _: None,
) -> Any:
    """Set ``slurm``; return the Lua function that prepares a ``job_env``.

    Args:
        guard: called around every function that waits; raises when the work was cancelled.
        told: called with what the script has told the user.
    """
    table = runtime.lua.table()
    table[b"cluster_name"] = runtime.to_lua(host.cluster_name)

    def log(level: float, message: bytes) -> None:
        host.log(ERROR if level < 0 else min(INFO + int(level), DEBUG4), b"lua: " + message)

    def allocator_command(script: bytes, options: object = None) -> tuple[object, ...]:
        wanted = read_options(options, "slurm.allocator_command", remote=False)
        guard()
        answer = host.allocator_command(_shell_text(script), wanted)
        guard()
        return results_of(answer)

    def remote_command(script: bytes, options: object = None) -> tuple[object, ...]:
        wanted = read_options(options, "slurm.remote_command", remote=True)
        guard()
        answer = host.remote_command(_shell_text(script), wanted)
        guard()
        return results_of(answer)

    def qos_priority(name: bytes) -> int | None:
        return host.qos_priority(name)

    def user_msg(message: bytes) -> None:
        host.user_msg(message)
        told(message)

    def read_yaml(text: bytes) -> Document:
        from scrun.lua.yaml_text import read_yaml as read  # rarely needed

        return Document(read(text))

    for function in (log, allocator_command, remote_command, qos_priority):
        runtime.add_function(table, function.__name__, function)
    runtime.add_function(table, "read_yaml", read_yaml, errors="return")
    runtime.add_function(table, "user_msg", user_msg)
    runtime.add_function(table, "set_bundle_path", host.set_bundle_path)
    runtime.add_function(table, "set_root_path", host.set_root_path)
    with open(f"{_HERE}/constants.txt", "rb") as file:
        constants = file.read()
    return runtime.run_host_file("slurm.lua", runtime.border, table, constants)


def read_options(given: object, function: str, *, remote: bool) -> dict[str, object]:
    """Return a command's options, checked: see `scrun.lua.command_options.read_options`."""
    if given is None:
        return {}
    from scrun.lua.command_options import read_options as read  # few commands have any

    return read(given, function, remote=remote)


def results_of(answer: Answer) -> tuple[object, ...]:
    """Return a command's answer as Lua gets it: stderr only if it was asked for."""
    status, output, stderr = answer
    return (status, output) if stderr is None else (status, output, stderr)


def _shell_text(script: bytes) -> bytes:
    if b"\0" in script:
        raise UsageError("a command cannot hold a NUL byte")
    return script
