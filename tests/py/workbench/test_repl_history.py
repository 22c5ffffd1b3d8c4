"""What ``scrun lua repl`` keeps of the lines that were typed."""

from __future__ import annotations

from pathlib import Path

from scrun.workbench.repl.history import MOST_ENTRIES, History


def test_history_survives_every_character(tmp_path: Path) -> None:
    """Line breaks and backslashes come back as they were."""
    path = tmp_path / "state" / "history"
    entries = ["a\nb", "c\\nd", "e\\", "\\\\n\n", "é\udcff"]
    history = History(path)
    assert [history.add(entry) for entry in entries] == [True] * len(entries)
    assert History(path).entries == [entry.rstrip() for entry in entries]


def test_history_is_bounded(tmp_path: Path) -> None:
    """The newest entries stay, in the file too once it holds twice as many."""
    path = tmp_path / "history"
    history = History(path)
    for number in range(MOST_ENTRIES * 2 + 1):
        history.add(f"x = {number}")
    assert history.entries[0] == f"x = {MOST_ENTRIES + 1}"
    assert History(path).entries == history.entries
    assert len(path.read_text().splitlines()) == MOST_ENTRIES
    assert path.stat().st_mode & 0o777 == 0o600


def test_history_leaves_out_repetitions_and_floods(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    assert history.add("x")
    assert not history.add("x ")
    assert not history.add(" ")
    assert not history.add("y" * 100_000)
    assert History(history.path).entries == ["x"]


def test_history_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    history = History(blocked / "history")
    assert history.add("x")
    assert history.entries == ["x"]
