"""Let the runtime of this machine remove a container whose end has come."""

from __future__ import annotations

from scrun import log
from scrun.errors import ScrunError
from scrun.host.process import spawn_quietly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scrun.host.loop import Loop

AGAIN_S, TRIES = 1.0, 10  # while no process can be started (RLIMIT_NPROC, no memory)


def remove(
    loop: Loop,
    argv: Sequence[str],
    environment: Mapping[str, str],
    removed: Callable[[bool], None],
    tries: int = TRIES,
) -> None:
    """Run ``argv``, the runtime's removal; ``removed`` hears whether it could be run."""
    try:
        removal = spawn_quietly(argv, environment)
    except (ScrunError, OSError) as err:
        if tries:
            log.debug(f"{argv[0]}: {err}")
            left = tries - 1
            loop.call_later(AGAIN_S, lambda: remove(loop, argv, environment, removed, left))
        else:
            log.error(f"remove a container from its runtime: {err}")
            removed(False)
        return
    loop.when_ended(removal, lambda _: removed(True))
