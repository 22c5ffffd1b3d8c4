"""``scrun lua run``: what a script gets, what is shown of it, and what is left alone."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scrun.anchor.lifecycle import Lifecycle
from scrun.errors import UsageError
from scrun.lua.engines import DIALECTS
from scrun.workbench.run.config_diff import diff_configs
from scrun.workbench.run.nodes import expand_nodes
from tests.py.workbench.run_script import Runner

DATA = Path(__file__).parents[2] / "data"
CHECKOUT = Path(__file__).resolve().parents[3]
EXAMPLE = DATA / "manual-example-scrun.lua"

EDIT = """
local json = require 'json'
local file = io.open(config_file) local config = json.decode(file:read '*a') file:close()
config.process.rlimits, config.hostname = nil, 'other'
slurm.allocator_command('mkdir -p /nonexistent/staged')
file = assert(io.open('/nonexistent/staged/config.json', 'w'))
file:write(json.encode(config)) file:close()
slurm.set_bundle_path('/nonexistent/staged')
slurm.set_root_path('/nonexistent/staged/rootfs')
"""


@pytest.fixture
def runner(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Runner:
    directory = tmp_path / "site"
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    return Runner(directory, capfd)


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle whose root filesystem lies in it."""
    directory = tmp_path / "bundle"
    (directory / "rootfs/etc").mkdir(parents=True)
    (directory / "rootfs/etc/motd").write_text("hello\n")
    config = {
        "ociVersion": "1.1.0",
        "process": {"args": ["sh"], "env": ["PATH=/bin"], "cwd": "/", "rlimits": []},
        "root": {"path": "rootfs"},
        "hostname": "one",
        "annotations": {"mark": "yes"},
    }
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def snapshot(directory: Path) -> dict[str, Any]:
    """Return all files below a directory, with content, mode and time."""
    return {
        str(path): (path.read_bytes() if path.is_file() else None, path.lstat())
        for path in sorted(directory.rglob("*"))
    }


# -- arguments ---------------------------------------------------------------------------------


def test_the_functions_get_the_real_arguments(runner: Runner, bundle: Path) -> None:
    """As scrun(1) lists them, for the bundle that was given and the job that was described."""
    runner.write_stages(
        "slurm.log_info(table.concat({id, bundle, config_file, job_id, user_id, group_id}, ' ')) "
        "local f = io.open(spool_dir .. '/x', 'w') f:write 'x' f:close()",
        "slurm.log_info(table.concat({id, bundle, orig_bundle, root_path, orig_root_path, "
        "config_file, job_id, user_id, group_id}, ' ')) "
        "slurm.log_info(io.open(spool_dir .. '/x'):read '*a')",
    )
    options = ["--id", "web", "--job-id", "42", "--user", "61234:61235"]
    done = runner.json("--bundle", str(bundle), *options)
    config = bundle / "config.json"
    rootfs = f"{bundle}/rootfs"
    assert done.logged() == [
        f"web {bundle} {config} 42 61234 61235",
        f"web {bundle} {bundle} {rootfs} {rootfs} {config} 42 61234 61235",
        "x",
    ]
    names = [event["function"] for event in done.events("began")]
    assert names == ["load", "stage_in", "stage_out"]


def test_the_job_environment(runner: Runner, bundle: Path, tmp_path: Path) -> None:
    """SCRUN_* as of a container, SLURM_* as of a job, and what was asked for goes before it."""
    runner.write_stages("for _, entry in ipairs(job_env) do slurm.log_info('%s', entry) end")
    file = tmp_path / "env"
    file.write_text("# comment\nA=1\nB=from file\n")
    done = runner.json(
        *("stage_in", "--bundle", str(bundle), "--job-env-file", str(file), "--id", "web"),
        *("--job-env", "B=two=2", "--job-env", "SLURM_JOB_PARTITION=gpu", "--nodes", "n[1-3]"),
    )
    entries = dict(entry.partition("=")[::2] for entry in done.logged())
    expected = {
        "A": "1",
        "B": "two=2",
        "SLURM_JOB_PARTITION": "gpu",
        "SLURM_JOB_NODELIST": "n[1-3]",
        "SLURM_JOB_NUM_NODES": "3",
        "SCRUN_CONTAINER_ID": "web",
        "SCRUN_SUBMISSION_BUNDLE": str(bundle),
        "SCRUN_ANNOTATION_mark": "yes",
    }
    assert {name: entries.get(name) for name in expected} == expected
    assert done.document["job"]["nodes"] == "n[1-3]"


