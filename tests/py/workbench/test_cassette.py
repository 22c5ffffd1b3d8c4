"""Cassettes: a run recorded, and the same run without its commands."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import cbor2
import pytest

from scrun.lua.engines import DIALECTS
from scrun.workbench.run.cassette import MAGIC, Places, read_cassette
from tests.py.workbench.run_script import Runner

TALKS = (
    "local host = require 'host' "
    "local function show(...) local t = { n = select('#', ...), ... } "
    "for i = 1, t.n do t[i] = tostring(t[i]) end slurm.log_info(table.concat(t, '|')) end "
    "show(slurm.allocator_command('echo $$ ' .. bundle .. ' ' .. spool_dir)) "
    "show(slurm.allocator_command('cat; exit 3', { stdin = 'in ' .. bundle })) "
    "show(slurm.remote_command('echo out; echo err >&2', { stderr = 'apart', timeout = 9 })) "
    "show(host.run { 'sh', '-c', 'kill -9 $$' }) "
    "show(slurm.get_qos_priority 'high') "
    "show(os.execute('exit 5')) "
    "local p = io.popen 'echo $PPID' show(p:read '*a') p:close() "
    "show(slurm.allocator_command(\"printf '\\\\377\\\\0'\") == 0) "
    "for _, entry in ipairs(job_env) do "
    "if entry:find '^A=' or entry:find 'SPOOL' then show(entry) end end"
)
OUT = "slurm.allocator_command 'echo leaving'"


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return tmp_path / "cassette.cbor"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    directory = tmp_path / "bundle"
    (directory / "rootfs").mkdir(parents=True)
    process = {"args": ["sh"], "cwd": "/"}
    config = {"ociVersion": "1.0.0", "process": process, "root": {"path": "rootfs"}}
    config["annotations"] = {"where": str(directory)}
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def plain(events: list[dict[str, Any]], directory: str) -> list[dict[str, Any]]:
    """Return events without what is another in every run."""
    text = json.dumps(events).replace(directory, "WORK")
    found: list[dict[str, Any]] = json.loads(text)
    for event in found:
        for name in ("ran", "seconds"):
            event.pop(name, None)
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_replay_is_the_run(runner: Runner, cassette: Path, dialect: str) -> None:
    """Every command of every kind answers as it did, on other paths."""
    runner.write_stages(TALKS, OUT)
    options = ["--lua", dialect, "--job-id", "77", "--user", "61234:61235", "--nodes", "n[1-2]"]
    first = runner.json("--local", "--record", str(cassette), "--job-env", "A=b", *options)
    again = runner.json("--replay", str(cassette))
    assert first.document["job"] == again.document["job"]
    assert again.document["dialect"] == dialect
    assert len(first.commands()) == 9
    works = [
        d.document["config"]["before_path"].removesuffix("/bundle/config.json")
        for d in (first, again)
    ]
    assert works[0] != works[1]
    assert plain(first.document["events"], works[0]) == plain(again.document["events"], works[1])
    assert not any(event["ran"] for event in again.events("command"))


def test_a_cassette_is_its_owners(runner: Runner, cassette: Path) -> None:
    """It has the job's environment in it."""
    cassette.write_text("old")
    cassette.chmod(0o644)
    runner.write_stages(TALKS)
    runner.json("--local", "--record", str(cassette))
    assert stat.S_IMODE(cassette.stat().st_mode) == 0o600
    assert cassette.read_bytes().startswith(MAGIC)
    assert [path.name for path in cassette.parent.glob("*.tmp")] == []


def test_paths_do_not_matter(runner: Runner, cassette: Path, bundle: Path, tmp_path: Path) -> None:
    """Neither a bundle elsewhere nor another directory for temporary files is a difference."""
    runner.write_stages(TALKS, OUT)
    runner.json("--local", "--record", str(cassette), "--bundle", str(bundle))
    other, work = tmp_path / "other", tmp_path / "work"
    bundle.rename(other)
    work.mkdir()
    again = ["--replay", str(cassette), "--bundle", str(other), "--work-dir", str(work)]
    assert str(other) in runner.json(*again).logged()[0]
    # The bundle of the cassette itself.
    document = runner.json("--replay", str(cassette)).document
    before = json.loads(document["config"]["before"])
    assert before["root"] == {"path": "rootfs"}


