"""list: every container below the root directory, with the state that it has."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from scrun.anchor import listing
from scrun.host.directory import take_lock
from tests.py.lifecycle.runtimes import Runtime
from tests.py.lifecycle.schemas import check
from tests.py.lifecycle.test_crash import kill_anchor

COLUMNS = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]


def read(runtime: Runtime) -> list[dict[str, Any]]:
    """Return what ``list --format json`` says; it complains of nothing."""
    done = runtime("list", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    states: list[dict[str, Any]] = json.loads(done.stdout)
    return states


def test_all_states(runtime: Runtime) -> None:
    """The table has runc's columns, the JSON is an array of what `state` prints."""
    assert runtime("list").stdout.split() == COLUMNS
    assert read(runtime) == []
    runtime.create("made", runtime.make_bundle("exit 0"))
    runtime.run("on", "exec sleep 100")
    runtime.run("over", "exit 0")
    runtime.wait_status("over", "stopped")
    runtime.outside(f"{runtime.root}/strange").mkdir()
    states = read(runtime)
    assert states == [runtime.state(name) for name in ("made", "on", "over")]
    for state in states:
        check(state, "state-schema.json")
        members = {"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"}
        assert members <= set(state)
    head, *rows = runtime("list").stdout.splitlines()
    assert head.split() == COLUMNS
    shown = [row.split()[:4] for row in rows]
    assert shown == [[s["id"], str(s["pid"]), s["status"], s["bundle"]] for s in states]
    assert runtime("list", "-q").stdout == "made\non\nover\n"
    assert "list: strange: " in runtime("--debug", "list").stderr
    runtime.outside(f"{runtime.root}/strange").rmdir()
    for name in ("made", "on", "over"):
        assert runtime("delete", "--force", name).returncode == 0


def test_dead_anchors(runtime: Runtime) -> None:
    """As `state`: their jobs are ended, and they are stopped."""
    for name in ("one", "two"):
        runtime.run(name, "exec sleep 100")
        kill_anchor(runtime, name)
    states = {state["id"]: (state["status"], state["pid"]) for state in read(runtime)}
    assert states == {"one": ("stopped", 0), "two": ("stopped", 0)}
    for name in ("one", "two"):
        assert runtime("delete", name).returncode == 0


def test_a_mistake(runtime: Runtime) -> None:
    done = runtime("list", "--format", "yaml")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == 'scrun: list: unknown format "yaml". use table or json\n'


def test_it_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of whom nobody can tell in time the last that is known is told, and that it is that."""
    directory = tmp_path / "web"
    directory.mkdir()
    state = {"id": "web", "pid": 7, "status": "running"}
    (directory / "state.json").write_text(json.dumps(state))
    (directory / "lock").touch()
    lock = take_lock(str(directory), "recovery")  # as a verb whose cluster does not answer
    assert lock is not None
    monkeypatch.setattr(listing, "PATIENCE_S", 0.2)
    assert listing.find_states(str(tmp_path), {"root": str(tmp_path)}) == [state]
    os.close(lock)
    err = capfd.readouterr().err
    assert "web: its anchor died" in err and "no answer in 0.2 s" in err
