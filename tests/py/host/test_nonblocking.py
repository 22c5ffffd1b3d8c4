"""A line for whoever reads it, and nobody waits for him."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scrun.host import nonblocking
from scrun.host.loop import Loop
from tests.py.waiting import run_until


def fill(writer: int) -> int:
    """Fill a pipe; returns how much is in it."""
    os.set_blocking(writer, False)
    written = 0
    try:
        while True:
            written += os.write(writer, b"x" * 65536)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    return written


@pytest.mark.parametrize("reads", [True, False], ids=["in the end", "never"])
def test_a_line_for_who_reads_nothing_now(monkeypatch: pytest.MonkeyPatch, reads: bool) -> None:
    """The loop goes on at once; whoever reads later gets the line, if he comes in time."""
    monkeypatch.setattr(nonblocking, "LATE_S", 30.0 if reads else 0.05)
    reader, writer = os.pipe()
    size = fill(writer)
    loop = Loop()
    nonblocking.write_line(loop, writer, "cancelled")
    os.close(writer)
    if reads:
        while size:
            size -= len(os.read(reader, 65536))
        loop.run_once()
        assert os.read(reader, 100) == b"cancelled\n"
    else:
        run_until(loop, lambda: nonblocking.is_ready(reader))  # nobody has it any more
    os.close(reader)


def test_a_line_is_written_at_once_where_it_can_be(tmp_path: Path) -> None:
    """A file is appended to where its owner was, and no terminal or pipe of anybody is changed."""
    loop = Loop()
    path = tmp_path / "stderr"
    with path.open("wb") as file:
        file.write(b"before ")
        file.flush()
        nonblocking.write_line(loop, file.fileno(), "cancelled")
    assert path.read_bytes() == b"before cancelled\n"
    nonblocking.write_line(loop, -1, "nobody hears")
