"""Whoever still writes is not stuck, however slow its reader."""

from __future__ import annotations

import os
import time

import pytest

from scrun.cluster import stuck
from scrun.host.loop import Loop
from scrun.host.process import kill_group, spawn

PART_BYTES = 65536


@pytest.mark.parametrize("reads", [True, False], ids=["a slow reader", "none"])
def test_only_who_writes_nothing_is_ended(reads: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader keeps a writer alive for several times as long as it may stand still."""
    monkeypatch.setattr(stuck, "LOOK_S", 0.05)
    monkeypatch.setattr(stuck, "STUCK_S", 0.2)
    reader, writer = os.pipe()
    loop = Loop()
    process = spawn(["cat", "/dev/zero"], dict(os.environ), stdio=(0, writer, 2))
    os.close(writer)
    ended: list[float] = []
    began = time.monotonic()
    stuck.end_when_stuck(
        loop, process.pid, lambda: False, lambda: ended.append(time.monotonic() - began)
    )

    def read() -> None:
        os.read(reader, PART_BYTES)
        loop.call_later(0.05, read)

    if reads:
        read()
    deadline = began + (1.0 if reads else 10.0)
    loop.call_later(1.0, lambda: None)
    while not ended and time.monotonic() < deadline:
        loop.run_once()
    kill_group(process.pid)
    process.reap()
    os.close(reader)
    assert bool(ended) != reads
    assert reads or ended[0] >= 0.2
