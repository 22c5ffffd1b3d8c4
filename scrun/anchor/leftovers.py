"""Directories that nobody answers for any more: removed, if nothing in them is anybody else's."""

from __future__ import annotations

import os

from scrun import log
from scrun.anchor.container import remove_directory
from scrun.anchor.door import is_of_door
from scrun.cluster.pod import sweep as sweep_pods
from scrun.errors import ScrunError, StateError

# What anchors and shipped stagers make in a container's directory.
KNOWN = frozenset(
    (
        *("lock", "members", "recovery", "released", "anchor.sock", "bundle"),
        *("salloc.log", "srun.log"),
        *("record.cbor", "record.cbor.new", "state.json", "state.json.new", "runtime"),
        *("stage-directory", "stage-partial", "runtime-process", "runtime-process.new"),
        "console.sock",
    )
)


def remove_known(directory: str) -> None:
    """Remove a directory without a record, if it holds nothing but what an anchor makes.

    Raises:
        StateError: it holds more: it may be anybody's, and stays as it is.
        HostError: something in it will not go.
    """
    found = set(os.listdir(directory)) - KNOWN
    strangers = [name for name in found if not is_of_door(name)]
    if strangers:
        raise StateError(
            f"{directory} has no record, and {sorted(strangers)[0]} in it is not ours",
            hint="look at it, and remove it by hand",
        )
    remove_directory(directory)


def sweep(root: str) -> None:
    """Remove what deletes that were killed have left: ``~PID`` (hot/remove.py) of the dead; and
    what is of pods whose containers were killed.
    """
    sweep_pods(root)
    for name in os.listdir(root):
        pid = name.removeprefix("~")
        if pid == name or not pid.isdecimal() or os.path.exists(f"/proc/{pid}"):
            continue
        try:
            remove_known(f"{root}/{name}")
        except (ScrunError, OSError) as err:
            log.debug(f"sweep {root}: {err}")
