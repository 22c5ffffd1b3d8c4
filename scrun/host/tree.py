"""Remove a tree without leaving it: no symbolic link is followed, no mount is entered.

Each step goes through a descriptor of the directory that was looked at, whatever others put in its
place meanwhile. For a container's own directory `scrun.hot.remove` does so, which imports nothing.
"""

from __future__ import annotations

import posix
from errno import EXDEV

_S_IFMT, _S_IFDIR = 0o170000, 0o040000
_OPEN_DIRECTORY = posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC


def remove_tree(path: bytes) -> None:
    """Remove a file or a tree; one that is not there is fine.

    Raises:
        OSError: something in it will not go; EXDEV: a file system, or a part of one, is mounted in
            it.
    """
    try:
        status = posix.lstat(path)
    except FileNotFoundError:
        return
    if status.st_mode & _S_IFMT != _S_IFDIR:
        posix.unlink(path)
        return
    fd = _open_directory(path, None)
    try:
        _empty(fd, _read_mount(fd))
    finally:
        posix.close(fd)
    posix.rmdir(path)


def _empty(directory: int, mount: bytes) -> None:
    for name in posix.listdir(directory):
        status = posix.stat(name, dir_fd=directory, follow_symlinks=False)
        if status.st_mode & _S_IFMT != _S_IFDIR:
            posix.unlink(name, dir_fd=directory)
            continue
        fd = _open_directory(name, directory)
        try:
            if _read_mount(fd) != mount:
                raise OSError(EXDEV, "another file system is mounted there", name)
            _empty(fd, mount)
        finally:
            posix.close(fd)
        posix.rmdir(name, dir_fd=directory)


def _open_directory(name: bytes | str, parent: int | None) -> int:
    """Open a directory to empty it; its owner may do so whatever its mode says."""
    if posix.geteuid():
        handle = posix.open(name, _OPEN_DIRECTORY | posix.O_PATH, dir_fd=parent)
        try:
            status = posix.fstat(handle)
            if status.st_uid == posix.geteuid() and status.st_mode & 0o700 != 0o700:
                posix.chmod(f"/proc/self/fd/{handle}", 0o700)  # fchmod takes no O_PATH
        finally:
            posix.close(handle)
    return posix.open(name, _OPEN_DIRECTORY | posix.O_RDONLY, dir_fd=parent)


def _read_mount(directory: int) -> bytes:
    """Return the ID of the mount of a descriptor: a bind mount may have our own st_dev."""
    with open(f"/proc/self/fdinfo/{directory}", "rb") as file:
        return file.read().partition(b"mnt_id:")[2].partition(b"\n")[0].strip()
