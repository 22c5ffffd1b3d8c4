"""The life of a container and its state document (OCI runtime-spec, runtime.md)."""

import datetime
import json
import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrun.errors import StateError
from scrun.oci.state import TRANSITIONS, check_transition, document, format_time

STATES = ["creating", "created", "running", "paused", "stopped"]
LEGAL = {
    ("creating", "created"),
    ("creating", "stopped"),
    ("created", "running"),
    ("created", "stopped"),
    ("running", "paused"),
    ("running", "stopped"),
    ("paused", "running"),
    ("paused", "stopped"),
}


@pytest.mark.parametrize(("old", "new"), list(product(STATES, STATES)))
def test_only_the_lifecycle_of_the_spec_is_legal(old: str, new: str) -> None:
    if (old, new) in LEGAL:
        check_transition("web", old, new)
    else:
        with pytest.raises(StateError, match=f"it is {old}"):
            check_transition("web", old, new)


def test_every_state_has_a_row() -> None:
    assert list(TRANSITIONS) == STATES


def make_document(status: str = "running", **changes: object) -> str:
    members: dict[str, object] = {
        "container_id": "web",
        "status": status,
        "pid": 4711,
        "bundle": "/b",
        "annotations": {"io.podman": "true"},
        "rootfs": "/b/rootfs",
        "created": "2026-11-24T06:00:00.123456789Z",
        "owner": "alice",
    }
    members.update(changes)
    return document(**members)


def test_the_document_has_the_members_of_the_spec_and_of_crun() -> None:
    text = make_document()
    assert json.loads(text) == {
        "ociVersion": "1.2.0",
        "id": "web",
        "pid": 4711,
        "status": "running",
        "bundle": "/b",
        "rootfs": "/b/rootfs",
        "created": "2026-11-24T06:00:00.123456789Z",
        "owner": "alice",
        "annotations": {"io.podman": "true"},
    }
    assert text.startswith('{\n  "ociVersion": ') and text.endswith("}\n")


def test_a_stopped_container_has_pid_0() -> None:
    """crun and runc keep the key; spec: required only in created and running."""
    assert json.loads(make_document("stopped"))["pid"] == 0


def test_members_without_a_value_are_left_out() -> None:
    text = make_document(annotations={}, rootfs=None, created=None, owner=None)
    assert list(json.loads(text)) == ["ociVersion", "id", "pid", "status", "bundle"]


@pytest.mark.parametrize(
    ("epoch_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1795500000_123456789, "2026-11-24T06:00:00.123456789Z"),
        (951782400_000000001, "2000-02-29T00:00:00.000000001Z"),
    ],
)
def test_times_are_rfc_3339(epoch_ns: int, text: str) -> None:
    assert format_time(epoch_ns) == text


def test_now_is_the_default() -> None:
    text = format_time()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", text)


@given(st.integers(0, 4102444800))
def test_times_read_back(seconds: int) -> None:
    parsed = datetime.datetime.fromisoformat(format_time(seconds * 10**9)[:19] + "+00:00")
    assert parsed.timestamp() == seconds
