"""A container's file tree before there is a container: its root filesystem and its mounts.

Paths are walked component by component: links are followed inside the container's root, ``..``
stops there, and a mount hides what it covers. Only files are looked at, with the rights of the
caller; what cannot be known from here is said to be so.
"""

from __future__ import annotations

import posix
from _stat import S_ISDIR, S_ISLNK, S_ISREG
from errno import EACCES, ELOOP, ENOENT, ENOTDIR, EPERM

from scrun.oci.config import join_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# What `look` answers besides the errno values of a path that does not exist.
PROGRAM = -1  # a regular file that somebody may execute
FILE = -2  # anything else that is no directory
DIRECTORY = -3
UNKNOWN = -4  # below a mount, or in a directory, that we cannot look into

MAX_LINKS = 40  # as the kernel has it
_HIDDEN: str = "\0hidden"  # the place of a file whose content we cannot know
_EMPTY: str = "\0empty"  # a fresh tmpfs


class ImageTree:
    """The tree of one container.

    Args:
        rootfs: absolute path of the root filesystem here.
        mounts: those of config.json in order; later ones cover earlier ones.
        bundle: absolute path that relative bind sources count from.
    """

    def __init__(self, rootfs: str, mounts: Sequence[dict[str, Any]], bundle: str) -> None:
        self._rootfs = rootfs
        self._mounts: dict[str, str] = {}  # container path -> path here, _HIDDEN or _EMPTY
        for mount in mounts:
            self._add_mount(mount, bundle)

    def look(self, path: str) -> int:
        """Tell what an absolute container path leads to: one of the constants, or an errno."""
        try:
            here = self._walk(path)[1]
        except OSError as err:
            return err.errno or ENOENT
        if here == _HIDDEN:
            return UNKNOWN
        if here == _EMPTY:
            return DIRECTORY
        try:
            mode = posix.lstat(here).st_mode
        except OSError as err:
            return UNKNOWN if err.errno in (EACCES, EPERM) else err.errno or ENOENT
        if S_ISDIR(mode):
            return DIRECTORY
        if path.endswith(("/", "/.")):
            return ENOTDIR
        return PROGRAM if S_ISREG(mode) and mode & 0o111 else FILE

    def locate(self, path: str) -> tuple[str, str | None]:
        """Return where a container path leads: in the container, without links, and here.

        None: below a mount that we cannot look into, or a fresh one. OSError: nowhere.
        """
        place, here = self._walk(path)
        return place, None if here.startswith("\0") else here

    def _add_mount(self, mount: dict[str, Any], bundle: str) -> None:
        """Place a mount as runtimes do: its destination is resolved in the tree so far."""
        try:
            target = self._walk(mount["destination"], missing_ok=True)[0]
        except OSError:
            return  # the runtime will say what is wrong with it
        for covered in [path for path in self._mounts if path.startswith(target.rstrip("/") + "/")]:
            del self._mounts[covered]
        self._mounts[target] = _locate_source(mount, bundle)

    def _walk(self, path: str, missing_ok: bool = False) -> tuple[str, str]:
        """Resolve a container path to (container path without links, path here).

        Raises OSError as the kernel would; with ``missing_ok`` what is missing counts as
        directories to be made.
        """
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        done: list[tuple[str, str]] = [("", self._mounts.get("/", self._rootfs))]
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                if len(done) > 1:
                    done.pop()
                continue
            place = f"{done[-1][0]}/{part}"
            here, target = self._step(place, done[-1][1], part, missing_ok)
            if target is None:
                if todo:
                    _check_directory(here, missing_ok)
                done.append((place, here))
                continue
            links += 1
            if links > MAX_LINKS:
                raise OSError(ELOOP, "too many links")
            if target.startswith("/"):
                del done[1:]
            todo += [part for part in reversed(target.split("/")) if part not in ("", ".")]
        place, here = done[-1]
        return place or "/", here

    def _step(
        self, place: str, parent_here: str, part: str, missing_ok: bool
    ) -> tuple[str, str | None]:
        """Take one step down: the path here, and the target when that is a link."""
        mounted = self._mounts.get(place)
        if mounted is not None:
            return mounted, None
        if parent_here == _HIDDEN:
            return _HIDDEN, None
        here = _EMPTY
        if parent_here != _EMPTY:
            here = f"{parent_here.rstrip('/')}/{part}"
            try:
                return here, _read_link(here)
            except OSError as err:
                if err.errno not in (ENOENT, ENOTDIR):
                    raise
        # Missing. Runtimes make the directories that lead to a mount point.
        if missing_ok or any(target.startswith(place + "/") for target in self._mounts):
            return _EMPTY, None
        raise OSError(ENOENT, "no such file or directory")


def _locate_source(mount: dict[str, Any], bundle: str) -> str:
    options = mount.get("options") or []
    if "bind" in options or "rbind" in options or mount.get("type") == "bind":
        source = mount.get("source") or ""
        return _follow_links(join_path(bundle, source)) if source else _HIDDEN
    if mount.get("type") == "tmpfs" and "tmpcopyup" not in options:
        return _EMPTY
    return _HIDDEN


def _follow_links(path: str) -> str:
    """Resolve a bind source as the kernel does, in our own root. A missing one may be on nodes."""
    try:
        fd = posix.open(path, posix.O_PATH | posix.O_CLOEXEC)
    except OSError:
        return _HIDDEN
    try:
        return posix.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return path
    finally:
        posix.close(fd)


def _read_link(here: str) -> str | None:
    """Return a link's target, None for anything else, also for what we may not look at."""
    try:
        if S_ISLNK(posix.lstat(here).st_mode):
            return posix.readlink(here)
    except OSError as err:
        if err.errno not in (EACCES, EPERM):
            raise
    return None


def _check_directory(here: str, missing_ok: bool) -> None:
    """Refuse to walk on below a file, as the kernel does."""
    if here.startswith("\0"):
        return
    try:
        is_directory = S_ISDIR(posix.lstat(here).st_mode)
    except OSError as err:
        if missing_ok or err.errno in (EACCES, EPERM):
            return
        raise
    if not is_directory and not missing_ok:
        raise OSError(ENOTDIR, "not a directory")
