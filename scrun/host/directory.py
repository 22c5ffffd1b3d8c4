"""The container's directory ``<root>/<id>``: its files, its lock, its removal."""

from __future__ import annotations

import posix

from scrun.errors import HostError, StateError
from scrun.host.paths import exists, make_directories

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def make_directory(root: str, container_id: str) -> str:
    """Make ``<root>/<id>`` with mode 0700 and return its path.

    Raises:
        StateError: a container of this id exists (code EXISTS).
        HostError: the root cannot be made or written.
    """
    path = f"{root}/{container_id}"
    try:
        make_directories(root, 0o700)
        _check_root(root)
        posix.mkdir(path, 0o700)
    except FileExistsError:
        # `create` itself has the lock "recovery" while its anchor comes up.
        is_alive = is_locked(path) or is_locked(path, "recovery")
        has_died = not is_alive and not exists(f"{path}/released")
        raise StateError(
            f'create {container_id}: container with id "{container_id}" already exists in {root}',
            code="EXISTS",
            hint=f"its anchor died: scrun delete --force {container_id}" if has_died else None,
        ) from None
    except OSError as err:
        raise HostError(f"create {container_id}: make directory", err, path=path) from err
    return path


def _check_root(root: str) -> None:
    """Refuse a root directory in which others could put a container of theirs in ours's place.

    Raises:
        StateError: it belongs to somebody else, or everybody may change it.
    """
    status = posix.stat(root)
    everybody = status.st_mode & 0o002 and not status.st_mode & 0o1000  # the sticky bit
    if status.st_uid not in (0, posix.getuid()) or everybody:
        raise StateError(
            f"root directory {root} is in the hands of others",
            code="EACCES",
            hint="pass --root DIR with a directory of your own",
        )


def write_pid_file(path: str, pid: int) -> None:
    """Write a process number for an engine; HostError when it cannot be."""
    try:
        flags = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC
        fd = posix.open(path, flags, 0o644)
        posix.write(fd, str(pid).encode())
        posix.close(fd)
    except OSError as err:
        raise HostError("write pid file", err, path=path) from err


def write_file(path: str, data: bytes) -> None:
    """Replace ``path`` atomically by a file of mode 0600 that holds all of ``data``.

    Raises:
        HostError: it cannot be written; what was there is there still.
    """
    temporary = path + ".new"
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW | posix.O_CLOEXEC
    try:
        fd = posix.open(temporary, flags, 0o600)
        try:
            while data:
                data = data[posix.write(fd, data) :]
        finally:
            posix.close(fd)
        posix.rename(temporary, path)
    except OSError as err:
        if exists(temporary, follow=False):
            posix.unlink(temporary)
        raise HostError("write", err, path=path) from err


def read_file(path: str) -> bytes:
    """Return the whole of a small file."""
    fd = posix.open(path, posix.O_RDONLY | posix.O_NOFOLLOW)
    try:
        parts = []
        while part := posix.read(fd, 1 << 20):
            parts.append(part)
        return b"".join(parts)
    finally:
        posix.close(fd)


def take_lock(path: str, name: str = "lock") -> int | None:
    """Take the record lock of ``path/name``; None: somebody holds it.

    ``lock`` is the anchor's, all its life; ``recovery`` that of the verb that finishes what a dead
    one has left.

    The lock (fcntl(2), "Advisory record locking") belongs to this process, not to its children,
    and goes when any descriptor of the file is closed: keep the one returned until the end.

    Raises:
        FileNotFoundError: there is no such directory.
        HostError: the file cannot be made.
    """
    try:
        fd = posix.open(f"{path}/{name}", posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        raise
    except OSError as err:
        raise HostError("make file", err, path=f"{path}/{name}") from err
    try:
        posix.lockf(fd, posix.F_TLOCK, 0)
    except OSError:
        posix.close(fd)
        return None
    return fd


def lock_file(path: str) -> None:
    """Keep a lock on a file until this process ends, if it is there and nobody else has one."""
    try:
        # Not closed: that would let the lock go.
        fd = posix.open(path, posix.O_RDWR | posix.O_CLOEXEC)
        posix.lockf(fd, posix.F_TLOCK, 0)
    except OSError:
        return


def read_record(path: str) -> dict[str, Any]:
    """Return what ``<directory>/record.cbor`` holds; empty when there is none that can be read."""
    from scrun.hot.wire import loads

    try:
        record = loads(read_file(f"{path}/record.cbor"))
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def is_locked(path: str, name: str = "lock") -> bool:
    """Tell whether another process has a lock (see `take_lock`) of a container's directory.

    To be asked by who holds no lock of that file: closing it here would let that go.
    """
    try:
        fd = posix.open(f"{path}/{name}", posix.O_RDWR | posix.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        posix.lockf(fd, posix.F_TEST, 0)
    except OSError:
        return True
    finally:
        posix.close(fd)
    return False
