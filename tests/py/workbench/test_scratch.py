"""Directories of a run: those of killed ones go with the next run, all others stay."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from scrun.workbench import scratch

PREFIX = "scrun-run-"


def make_killed(parent: Path, *, keep: bool = False) -> Path:
    """Return the directory of a run that was killed, with something in it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            with scratch.directory(PREFIX, str(parent), keep=keep) as path:
                os.makedirs(f"{path}/bundle/rootfs")
                os.symlink(parent / "precious", f"{path}/bundle/rootfs/link")
                os.symlink(parent / "precious", f"{path}/link")
                os.write(writer, path.encode())
                signal.pause()
        finally:
            os._exit(1)
    path = os.read(reader, 4096).decode()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(reader)
    os.close(writer)
    return Path(path)


def run(parent: Path) -> None:
    """Be the next run."""
    with scratch.directory(PREFIX, str(parent)):
        pass


def test_a_killed_run_is_swept_up_after(tmp_path: Path) -> None:
    """Its directory goes, with no link in it followed."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").touch()
    killed = make_killed(tmp_path)
    assert (killed / "bundle/rootfs").is_dir()
    run(tmp_path)
    assert not killed.exists()
    assert (tmp_path / "precious/file").exists()


def test_what_is_in_use_or_kept_stays(tmp_path: Path) -> None:
    """A run beside ours, and what --keep has left, are nothing to sweep up."""
    kept = make_killed(tmp_path, keep=True)
    with scratch.directory(PREFIX, str(tmp_path)) as used:
        run(tmp_path)
        assert os.path.isdir(used)
        assert kept.is_dir()
    assert not os.path.isdir(used)


@pytest.mark.parametrize("what", ["name", "mode", "link", "lock", "boot"])
def test_what_may_be_of_others_stays(tmp_path: Path, what: str) -> None:
    """Another name, rights of others, a link, a linked lock, another machine."""
    killed = make_killed(tmp_path)
    if what == "name":
        killed = killed.rename(tmp_path / "scrun-run-of-mine")
    elif what == "mode":
        killed.chmod(0o770)
    elif what == "link":
        elsewhere = killed.rename(tmp_path / "elsewhere")
        killed.symlink_to(elsewhere)
        killed = elsewhere
    elif what == "lock":
        (killed / scratch.LOCK).rename(tmp_path / "lock")
        (killed / scratch.LOCK).symlink_to(tmp_path / "lock")
    else:
        (killed / scratch.LOCK).write_text("another\n")
    run(tmp_path)
    assert (killed / "bundle/rootfs").is_dir()
