"""Files that a script writes while nothing is to change: they go to a directory of the run.

A file that is written lands below that directory, under its whole path; reading looks there first.
So the script finds its own files again, directories that commands would have made are taken as
made, and what is removed is gone for the script alone. C modules (lfs, posix) are not redirected.
"""

from __future__ import annotations

import os
import shutil
import stat


class Files:
    """The files of one run.

    Args:
        directory: where they go; made when needed.
        private: directories of the run itself, which are written in place.
    """

    def __init__(self, directory: str, private: list[str]) -> None:
        self._directory = os.fsencode(directory)
        self._private = [os.fsencode(path) for path in private]
        self._removed: set[bytes] = set()
        self._missing = self._directory + b".missing"  # nobody makes it

    def find(self, path: bytes) -> bytes:
        """Return the file to read for ``path``: the script's own, else what is there."""
        full = _normal(path)
        own = self._directory + full
        if self._is_private(full):
            return path
        if os.path.lexists(own):
            return own
        return self._missing if self._is_removed(full) else path

    def place(self, path: bytes, *, empty: bool) -> bytes:
        """Return the file to write for ``path``, with its present content unless ``empty``."""
        full = _normal(path)
        own = self._directory + full
        present = self.find(path)
        if self._is_private(full) or (present == path and _is_special(path)):
            return path
        os.makedirs(os.path.dirname(own), mode=0o700, exist_ok=True)
        if not empty and present == path and os.path.exists(path):
            shutil.copyfile(path, own)
        return own

    def make_directory(self, path: bytes) -> bytes:
        """Return the directory to make for ``path``; one that is there stays as it is."""
        full = _normal(path)
        present = self.find(path)
        if self._is_private(full) or (present == path and os.path.isdir(path)):
            return path
        return self._directory + full

    def remove(self, path: bytes) -> bool:
        """Remove a file or tree for the script; False: there is none."""
        full = _normal(path)
        if self._is_private(full):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
                return True
            return _unlink(path)
        present = self.find(path)
        if not os.path.lexists(present):
            return False
        self._removed.add(full)
        own = self._directory + full
        if os.path.isdir(own):
            shutil.rmtree(own)
        elif os.path.lexists(own):
            os.unlink(own)
        return True

    def rename(self, old: bytes, new: bytes) -> bool:
        """Rename for the script; False: there is no ``old``."""
        present = self.find(old)
        if not os.path.lexists(present):
            return False
        target = self.place(new, empty=True)
        if os.path.isdir(present):
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(os.fsdecode(present), os.fsdecode(target), symlinks=True)
        else:
            shutil.copyfile(present, target)
        self.remove(old)
        return True

    def names(self, path: bytes) -> list[bytes] | None:
        """Return the names in a directory, as the script is to see it; None: there is none."""
        full = _normal(path)
        own = self._directory + full
        found = os.path.isdir(path) and not self._is_removed(full)
        names: set[bytes] = set()
        if found:
            prefix = full.rstrip(b"/") + b"/"
            names = {name for name in os.listdir(path) if prefix + name not in self._removed}
        if os.path.isdir(own) and not self._is_private(full):
            found = True
            names.update(os.listdir(own))
        return sorted(names) if found else None

    def written(self) -> list[tuple[str, int]]:
        """Return path and size of the files that are there now, sorted."""
        found = []
        for parent, _, names in os.walk(self._directory):
            for name in names:
                path = os.path.join(parent, name)
                size = os.lstat(path).st_size
                found.append((os.fsdecode(path.removeprefix(self._directory)), size))
        return sorted(found)

    def _is_private(self, full: bytes) -> bool:
        return any(full == path or full.startswith(path + b"/") for path in self._private)

    def _is_removed(self, full: bytes) -> bool:
        return any(full == path or full.startswith(path + b"/") for path in self._removed)


def _normal(path: bytes) -> bytes:
    full = os.path.normpath(os.path.join(os.getcwdb(), path))
    return b"/" + full.lstrip(b"/")


def _is_special(path: bytes) -> bool:
    """Tell whether a path is a device, a pipe or a directory: to be written, or refused, itself."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _unlink(path: bytes) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True
