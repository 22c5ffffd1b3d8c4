"""A container's life: its states, who may follow whom, and the document that tells of them.

Source: OCI runtime-spec, runtime.md, "State" and "Lifecycle"; ``paused`` is what crun, runc and
the engines add for the verbs pause and resume.
"""

from __future__ import annotations

from time import gmtime, time_ns

from scrun.errors import StateError
from scrun.oci.jsontext import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

OCI_VERSION = "1.2.0"  # of the runtime-spec that the document follows

CREATING = "creating"
CREATED = "created"
RUNNING = "running"
PAUSED = "paused"
STOPPED = "stopped"

TRANSITIONS: dict[str, tuple[str, ...]] = {
    CREATING: (CREATED, STOPPED),
    CREATED: (RUNNING, STOPPED),
    RUNNING: (PAUSED, STOPPED),
    PAUSED: (RUNNING, STOPPED),
    STOPPED: (),
}


def check_transition(container_id: str, old: str, new: str) -> None:
    """Refuse a change of state that the table does not have.

    Raises:
        StateError: ``new`` does not follow ``old``; a state of unknown name follows nothing.
    """
    if new not in TRANSITIONS.get(old, ()):
        raise StateError(f'container "{container_id}" cannot become {new}: it is {old}')


FIXED = ("ociVersion", "id", "pid", "status", "bundle")  # the spec's own, in this order


def facts(
    *,
    container_id: str,
    status: str,
    pid: int,
    bundle: str,
    annotations: Mapping[str, str] | None = None,
    rootfs: str | None = None,
    created: str | None = None,
    owner: str | None = None,
    oci_version: str = OCI_VERSION,
) -> dict[str, Any]:
    """Return the members of the state document: the spec's, then crun's.

    Args:
        pid: of the process engines watch (our anchor); 0 once ``status`` is stopped.
        bundle: absolute path.
        annotations: those of config.json; none or an empty map leaves the member out.
        rootfs: absolute path; with ``created`` and ``owner`` left out when None.
        created: RFC 3339 (``format_time``).
        owner: name of the user who called create.
    """
    members: dict[str, Any] = {
        "ociVersion": oci_version,
        "id": container_id,
        "pid": 0 if status == STOPPED else pid,
        "status": status,
        "bundle": bundle,
    }
    extras = {"rootfs": rootfs, "created": created, "owner": owner}
    members.update((name, value) for name, value in extras.items() if value is not None)
    if annotations:
        members["annotations"] = dict(annotations)
    return members


def print_document(members: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> str:
    """Return the document, indented JSON that ends in a newline.

    Args:
        extra: of a site, in place of ``members``; the spec's own are not its to change.
    """
    fixed = {name: members[name] for name in FIXED}
    return dumps({**fixed, **(members if extra is None else extra), **fixed}, indent=2) + "\n"


def document(**arguments: Any) -> str:
    """Return the document of `facts`."""
    return print_document(facts(**arguments))


def format_time(epoch_ns: int | None = None) -> str:
    """Write a time (nanoseconds since 1970; None: now) as RFC 3339 in UTC."""
    seconds, nanoseconds = divmod(time_ns() if epoch_ns is None else epoch_ns, 1_000_000_000)
    year, month, day, hour, minute, second = gmtime(seconds)[:6]
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanoseconds:09}Z"
