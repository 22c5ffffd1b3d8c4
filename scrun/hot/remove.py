"""Remove the directory of a container that has ended, without leaving it.

No symbolic link is followed and no mount is entered, whatever the container's user put there: each
step goes through a descriptor of the directory that was looked at.
"""

import posix

_OPEN_DIRECTORY = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC


def remove_container(root: str, name: str, directory: int) -> None:
    """Remove ``root/name``, of which ``directory`` is a descriptor.

    It is renamed first (to ``~PID``, which no container can be called), so that the name is free
    at once and nobody sees half a container. OSError when something in it will not go.
    """
    parent = posix.open(root, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
    doomed = f"~{posix.getpid()}"
    try:
        posix.rename(name, doomed, src_dir_fd=parent, dst_dir_fd=parent)
        moved = posix.stat(doomed, dir_fd=parent, follow_symlinks=False)
        if not _is_same(moved, posix.fstat(directory)):
            # Another delete was faster, and another container has the name by now.
            posix.rename(doomed, name, src_dir_fd=parent, dst_dir_fd=parent)
            return
    except OSError:  # a delete with this process ID was killed here: then in place
        doomed = name
    try:
        empty_directory(directory, _read_mount(directory))
        posix.rmdir(doomed, dir_fd=parent)
    finally:
        posix.close(parent)


def _is_same(one: posix.stat_result, other: posix.stat_result) -> bool:
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def empty_directory(directory: int, mount: bytes) -> None:
    """Remove all that is in a directory on the mount ``mount`` (of /proc/self/fdinfo)."""
    with posix.scandir(directory) as entries:
        listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in listed:
        if not is_directory:
            posix.unlink(name, dir_fd=directory)
            continue
        inner = _open_directory(name, directory)
        try:
            if _read_mount(inner) != mount:
                raise OSError(16, "a file system is mounted here", name)  # EBUSY
            empty_directory(inner, mount)
        finally:
            posix.close(inner)
        posix.rmdir(name, dir_fd=directory)


def _open_directory(name: str, parent: int) -> int:
    """Open a directory for emptying, giving ourselves the right to where it is ours."""
    path = posix.open(name, _OPEN_DIRECTORY | posix.O_PATH, dir_fd=parent)
    try:
        if posix.fstat(path).st_mode & 0o700 != 0o700:
            posix.chmod(f"/proc/self/fd/{path}", 0o700)
        return posix.open(f"/proc/self/fd/{path}", posix.O_RDONLY | posix.O_CLOEXEC)
    finally:
        posix.close(path)


def _read_mount(directory: int) -> bytes:
    """Return the ID of the mount of a descriptor: a bind mount may have our own st_dev."""
    file = posix.open(f"/proc/self/fdinfo/{directory}", posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(file, 4096).partition(b"mnt_id:")[2].partition(b"\n")[0].strip()
    finally:
        posix.close(file)
