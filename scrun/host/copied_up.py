"""Paths that only a user namespace of RootlessKit has, as everybody else knows them.

Its ``--copy-up=/run``, which dockerd-rootless.sh asks for, mounts a tmpfs on /run and the old one
on /run/.ro<number>, and links to every entry of that: a working directory below /run/user is one
below /run/.ro<number>/user then, which is nowhere else. Source: rootlesskit, docs/mount.md.
"""

import os

MARK = "/.ro"


def find_original(path: str) -> str:
    """Return the path that leads to the same file outside too; ``path`` itself if none is found."""
    above, mark, rest = path.partition(MARK)
    number, _, below = rest.partition("/")
    original = f"{above}/{below}"
    try:
        same = bool(mark) and number.isdigit() and os.path.samefile(path, original)
    except OSError:
        same = False
    return original if same else path