def test_a_root_filesystem_elsewhere(runner: Runner, cassette: Path, bundle: Path) -> None:
    """Its path is another in a replay, and the script's commands follow it."""
    root = bundle.parent / "storage"
    (bundle / "rootfs").rename(root)
    config = json.loads((bundle / "config.json").read_text())
    config["root"]["path"] = str(root)
    (bundle / "config.json").write_text(json.dumps(config))
    runner.write_stages(
        "local config = require('json').decode(io.open(config_file):read '*a') "
        "slurm.allocator_command('ls ' .. config.root.path)"
    )
    for options in (["--local"], ["--local", "--in-place"]):
        runner.json(*options, "--record", str(cassette), "--bundle", str(bundle))
        (command,) = runner.json("--replay", str(cassette)).commands()
        assert command.endswith("/bundle/rootfs")


def test_a_failure_is_replayed(runner: Runner, cassette: Path) -> None:
    """Also one that is an error in the script."""
    runner.write_stages(
        "slurm.log_info(tostring(pcall(slurm.allocator_command, 'x', { timeout = -1 }))) "
        "do return slurm.allocator_command 'exit 9' end"
    )
    first = runner("--local", "--record", str(cassette))
    again = runner("--replay", str(cassette))
    assert first.status == again.status == 1
    assert first.err == again.err == f"scrun: {runner.script}: slurm_scrun_stage_in returned 9\n"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("change", "expected", "got"),
    [
        (("echo two", "echo 2"), "allocator_command echo two", "allocator_command echo 2"),
        (
            ("allocator_command 'echo two", "remote_command 'echo two"),
            "allocator_command echo two",
            "remote_command echo two",
        ),
        (
            ("'echo two'", "('echo two', { timeout = 5 })"),
            "allocator_command echo two",
            "allocator_command echo two",
        ),
    ],
)
def test_a_command_that_differs(
    runner: Runner, cassette: Path, dialect: str, change: tuple[str, str], expected: str, got: str
) -> None:
    """It ends the run: one line with its place and both commands, and their diff."""
    body = "slurm.allocator_command 'echo one'\nslurm.allocator_command 'echo two'\n"
    runner.write_stages(body)
    runner.json("--local", "--record", str(cassette), "--lua", dialect)
    text = runner.script.read_text().replace(*change)
    script = runner.write(text)
    done = runner("--replay", str(cassette))
    assert done.status == 1
    assert done.err == (
        f"scrun: {script}:3: command 2 of stage_in is not the cassette's: "
        f"expected {expected}, got {got}\n"
    )
    assert "--- cassette" in done.out and "+++ script" in done.out
    assert "podman shows  nothing of this" in done.out
    difference = runner("--replay", str(cassette), "--json").document["difference"]
    assert (difference["function"], difference["number"]) == ("stage_in", 2)
    assert difference["expected"]["text"] == "echo two"
    assert [line for line in difference["diff"][3:] if line[0] in "+-"]


def test_a_difference_that_the_script_catches(runner: Runner, cassette: Path) -> None:
    """It is an error all the same."""
    runner.write_stages("slurm.allocator_command 'echo one'")
    runner.json("--local", "--record", str(cassette))
    runner.write_stages("pcall(slurm.allocator_command, 'echo 1')")
    done = runner("--replay", str(cassette))
    assert done.status == 1
    assert "command 1 of stage_in is not the cassette's" in done.err


