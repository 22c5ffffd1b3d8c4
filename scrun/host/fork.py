"""A child that goes on with all that we have loaded."""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def fork(body: "Callable[[], NoReturn]") -> int:
    """Run ``body`` in a child that shares all we have loaded; returns the child's pid."""
    pid = posix.fork()
    if pid == 0:
        try:
            body()
        finally:
            posix._exit(1)  # not reached, unless body broke its promise
    return pid