def test_stage_out_alone(runner: Runner, bundle: Path) -> None:
    """What stage_in would have set is an option."""
    runner.write_stages("", "slurm.log_info(bundle .. ' ' .. root_path .. ' ' .. orig_bundle)")
    staged = ["--staged-bundle", "/s", "--staged-root", "/s/root"]
    done = runner.json("stage_out", "--bundle", str(bundle), *staged)
    assert done.logged() == [f"/s /s/root {bundle}"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("n1", ["n1"]),
        ("a,b", ["a", "b"]),
        ("n[1-3,7]", ["n1", "n2", "n3", "n7"]),
        ("n[08-11]", ["n08", "n09", "n10", "n11"]),
        ("r[1-2]n[1-2],x", ["r1n1", "r1n2", "r2n1", "r2n2", "x"]),
        ("n[1-2]-ib", ["n1-ib", "n2-ib"]),
    ],
)
def test_node_lists(text: str, names: list[str]) -> None:
    """As scontrol show hostnames expands them."""
    assert expand_nodes(text) == names


@pytest.mark.parametrize("text", ["", "a,", "n[", "n[1-]", "n[3-1]", "n]1", "n[1-999999]", ",a"])
def test_wrong_node_lists(text: str) -> None:
    with pytest.raises(UsageError, match="node list"):
        expand_nodes(text)


# -- a dry run ---------------------------------------------------------------------------------


def test_the_manuals_example(runner: Runner, dialect: str) -> None:
    """A dry run shows its commands and its diff, and neither runs nor writes anything."""
    runner.write(EXAMPLE.read_text())
    staged = "/run/user/61234/slurm/scrun/lua-run"
    done = runner.json("--lua", dialect, "--user", "61234:61235")
    commands = done.commands()
    assert commands[0] == "id -un 61234"
    assert commands[1] == "mkdir -p /run/user/61234/slurm/scrun//lua-run/rootfs/"
    assert [command.split()[0] for command in commands] == [
        *("id", "mkdir", "/usr/bin/env", "/usr/bin/env", "/usr/bin/env", "/usr/bin/rm")
    ]
    assert not any(event["ran"] for event in done.events("command"))
    assert done.document["paths"]["bundle"] == staged
    config = json.loads(done.document["config"]["after"])
    assert config["linux"]["uidMappings"] == [{"containerID": 0, "hostID": 61234, "size": 1}]
    diff = done.document["config"]["diff"]
    assert diff[1] == f"+++ {staged}/config.json"
    assert '-  "ociVersion": "1.2.0",' in diff and '+  "ociVersion": "1.0.0",' in diff
    assert done.document["user_sees"] == []
    assert not Path("/run/user/61234").exists()


def test_a_dry_run_changes_nothing(runner: Runner, bundle: Path, dialect: str) -> None:
    """Whatever way a script writes by, the bundle stays as it was; the script sees its own."""
    before = snapshot(bundle)
    runner.write_stages(
        "local host = require 'host' "
        "local c = bundle .. '/config.json' "
        "local f = io.open(c, 'a') f:write ' ' f:close() "
        "f = io.open(bundle .. '/new', 'w') f:write 'one\\n' f:close() "
        "for line in io.lines(bundle .. '/new') do slurm.log_info('line ' .. line) end "
        "assert(os.rename(bundle .. '/new', bundle .. '/newer')) "
        "slurm.log_info(tostring((io.open(bundle .. '/new')))) "
        "slurm.log_info(host.read_file(bundle .. '/newer')) "
        "assert(os.remove(bundle .. '/rootfs/etc/motd')) "
        "slurm.log_info(select(2, io.open(bundle .. '/rootfs/etc/motd'))) "
        "assert(host.write_file(bundle .. '/a/b', 'x')) "
        "assert(host.make_dirs(bundle .. '/c/d')) "
        "slurm.log_info(host.stat(bundle .. '/c/d').type) "
        "slurm.log_info(table.concat(host.list_dir(bundle), ' ')) "
        "assert(host.remove_tree(bundle .. '/rootfs')) "
        "slurm.log_info(select(3, host.list_dir(bundle .. '/rootfs'))) "
        "slurm.log_info(host.realpath(bundle .. '/a/b')) "
        "io.output(bundle .. '/out') io.write 'more' io.close() "
        "slurm.log_info(host.read_file(bundle .. '/out')) "
        "slurm.log_info(tostring(os.remove(bundle .. '/never')))"
    )
    done = runner.json("stage_in", "--bundle", str(bundle), "--lua", dialect)
    assert done.logged() == [
        *("line one", "nil", "one\n", f"{bundle}/rootfs/etc/motd: No such file or directory"),
        *("directory", "a c config.json newer rootfs", "ENOENT", f"{bundle}/a/b", "more", "nil"),
    ]
    assert snapshot(bundle) == before
    written = [event["path"] for event in done.events("wrote")]
    assert written == [f"{bundle}/{name}" for name in ("a/b", "config.json", "newer", "out")]


