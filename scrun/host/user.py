"""Who calls, as Slurm will know them: not the root that an engine's user namespace shows."""

from __future__ import annotations

import os
import pwd


def caller() -> tuple[str, int]:
    """Return name and number of the caller outside of any user namespace (user_namespaces(7))."""
    uid = real_id(os.getuid(), "/proc/self/uid_map")
    try:
        return pwd.getpwuid(uid).pw_name, uid
    except KeyError:
        return str(uid), uid


def real_id(number: int, map_path: str) -> int:
    """Return what ``number`` is one user namespace further out."""
    with open(map_path) as file:
        for line in file:
            inside, outside, length = (int(field) for field in line.split())
            if inside <= number < inside + length:
                return outside + number - inside
    return number
