"""Let engines that enter this process's mount namespace find a container's root in it.

`podman cp` of a running container does so, and would take this machine's files for the
container's. A mount over ``/`` is what they see (setns(2)); a process that was here before, and
whatever it starts, goes on below it, with the root it had.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.errors import ScrunError
from scrun.host.process import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrun.host.loop import Loop

CLONE_NEWNS = 0x00020000  # os has it from Python 3.12 on
# Mounts of this machine still come in, none of ours goes out.
SCRIPT = 'mount --make-rslave / && exec mount --rbind "$1" /'


def show_root(loop: Loop, root: str, environment: Mapping[str, str]) -> bool:
    """Put ``root`` in the place of ``/`` for those who enter. False: we may not, or cannot."""
    if os.geteuid() != 0 or not hasattr(os, "unshare"):  # Python 3.12
        return False
    try:
        os.unshare(CLONE_NEWNS)  # this thread alone: a script's goes on in the old one
        null = os.open(os.devnull, os.O_RDWR)
        try:
            argv = ["/bin/sh", "-c", SCRIPT, "sh", root]
            process = spawn(argv, environment, stdio=(null, null, null))
        finally:
            os.close(null)
    except (OSError, ScrunError) as err:
        log.debug(f"show {root}: {err}")
        return False

    def ended(status: int) -> None:
        if status:
            log.debug(f"show {root}: mount failed")

    loop.when_ended(process, ended)
    return True