def test_a_staged_config_is_compared(runner: Runner, bundle: Path, dialect: str) -> None:
    """The diff has what changed, and not the layout that the script's encoder has."""
    runner.write_stages(EDIT.replace("\n", " "))
    document = runner.json("--bundle", str(bundle), "--lua", dialect).document
    assert document["paths"]["bundle"] == "/nonexistent/staged"
    assert document["paths"]["root"] == "/nonexistent/staged/rootfs"
    changed = [line for line in document["config"]["diff"][2:] if line[0] in "+-"]
    assert changed == [
        *('-    "cwd": "/",', '-    "rlimits": []', '+    "cwd": "/"'),
        *('-  "hostname": "one",', '+  "hostname": "other",'),
    ]


def test_a_bundle_without_a_config_is_told_of(runner: Runner) -> None:
    """srun would not find it."""
    runner.write_stages("slurm.set_bundle_path('/nonexistent/staged')")
    (note,) = runner.json().document["notes"]
    assert note == "/nonexistent/staged/config.json: no such file or directory"


def test_a_config_that_no_runtime_takes_is_told_of(runner: Runner) -> None:
    runner.write_stages("local f = io.open(config_file, 'w') f:write '{}' f:close()")
    (note,) = runner.json("stage_in").document["notes"]
    assert note.startswith("a runtime would refuse it: ")


def test_answers(runner: Runner, tmp_path: Path, dialect: str) -> None:
    """The first pattern that fits answers; options go before files."""
    file = tmp_path / "answers.toml"
    file.write_text(
        '[[answer]]\ncommand = "id *"\noutput = "file"\n'
        '[[answer]]\ncommand = "squeue*"\nstatus = 3\noutput = "out"\nstderr = "err"\n'
    )
    runner.write_stages(
        "local function show(...) local t = {...} for i, v in ipairs(t) do t[i] = tostring(v) end "
        "slurm.log_info(table.concat(t, '|')) end "
        "local host = require 'host' "
        "show(slurm.allocator_command 'id -un 0') "
        "show(slurm.remote_command 'squeue -h') "
        "show(slurm.remote_command('squeue -h', { stderr = 'apart' })) "
        "show(host.run { 'id', '-g' }) "
        "show(host.run_remote { 'echo', 'a b' }) "
        "show(slurm.get_qos_priority 'high') "
        "show(slurm.allocator_command 'anything')"
    )
    done = runner.json(
        *("stage_in", "--lua", dialect, "--answers", str(file)),
        *("--answer", "id -un *=0:alice\\n", "--answer", "echo 'a b'=1:no"),
        *("--answer", "get_qos_priority high=0:100"),
    )
    assert done.logged() == [
        *("0|alice\n", "3|outerr", "3|out|err", "0|file", "1|no", "100", "0|"),
    ]


def test_shell_functions(runner: Runner, dialect: str) -> None:
    """os.execute and io.popen are commands as well; what they return is what Lua returns."""
    runner.write_stages(
        "local function show(...) local t = { n = select('#', ...), ... } "
        "for i = 1, t.n do t[i] = tostring(t[i]) end slurm.log_info(table.concat(t, '|')) end "
        "show(os.execute 'one') show(os.execute 'two') "
        "local p = io.popen 'three' show(p:read '*a') local a, b, c = p:close() show(a, b, c) "
        "p = io.popen('four', 'w') p:write('in', 'put') p:close() "
        "show(io.type(p))"
    )
    answers = ["--answer", "two=3:", "--answer", "three=0:lines\\n"]
    done = runner.json("stage_in", "--lua", dialect, *answers)
    assert done.commands() == ["one", "two", "three", "four"]
    assert done.events("command")[3]["options"] == {"stdin": "input"}
    old = dialect in ("5.1", "luajit")
    assert done.logged() == [
        *(("0", "768") if old else ("true|exit|0", "nil|exit|3")),
        *("lines\n", "true|nil|nil" if old else "true|exit|0", "closed file"),
    ]


