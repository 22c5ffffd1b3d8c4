"""Paths in what RootlessKit copied up."""

from __future__ import annotations

from pathlib import Path

from scrun.host.copied_up import find_original


def test_a_path_in_the_old_mount_is_the_one_that_everybody_has(tmp_path: Path) -> None:
    """Only when it leads to the same file; else the path stays what it is."""
    run = tmp_path / "run"
    (run / ".ro77" / "user" / "1000").mkdir(parents=True)
    inside = str(run / ".ro77" / "user" / "1000")
    assert find_original(inside) == inside, "nothing is linked"
    (run / "user").symlink_to(".ro77/user")
    assert find_original(inside) == str(run / "user" / "1000")
    assert find_original(f"{inside}/none") == f"{inside}/none"
    named = run / ".root" / "x"
    named.mkdir(parents=True)
    (run / "x").symlink_to(named)
    assert find_original(str(named)) == str(named), "not RootlessKit's"
