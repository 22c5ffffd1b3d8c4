"""Directories of one run, and the end of those whose run was killed.

A directory in use has a file that is locked: by the run, and by the processes that it has forked.
When the last of them is gone, however it ended, so is the lock, and the next run beside it removes
the directory.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock

LOCK = "in-use"
# A lock may be that of one machine alone: only there it is known to be free.
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK_FILE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def directory(prefix: str, parent: str | None = None, *, keep: bool = False) -> Iterator[str]:
    """Make a private directory for this context; remove those that others of ours have left.

    Args:
        prefix: of its name.
        parent: where; None: where temporary files go.
        keep: it stays.

    Raises:
        OSError: it cannot be made.
    """
    parent = parent or tempfile.gettempdir()
    _sweep(prefix, parent)
    path = tempfile.mkdtemp(prefix=prefix, dir=parent)
    lock = None
    try:
        if not keep:
            lock = _take_lock(path)
        yield path
    finally:
        if not keep:
            shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _take_lock(path: str) -> int | None:
    """Mark a directory as in use; None: its file system has no locks, and nobody removes it."""
    lock = os.open(f"{path}/{LOCK}~", _LOCK_FILE | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        flock(lock, LOCK_EX | LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    os.write(lock, _read_boot_id())
    os.rename(f"{path}/{LOCK}~", f"{path}/{LOCK}")
    return lock


def _sweep(prefix: str, parent: str) -> None:
    """Remove what is ours and in nobody's use any more."""
    name = re.compile(rf"{re.escape(prefix)}[a-z0-9_]{{8}}\Z")
    try:
        found = [entry for entry in os.listdir(parent) if name.match(entry)]
    except OSError:
        return
    for entry in found:
        with suppress(OSError):
            _remove_unused(f"{parent}/{entry}")


def _remove_unused(path: str) -> None:
    inside = os.open(path, _DIRECTORY)
    try:
        if not _is_private(os.fstat(inside)):
            return
        lock = os.open(LOCK, _LOCK_FILE, dir_fd=inside)
        try:
            if not _is_private(os.fstat(lock)) or os.read(lock, 100) != _read_boot_id():
                return
            flock(lock, LOCK_EX | LOCK_NB)
            _empty(inside)
            os.rmdir(path)
        finally:
            os.close(lock)
    finally:
        os.close(inside)


def _empty(inside: int) -> None:
    """Remove what is in a directory, wherever it has been moved to; the lock last."""
    for name in sorted(os.listdir(inside), key=lambda name: name == LOCK):
        if stat.S_ISDIR(os.stat(name, dir_fd=inside, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=inside)
        else:
            os.unlink(name, dir_fd=inside)


def _is_private(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _read_boot_id() -> bytes:
    with open(_BOOT_ID, "rb") as file:
        return file.read()