def test_pure_functions_are_shown(runner: Runner, dialect: str) -> None:
    runner.write_stages("slurm.time_str2mins('1-00') slurm.from_json('[1]')")
    calls = runner.json("stage_in", "--lua", dialect).events("call")
    assert [(call["name"], call["arguments"], call["results"]) for call in calls] == [
        ("time_str2mins", ['"1-00"'], ["1440"]),
        ("from_json", ['"[1]"'], ["table"]),
    ]


def test_messages_and_returns(runner: Runner, dialect: str) -> None:
    """Each line with its level; what the user is told; what the function returned."""
    runner.write_stages(
        "slurm.log_error('e') slurm.log_debug('d') slurm.user_msg('hello') do return 0 end"
    )
    done = runner.json("stage_in", "--lua", dialect)
    levels = [(event["level"], event["text"]) for event in done.events("logged")]
    assert levels == [("error", "lua: e"), ("debug", "lua: d")]
    assert done.document["user_sees"] == []
    assert done.document["in_logs"] == ["scrun: hello"]
    ended = done.events("ended")[-1]
    assert (ended["function"], ended["returned"], ended["error"]) == ("stage_in", "0", None)


def test_a_failed_stage_in_lets_stage_out_alone(runner: Runner) -> None:
    """As in a container: nothing was staged."""
    runner.write_stages("do return -1 end")
    done = runner("--json")
    assert done.status == 1
    assert [event["function"] for event in done.events("began")] == ["load", "stage_in"]
    error = done.document["error"]
    assert (error["function"], error["message"]) == (
        "stage_in",
        f"{runner.script}: slurm_scrun_stage_in returned -1",
    )
    assert done.document["exit_status"] == 1


def test_modules_beside_the_script_are_found(runner: Runner) -> None:
    """So is a setting of the site, such as the dialect."""
    (runner.directory / "scrun.d").mkdir(mode=0o755)
    (runner.directory / "helper.lua").write_text("return { word = 'found' }\n")
    (runner.directory / "scrun.d/settings.lua").write_text(
        "local s = require 'luastd.settings' s.dialect = '5.1' return s\n"
    )
    for path in runner.directory.rglob("*.lua"):
        path.chmod(0o644)
    runner.write_stages("slurm.log_info(require('helper').word .. ' ' .. _VERSION)")
    assert runner.json("stage_in").logged() == ["found Lua 5.1"]


# -- a run on this machine ---------------------------------------------------------------------

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
    assert 0.2 <= command["seconds"] < 5
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
    import signal
    import threading

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


# -- for people --------------------------------------------------------------------------------