def test_long_scripts_are_compared_by_lines(runner: Runner, cassette: Path) -> None:
    runner.write_stages("slurm.allocator_command('true\\n' .. ('echo line\\n'):rep(50))")
    runner.json("--local", "--record", str(cassette))
    runner.write_stages("slurm.allocator_command('true\\n' .. ('echo line\\n'):rep(51))")
    done = runner("--replay", str(cassette))
    assert len(done.err) < 600
    assert [line for line in done.out.splitlines() if line.startswith("+")] == [
        "+++ script",
        "+echo line",
    ]


def test_commands_that_are_left_over(runner: Runner, cassette: Path) -> None:
    """A script that asks for less is another script."""
    runner.write_stages("slurm.allocator_command 'echo one' slurm.allocator_command 'echo two'")
    runner.json("--local", "--record", str(cassette))
    runner.write_stages("slurm.allocator_command 'echo one'")
    done = runner("--replay", str(cassette))
    assert (done.status, done.err) == (
        1,
        "scrun: the cassette has a command more in stage_in: allocator_command echo two\n",
    )


def test_commands_that_are_too_many(runner: Runner, cassette: Path) -> None:
    runner.write_stages("slurm.allocator_command 'echo one'")
    runner.json("--local", "--record", str(cassette))
    script = runner.write_stages("for _ = 1, 2 do slurm.allocator_command 'echo one' end")
    done = runner("--replay", str(cassette))
    assert (done.status, done.err) == (
        1,
        f"scrun: {script}:2: the cassette has no more commands in stage_in: "
        "allocator_command echo one\n",
    )


def test_one_function_of_a_cassette(runner: Runner, cassette: Path) -> None:
    """The commands of the other are not missed, and stage_out finds what stage_in had set."""
    runner.write_stages(
        "slurm.allocator_command 'echo in' slurm.set_bundle_path(spool_dir .. '/staged')",
        "slurm.allocator_command('echo out ' .. bundle) slurm.log_info(bundle)",
    )
    runner.json("--local", "--record", str(cassette))
    assert runner.json("stage_in", "--replay", str(cassette)).commands() == ["echo in"]
    done = runner.json("stage_out", "--replay", str(cassette))
    (line,) = done.logged()
    assert line.endswith("/spool/staged")
    assert done.commands() == [f"echo out {line}"]


def test_a_replay_has_the_job_of_the_cassette(runner: Runner, cassette: Path) -> None:
    runner.write_stages()
    runner.json("--local", "--record", str(cassette))
    for options in (["--job-id", "5"], ["--job-env", "A=1"], ["--nodes", "n1"], ["--user", "0"]):
        done = runner("--replay", str(cassette), *options)
        assert done.status == 1
        assert f"{options[0]} has no meaning here: the cassette says" in done.err


# -- the file ----------------------------------------------------------------------------------


@pytest.fixture
def recorded(runner: Runner, cassette: Path) -> Path:
    """A cassette of a run."""
    runner.write_stages(TALKS, OUT)
    runner.json("--local", "--record", str(cassette), "--job-env", "A=b", "--id", "web")
    return cassette


def test_it_is_readable(runner: Runner, recorded: Path) -> None:
    """The job and the commands, with their answers; whole with -v."""
    done = runner(str(recorded), tool="cassette")
    lines = re.sub(r"[0-9.]+ s\b", "N s", done.out).splitlines()
    assert lines[0] == "scrun.lua, Lua 5.4, on this machine"
    assert "container web" in lines[2]
    for line in (
        "stage_in",
        "  $ echo $$ %{scrun:bundle} %{scrun:spool}",
        "    | in %{scrun:bundle}",
        "  nodes$ echo out; echo err >&2",
        "    remote_command, status 0, N s",
        "  slurm get_qos_priority high",
        "stage_out",
        "    | leaving",
    ):
        assert line in lines, (line, done.out)
    assert "  A=b" in runner(str(recorded), "-v", tool="cassette").out.splitlines()


