"""Let engines that enter this process's mount namespace find a container's root in it.

`podman cp` of a running container does so, and would take this machine's files for the
container's. A mount over ``/`` is what they see (setns(2)); a process that was here before, and
whatever it starts, goes on below it, with the root it had.
"""

from __future__ import annotations

import os
from errno import ENOSYS

from scrun import log
from scrun.errors import ScrunError
from scrun.host.process import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrun.host.loop import Loop

CLONE_NEWNS = 0x00020000  # os has it from Python 3.12 on
# Mounts of this machine still come in, none of ours goes out. A root with volumes is put together
# where no program looks, and moved away as a whole: below its own path nothing is ever mounted,
# so that who removes it removes no volume.
SCRIPT = """
root=$1 place=/proc/fs
shift
mount --make-rslave / || exit
[ $# = 0 ] && exec mount --rbind "$root" /
mount --rbind "$root" "$place" || exit
while [ $# -gt 2 ]; do
  if [ -d "$1" ]; then mkdir -p "$place$2"; else [ -e "$place$2" ] || : >"$place$2"; fi
  mount --rbind "$1" "$place$2" && { [ "$3" = rw ] || mount -o remount,bind,ro "$place$2"; } || exit
  shift 3
done
exec mount --move "$place" /
"""


class View:
    """What others see in this process's namespace, until `hide`."""

    def __init__(self) -> None:
        """Begin it; OSError when we may not."""
        if not hasattr(os, "unshare"):  # Python 3.12
            raise OSError(ENOSYS, "no unshare")
        self._before: list[int] = []
        try:
            for path in ("/proc/self/ns/mnt", "/", "."):
                self._before.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            os.unshare(CLONE_NEWNS)  # this thread alone: a script's goes on in the old one
        except OSError:
            self._close()
            raise

    def show(
        self,
        loop: Loop,
        root: str,
        environment: Mapping[str, str],
        volumes: Sequence[tuple[str, str, str]],
    ) -> None:
        """Put ``root`` in the place of ``/`` for those who enter.

        Args:
            volumes: what is to be mounted in it: the path here, that in it, without links, and
                ``rw`` or ``ro``.

        Raises:
            ScrunError: mount(8) cannot be started.
        """
        null = os.open(os.devnull, os.O_RDWR)
        try:
            words = [word for volume in volumes for word in volume]
            argv = ["/bin/sh", "-c", SCRIPT, "sh", root, *words]
            process = spawn(argv, environment, stdio=(null, null, null))
        finally:
            os.close(null)

        def ended(status: int) -> None:
            if status:
                log.debug(f"show {root}: mount failed")

        loop.when_ended(process, ended)

    def hide(self) -> None:
        """Go back: the kernel removes no directory that something is mounted on in our view."""
        if not self._before:
            return
        namespace, root, here = self._before
        try:
            if hasattr(os, "setns"):
                os.setns(namespace, CLONE_NEWNS)
            os.fchdir(root)  # it may have been another than the namespace's
            os.chroot(".")
            os.fchdir(here)
        except OSError as err:
            log.error(f"leave the view of the container's root: {err}")
        self._close()

    def _close(self) -> None:
        for fd in self._before:
            os.close(fd)
        self._before.clear()


def show_root(
    loop: Loop, root: str, environment: Mapping[str, str], volumes: Sequence[tuple[str, str, str]]
) -> View | None:
    """Show a container's root; None: we may not, or cannot. See `View.show`."""
    if os.geteuid() != 0:
        return None
    try:
        view = View()
        view.show(loop, root, environment, volumes)
    except (OSError, ScrunError) as err:
        log.debug(f"show {root}: {err}")
        return None
    return view