def test_what_people_read(runner: Runner, bundle: Path) -> None:
    """Every kind of event has its line; long outputs are cut, and are whole with -v."""
    runner.write_stages(
        EDIT.replace("\n", " ") + "slurm.log_info 'done' slurm.user_msg 'hello' "
        "slurm.remote_command 'seq 100' print 'oops' slurm.time_str2mins '1:00'"
    )
    output = "".join(f"{n}\\n" for n in range(100))
    options = ["stage_in", "--bundle", str(bundle), "--answer", f"seq 100=0:{output}"]
    done = runner(*options)
    assert done.status == 0 and done.err == ""
    for line in (
        "main chunk",
        "  $ mkdir -p /nonexistent/staged",
        "  slurm.set_bundle_path /nonexistent/staged",
        "  info     lua: done",
        "  user     hello",
        "  nodes$ seq 100",
        "    remote_command, status 0, not run",
        "    | ... 88 more lines",
        '  slurm.time_str2mins("1:00") = 1',
        f"  standard output, which is the container's (from {runner.script}:2):",
        "  returned 0, N s",
        '+  "hostname": "other",',
        "bundle        /nonexistent/staged",
        "root          /nonexistent/staged/rootfs",
        "podman shows  nothing of this",
        "podman logs   scrun: hello",
    ):
        assert line in re.sub(r"[0-9.]+ s\b", "N s", done.out).splitlines(), (line, done.out)
    assert "    | 99" in runner(*options, "-v").out.splitlines()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nonsense"], "unknown function nonsense"),
        (["--local", "--slurm"], "exclude each other"),
        (["--local", "--answer", "x=0:"], "--answer and --answers are for a dry run"),
        (["--answer", "x"], "expected PATTERN=STATUS:OUTPUT"),
        (["--answer", "x=300:"], "300 is no exit status"),
        (["--bundle", "/nonexistent"], "bundle /nonexistent"),
        (["--in-place"], "--in-place is for"),
        (["--job-env", "x"], "--job-env: x: expected NAME=value"),
        (["--nodes", "n["], "node list n["),
        (["--user", "no-such-user"], "--user no-such-user: no such user"),
        (["--memory", "many"], "--memory many"),
        (["--timeout", "-1"], "--timeout"),
        (["--id", "../x"], "../x"),
        (["--slurm", "--nodes", "n1"], "--nodes has no meaning here"),
        (["--record", "/nonexistent/x"], "no such directory"),
        (["--answers", "/nonexistent/x"], "read /nonexistent/x"),
        (["--work-dir", "/nonexistent"], "--work-dir /nonexistent"),
        (["create", "--local"], "create needs a container that can run: --bundle DIR"),
        (["--lua", "6.0"], "6.0"),
    ],
)
def test_wrong_options_are_one_line(runner: Runner, options: list[str], message: str) -> None:
    runner.write_stages()
    done = runner(*options)
    assert done.status == 1 and done.err.count("\n") == 1, done.err
    assert message in done.err


def test_a_script_that_is_not_there(runner: Runner) -> None:
    done = runner()
    assert (done.status, done.err) == (1, f"scrun: {runner.script}: no such file\n")


def test_a_script_that_others_can_write_is_told_of(runner: Runner) -> None:
    """A container would refuse it."""
    runner.write_stages()
    runner.script.chmod(0o666)
    (note,) = runner.json().document["notes"]
    assert "it is writable by everybody" in note


# -- verbs and modules -------------------------------------------------------------------------


def primitives(done: Any) -> list[tuple[str, list[Any]]]:
    """Return names and arguments of the primitives in a document."""
    return [(event["name"], event["arguments"]) for event in done.events("primitive")]


def test_every_primitive_is_offered() -> None:
    """A verb finds what the anchor has; the list is the anchor's own."""
    names = Lifecycle.primitives(Lifecycle.__new__(Lifecycle))
    assert {"allocate", "stage_in", "start_step", "signal", "remove"} <= set(names)


