"""``scrun lua run --local``: commands and files are real, on a copy of the bundle."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.py.workbench.run_script import Runner, snapshot

CHECKOUT = Path(__file__).resolve().parents[3]
CHANGE = (
    "local f = io.open(bundle .. '/rootfs/etc/motd', 'w') f:write 'changed' f:close() "
    "slurm.allocator_command('echo more >> ' .. bundle .. '/rootfs/etc/motd') "
    "local s, out = slurm.allocator_command('cat ' .. bundle .. '/rootfs/etc/motd; exit 4') "
    "slurm.log_info(s .. ' ' .. out)"
)


def test_a_local_run_works_on_a_copy(runner: Runner, bundle: Path, tmp_path: Path) -> None:
    """Commands are real, the user's bundle is not touched, and the copy is removed."""
    before = snapshot(bundle)
    work = tmp_path / "work"
    work.mkdir()
    runner.write_stages(CHANGE)
    done = runner.json("--local", "--bundle", str(bundle), "--work-dir", str(work))
    assert done.logged() == ["4 changedmore\n"]
    assert all(event["ran"] for event in done.events("command"))
    assert snapshot(bundle) == before
    assert list(work.iterdir()) == []


def test_a_link_to_a_bundle_is_followed(runner: Runner, bundle: Path, tmp_path: Path) -> None:
    """The copy is of what it leads to."""
    link = tmp_path / "link"
    link.symlink_to(bundle)
    before = snapshot(bundle)
    runner.write_stages(CHANGE)
    done = runner.json("--local", "--bundle", str(link))
    assert done.logged() == ["4 changedmore\n"]
    assert snapshot(bundle) == before


def test_a_root_filesystem_elsewhere_is_copied_as_well(
    runner: Runner, bundle: Path, tmp_path: Path
) -> None:
    """Engines keep it in their storage: that is not to be changed either."""
    elsewhere = tmp_path / "storage/root"
    elsewhere.parent.mkdir()
    (bundle / "rootfs").rename(elsewhere)
    config = json.loads((bundle / "config.json").read_text())
    config["root"]["path"] = str(elsewhere)
    (bundle / "config.json").write_text(json.dumps(config))
    before = snapshot(tmp_path / "storage")
    runner.write_stages(
        "local config = require('json').decode(io.open(config_file):read '*a') "
        "local f = io.open(config.root.path .. '/etc/motd', 'w') f:write 'changed' f:close()"
    )
    runner.json("stage_in", "--local", "--bundle", str(bundle))
    assert snapshot(tmp_path / "storage") == before


def test_in_place(runner: Runner, bundle: Path) -> None:
    runner.write_stages(CHANGE)
    runner.json("--local", "--in-place", "--bundle", str(bundle))
    assert (bundle / "rootfs/etc/motd").read_text() == "changedmore\n"


def test_the_shell_functions_of_lua_itself(runner: Runner, dialect: str) -> None:
    """On this machine os.execute and io.popen do what they do without us."""
    runner.write_stages(
        "local function show(...) local t = { n = select('#', ...), ... } "
        "for i = 1, t.n do t[i] = tostring(t[i]) end slurm.log_info(table.concat(t, '|')) end "
        "local name = os.tmpname() "
        "show(os.execute('exit 3')) show(os.execute()) "
        "local p = io.popen('cat > ' .. name, 'w') p:write 'text' p:close() "
        "show(io.open(name):read '*a') os.remove(name) "
        "p = io.popen('echo out; echo err >&2; exit 5') show(p:read '*a') "
        "local a, b, c = p:close() show(a, b, c)"
    )
    done = runner.json("stage_in", "--local", "--lua", dialect)
    old = dialect in ("5.1", "luajit")
    assert done.logged() == [
        *(("768", "1") if old else ("nil|exit|3", "true")),
        *("text", "out\n", "true|nil|nil" if old else "nil|exit|5"),
    ]
    assert done.events("command")[-1]["stderr"] == "err\n"


def test_durations_are_told(runner: Runner) -> None:
    """Of each command, and of the function."""
    runner.write_stages("slurm.allocator_command 'sleep 0.2'")
    done = runner.json("stage_in", "--local")
    (command,) = done.events("command")
    assert 0.2 <= command["seconds"] < 60
    assert done.events("ended")[-1]["seconds"] >= command["seconds"]


def test_keep(runner: Runner, tmp_path: Path) -> None:
    """What a run made stays, for its owner alone."""
    runner.write_stages("local f = io.open(spool_dir .. '/x', 'w') f:write 'x' f:close()")
    done = runner("stage_in", "--keep", "--work-dir", str(tmp_path))
    (kept,) = tmp_path.glob("scrun-run-*")
    assert f"kept          {kept}" in done.out
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert (kept / "spool/x").read_text() == "x"


def test_an_interrupted_run_ends(runner: Runner, tmp_path: Path) -> None:
    """Ctrl-C ends the command that runs, names the line, and the run's directory goes."""
    script = runner.write_stages("slurm.allocator_command('touch ' .. bundle .. '/up; sleep 600')")

    def interrupt() -> None:
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob("scrun-run-*/bundle/up")):
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    done = runner("stage_in", "--local", "--work-dir", str(tmp_path), "--timeout", "60")
    thread.join()
    assert (done.status, done.err) == (1, f"scrun: {script}:2: ended by SIGINT\n")
    assert list(tmp_path.glob("scrun-run-*")) == []


def test_a_reader_that_goes_away(runner: Runner, tmp_path: Path) -> None:
    """``| head -1`` ends the run, quietly, and leaves nothing."""
    runner.write_stages("for i = 1, 10000 do slurm.log_info('line ' .. i) end")
    work = tmp_path / "work"
    work.mkdir()
    argv = f"{sys.executable} -m scrun lua run {runner.script} --work-dir {work} | head -1"
    done = subprocess.run(
        argv, shell=True, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("main chunk\n", "")
    assert list(work.iterdir()) == []
