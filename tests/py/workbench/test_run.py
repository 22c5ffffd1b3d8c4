"""``scrun lua run``: what a script gets, what is shown of it, and that nothing is changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scrun.errors import UsageError
from scrun.workbench.run.config_diff import diff_configs
from scrun.workbench.run.nodes import expand_nodes
from tests.py.workbench.run_script import EDIT, Runner, snapshot

EXAMPLE = Path(__file__).parents[2] / "data/manual-example-scrun.lua"


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
    staged = "/run/user/61236/slurm/scrun/lua-run"
    done = runner.json("--lua", dialect, "--user", "61236:61235")
    commands = done.commands()
    assert commands[0] == "id -un 61236"
    assert commands[1] == "mkdir -p /run/user/61236/slurm/scrun//lua-run/rootfs/"
    assert [command.split()[0] for command in commands] == [
        *("id", "mkdir", "/usr/bin/env", "/usr/bin/env", "/usr/bin/env", "/usr/bin/rm")
    ]
    assert not any(event["ran"] for event in done.events("command"))
    assert done.document["paths"]["bundle"] == staged
    config = json.loads(done.document["config"]["after"])
    assert config["linux"]["uidMappings"] == [{"containerID": 0, "hostID": 61236, "size": 1}]
    diff = done.document["config"]["diff"]
    assert diff[1] == f"+++ {staged}/config.json"
    assert '-  "ociVersion": "1.2.0",' in diff and '+  "ociVersion": "1.0.0",' in diff
    assert done.document["user_sees"] == []
    assert not Path("/run/user/61236").exists()


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
        (["--timeout", "nan"], "--timeout"),
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


# -- the diff ----------------------------------------------------------------------------------


def test_the_order_of_keys_is_no_difference() -> None:
    """Encoders shuffle them, and items of lists are found again by what they are."""
    before = b'{"a": 1, "b": [{"type": "x", "n": 1}, {"type": "y", "m": 2, "n": 3}], "c": 1}'
    after = b'{"c":1,"b":[{"n":3,"m":2,"type":"y"}],"a":1}'
    changed = [line for line in diff_configs(before, after, "a", "b")[2:] if line[0] in "+-"]
    assert len(changed) == 4 and all(line[0] == "-" for line in changed), changed
    assert diff_configs(before, b" " + before, "a", "b") == []
