"""Container IDs: which names a container may have.

The OCI runtime-spec (runtime.md, "State") only wants an ID unique on the host. The characters are
those crun and runc agree on, so that an ID is always safe as one component of a path.
"""

from __future__ import annotations

from scrun.errors import UsageError

MAX_BYTES = 255  # NAME_MAX: the ID names a directory below --root (runc's own limit is 1024)
CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.")


def check_container_id(container_id: str) -> None:
    """Refuse an ID that cannot name a container.

    Raises:
        UsageError: empty, ``.`` or ``..``, longer than ``MAX_BYTES``, or with a character
            outside ``CHARACTERS``; the message names the first offence.
    """
    if not container_id:
        raise UsageError("container ID is empty")
    bad = next((char for char in container_id if char not in CHARACTERS), None)
    if bad is not None:
        raise UsageError(
            f"container ID {_quote(container_id)}: character {_quote(bad)} is not allowed",
            hint="Letters, digits and the characters _ + - . are",
        )
    if container_id in (".", ".."):
        raise UsageError(f"container ID {_quote(container_id)} is the name of a directory")
    if len(container_id) > MAX_BYTES:
        raise UsageError(
            f"container ID {_quote(container_id)} has {len(container_id)} characters, "
            f"{MAX_BYTES} are allowed"
        )


def _quote(text: str) -> str:
    """Quote for a message of one line: control characters escaped, long text cut."""
    shown = text if len(text) <= 64 else text[:61] + "..."
    return '"' + ascii(shown)[1:-1].replace('"', '\\"') + '"'