def test_it_is_readable_for_programs(runner: Runner, recorded: Path) -> None:
    document = runner(str(recorded), "--json", tool="cassette").document
    assert document["job"]["container_id"] == "web"
    assert "A=b" in document["job"]["job_env"]
    assert json.loads(document["config"])["hostname"] == "sample"
    first, second, third = document["commands"][:3]
    assert first["text"] == "echo $$ %{scrun:bundle} %{scrun:spool}"
    assert (second["status"], second["output"]) == (3, "in %{scrun:bundle}")
    assert (third["output"], third["stderr"]) == ("out\n", "err\n")
    assert third["options"] == {"stderr": True, "timeout": 9.0}
    assert {command["function"] for command in document["commands"]} == {"stage_in", "stage_out"}


def test_every_truncation_is_one_line(runner: Runner, recorded: Path, tmp_path: Path) -> None:
    """Wherever it ends, it is said to be cut short, and not taken for a shorter one."""
    data = recorded.read_bytes()
    broken = tmp_path / "broken.cbor"
    for size in [*range(3, 60), *range(60, len(data), 97)]:
        broken.write_bytes(data[:size])
        done = runner("--replay", str(broken))
        assert (done.status, done.err) == (1, f"scrun: cassette {broken}: it is cut short\n"), size


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is no cassette of scrun"),
        (b"GIF89a", "it is no cassette of scrun"),
        (b"\x7fELF" + bytes(100), "it is no cassette of scrun"),
        (MAGIC + b"\xff", "it is no cassette of scrun"),
        (MAGIC + cbor2.dumps([1]), "it is no cassette of scrun"),
        (MAGIC + cbor2.dumps({"scrun": "cassette", "version": 99}), "it is of version 99, not 1"),
        (MAGIC + cbor2.dumps({"scrun": "cassette", "version": 1}), "it is damaged: dialect"),
        (MAGIC + b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "it is "),
        (MAGIC + b"\x81" * 100_000, "it is "),
    ],
)
def test_other_files_are_one_line(
    runner: Runner, tmp_path: Path, data: bytes, message: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    runner.write_stages()
    for done in (runner("--replay", str(file)), runner(str(file), tool="cassette")):
        assert done.status == 1 and done.err.count("\n") == 1
        assert done.err.startswith(f"scrun: cassette {file}: {message}"), done.err


def test_damaged_members_are_one_line(runner: Runner, recorded: Path, tmp_path: Path) -> None:
    """Every member of the wrong type is found before the run begins."""
    members = cbor2.loads(recorded.read_bytes()[len(MAGIC) :])
    damaged = tmp_path / "damaged.cbor"
    places = [(members, name) for name in members if name not in ("scrun", "version")]
    places += [(members["job"], name) for name in members["job"]]
    places += [(members["commands"][0], name) for name in members["commands"][0]]
    for container, name in places:
        kept, container[name] = container[name], object_of_another_type(container[name])
        damaged.write_bytes(MAGIC + cbor2.dumps(members))
        container[name] = kept
        done = runner("--replay", str(damaged))
        assert done.err == f"scrun: cassette {damaged}: it is damaged: {name}\n"
    read_cassette(str(recorded))


def object_of_another_type(value: object) -> object:
    """Return what a member never is."""
    return {1: 2} if not isinstance(value, dict) else 7


def test_a_cassette_that_is_not_there(runner: Runner) -> None:
    runner.write_stages()
    done = runner("--replay", "/nonexistent/x")
    assert done.err == "scrun: read cassette /nonexistent/x: no such file or directory\n"


def test_places_are_whole_paths() -> None:
    """A path is not found in a longer name, and the innermost directory goes first."""
    places = Places({"bundle": "/b", "spool": "/b/spool"})
    text = b"/b/spool/x /b/spool2 /b /bb /b.x (/b) /a/b"
    hidden = places.hide(text)
    assert hidden == (
        b"%{scrun:spool}/x %{scrun:bundle}/spool2 %{scrun:bundle} /bb /b.x (%{scrun:bundle}) /a/b"
    )
    assert places.show(hidden) == text
