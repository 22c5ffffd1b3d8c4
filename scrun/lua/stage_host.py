"""What a site's script runs on: the protocol between the ``slurm`` table and a backend."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    Answer = tuple[int, bytes, bytes | None]
    """Status (128+n after signal n), output, and stderr if it was asked for apart."""

    class StageHost(Protocol):
        """A backend of stage-in and stage-out. Called on the thread that stages; all may wait.

        ``options`` are those of `scrun.lua.command_options`. A ScrunError becomes a Lua error at
        the script's line. Paths, scripts and output are bytes: they come from anywhere.

        A host may also have ``interrupt()``, which `SiteScript.cancel` calls from its own thread:
        it ends the command that is running, so that the script hears of the cancellation now.
        """

        cluster_name: str
        """``slurm.CLUSTER_NAME``."""

        def allocator_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
            """Run ``/bin/sh -c script`` on this machine with the job's environment."""
            ...

        def remote_command(self, script: bytes, options: Mapping[str, object]) -> Answer:
            """Run ``/bin/sh -c script`` on the job's nodes."""
            ...

        def run(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
            """Run a program on this machine; 127: there is none."""
            ...

        def run_remote(self, argv: list[bytes], options: Mapping[str, object]) -> Answer:
            """Run a program on the job's nodes."""
            ...

        def set_bundle_path(self, path: bytes | None) -> bytes | None:
            """Note the container's new bundle; return the one it was created with."""
            ...

        def set_root_path(self, path: bytes | None) -> bytes | None:
            """Note the container's new root file system; return the one it was created with."""
            ...

        def log(self, level: int, message: bytes) -> None:
            """Log at a level of `scrun.log`: 2 error, 3 info, 4 verbose, 5 to 8 debug to debug4."""
            ...

        def user_msg(self, message: bytes) -> None:
            """Log at info, and tell the person who waits."""
            ...

        def qos_priority(self, name: bytes) -> int | None:
            """Return the priority of a QOS; None when it is unknown."""
            ...

else:

    class StageHost:
        """A backend of stage-in and stage-out; see the protocol for type checkers."""