def test_create_shows_its_steps(
    runner: Runner, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked of Slurm, the script's own commands in their place, and the diff."""
    monkeypatch.setenv("SCRUN_PARTITION", "gpu")
    runner.write_stages(EDIT.replace("\n", " "))
    (bundle / "rootfs/etc/motd").unlink()
    (bundle / "rootfs/etc").rmdir()
    done = runner.json("create", "--bundle", str(bundle), "--job-id", "9")
    names = [name for name, _ in primitives(done)]
    assert names == ["resolve_command", "load_script", "allocate", "stage_in"]
    request = dict(primitives(done))["allocate"][0]
    assert "--partition=gpu" in request["salloc"]
    assert done.commands() == ["mkdir -p /nonexistent/staged"]
    assert '+  "hostname": "other",' in done.document["config"]["diff"]


def test_a_command_that_is_not_in_the_image(runner: Runner, bundle: Path) -> None:
    """The bundle is a real one: it is looked at."""
    runner.write_stages()
    done = runner("create", "--bundle", str(bundle))
    assert done.status == 1
    assert "executable file not found in $PATH" in done.err


def test_start_shows_the_step(runner: Runner) -> None:
    """After a create that is not shown."""
    runner.write_stages("error('not run')")
    ((name, (argv,)),) = primitives(runner.json("start", "--id", "web", "--job-id", "7"))
    assert name == "start_step"
    assert argv[:2] == ["--jobid", "7"] and argv[-3:] == ["sh", "-c", "echo hello"]


def test_kill_by_the_sites_module(runner: Runner) -> None:
    """The module below scrun.d is the one in force, whether it or its site is named."""
    module = runner.directory / "scrun.d/verbs/kill.lua"
    module.parent.mkdir(parents=True)
    for directory in (module.parent, module.parent.parent):
        directory.chmod(0o755)
    module.write_text(
        "local kill = require 'luastd.verbs.kill'\nkill.translate.TERM = 'USR1'\nreturn kill\n"
    )
    module.chmod(0o644)
    runner.write_stages()
    assert primitives(runner.json("kill", "--signal", "SIGTERM")) == [("signal", ["USR1"])]
    done = runner(str(module), "--json", tool="run-file")
    assert primitives(done) == [("signal", ["USR1"])]
    assert runner("kill", "--status", "stopped").err == "scrun: container not running\n"
    module.write_text("local M = {}\nfunction M.run()\nwhile true do end\nend\nreturn M\n")
    late = runner("kill", "--timeout", "0.2")
    assert late.err == f"scrun: {module}:3: took longer than 0.2 s (--timeout)\n"
    module.write_text("local M = {}\nM.run = = 1\n")
    assert runner("kill").err.startswith(f"scrun: {module}:2: unexpected symbol")


def test_delete_and_state(runner: Runner, bundle: Path) -> None:
    runner.write_stages()
    assert primitives(runner.json("delete")) == [("remove", [])]
    refused = runner("delete", "--status", "running")
    assert refused.err == 'scrun: cannot delete container "lua-run": it is running\n'
    forced = runner.json("delete", "--status", "running", "--force")
    assert [name for name, _ in primitives(forced)] == ["signal", "wait_ended", "remove"]
    (document,) = runner.json("state", "--bundle", str(bundle)).events("document")
    assert document["value"]["status"] == "running"
    assert document["value"]["annotations"] == {"mark": "yes"}


def test_a_stager(runner: Runner, bundle: Path) -> None:
    """A site without a script has one; it is run by the site's directory, or by its own file."""
    done = runner(str(runner.directory), "--json", "--bundle", str(bundle), tool="run-file")
    assert done.status == 0, done.err
    staged = done.document["paths"]["bundle"]
    assert staged.startswith(f"{bundle}/.scrun-") and not Path(staged).exists()
    assert done.document["config"]["diff"]
    own = runner.directory / "scrun.d/stage/own.lua"
    own.parent.mkdir(parents=True)
    for directory in (own.parent, own.parent.parent):
        directory.chmod(0o755)
    own.write_text(
        "local M = {}\nfunction M.stage_in(ctx)\nslurm.log_info(ctx.nodes[2])\nreturn true\nend\n"
        "function M.stage_out()\nreturn nil, 'disk full', 'ENOSPC'\nend\nreturn M\n"
    )
    own.chmod(0o644)
    done = runner(str(own), "--json", "--nodes", "n[1-2]", tool="run-file")
    assert done.logged() == ["n2"]
    assert (done.status, done.document["error"]["code"]) == (1, "ENOSPC")


def test_a_stager_that_fails_cleans_up(runner: Runner, tmp_path: Path) -> None:
    """As in a container, and the first error is the one that is told, a time-out as well."""
    own = runner.directory / "scrun.d/stage/own.lua"
    own.parent.mkdir(parents=True)
    for directory in (own.parent, own.parent.parent):
        directory.chmod(0o755)
    mark = tmp_path / "mark"
    for failure, expected in (("return nil, 'full'", "full"), ("while true do end", ":4: took")):
        mark.write_text("")
        own.write_text(
            f"local M, host = {{}}, require 'host'\nfunction M.stage_in()\n\n{failure}\nend\n"
            f"function M.stage_out()\nassert(host.remove_tree '{mark}')\nreturn true\nend\n"
            "return M\n"
        )
        own.chmod(0o644)
        done = runner(str(own), "--local", "--timeout", "0.3", tool="run-file")
        assert done.status == 1 and expected in done.err and not mark.exists()


# -- the diff ----------------------------------------------------------------------------------


def test_the_order_of_keys_is_no_difference() -> None:
    """Encoders shuffle them, and items of lists are found again by what they are."""
    before = b'{"a": 1, "b": [{"type": "x", "n": 1}, {"type": "y", "m": 2, "n": 3}], "c": 1}'
    after = b'{"c":1,"b":[{"n":3,"m":2,"type":"y"}],"a":1}'
    changed = [line for line in diff_configs(before, after, "a", "b")[2:] if line[0] in "+-"]
    assert len(changed) == 4 and all(line[0] == "-" for line in changed), changed
    assert diff_configs(before, b" " + before, "a", "b") == []
