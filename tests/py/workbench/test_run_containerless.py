"""``scrun lua run FILE features|spec|checkpoint|restore``: the verbs that ask no container."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scrun.workbench.run.options import STAGES
from scrun.workbench.run.options import VERBS as ALL
from tests.py.workbench.run_script import Done, Runner

CHECKOUT = Path(__file__).resolve().parents[3]
VERBS = ("features", "spec", "checkpoint", "restore")
FEATURES = """local features = require 'luastd.verbs.features'
local hooks = features.hooks
function features.hooks()
  local kept = hooks()
  kept[#kept + 1] = 'ours'
  return kept
end
return features
"""
SAVES = """local M = {}
function M.run(facts, request)
  local saved, how, status = os.execute('save ' .. facts.id)
  if not saved then
    return nil, ('save: %s %d'):format(how, status), 'EIO'
  end
  return true, facts.id .. ' is saved'
end
return M
"""


@pytest.fixture(autouse=True)
def no_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Slurm, whose runtime has features of its own."""
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "none/slurm.conf"))
    for name in ("crun", "runc"):
        runtime = tmp_path / "bin" / name
        runtime.parent.mkdir(exist_ok=True)
        runtime.write_text('#!/bin/sh\necho \'{"ociVersionMax": "9.0.0"}\'\n')
        runtime.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")


def run(runner: Runner, *args: str) -> Done:
    """Run a verb of the site; it must print JSON."""
    return runner("--json", str(runner.directory), *args, tool="run-file")


def output(done: Done, stream: str) -> str:
    """Return what the verb has written to a stream."""
    return "".join(event["text"] for event in done.events("output") if event["stream"] == stream)


def status(done: Done) -> Any:
    """Return how the verb's process has ended."""
    return done.events("exited")[-1]["status"]


@pytest.mark.parametrize("verb", VERBS)
def test_it_is_what_the_command_line_does(runner: Runner, verb: str, tmp_path: Path) -> None:
    """Both streams, the status and the file are those of ``scrun VERB`` with the same site."""
    for name in VERBS:
        runner.override(name, f"return require 'luastd.verbs.{name}'\n")
    (tmp_path / "bundle").mkdir()
    done = run(runner, verb, "--local", *(["--bundle", f"{tmp_path}/bundle"] * (verb == "spec")))
    operands = {"spec": ["--bundle", f"{tmp_path}/bundle"], "features": []}.get(verb, ["lua-run"])
    real = subprocess.run(
        [sys.executable, "-m", "scrun", verb, *operands],
        env=os.environ | {"SCRUN_LUA_DIR": str(runner.directory), "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (output(done, "stdout"), output(done, "stderr")) == (real.stdout, real.stderr)
    assert status(done) == real.returncode == done.status
    if verb == "spec":
        written = (tmp_path / "bundle/config.json").read_text()
        assert done.document["config"]["after"] == written


def test_features_of_a_machine_with_slurm(runner: Runner) -> None:
    """A dry run takes it to be one, and starts nothing; ``--slurm`` as well."""
    runner.override("features", FEATURES)
    for option in ("--dry-run", "--slurm"):
        done = run(runner, "features", option)
        assert done.status == 0, done.err
        features = json.loads(output(done, "stdout"))
        assert features["annotations"]["scrun.backend"] == "slurm"
        assert features["hooks"][-1] == "ours"
        (asked,) = done.events("primitive")
        assert (asked["name"], asked["results"]) == ("runtime_features", [None])
        assert not done.events("started") and status(done) == 0
        assert done.document["user_sees"] == [] and done.document["paths"]["bundle"] is None


def test_features_of_this_machine(runner: Runner, tmp_path: Path) -> None:
    """Its runtime is asked, which is shown."""
    done = run(runner, "features", "--local")
    (started,) = done.events("started")
    assert Path(started["argv"][0]).parent == tmp_path / "bin"
    assert started["argv"][1:] == ["features"]
    assert json.loads(output(done, "stdout"))["ociVersionMax"] == "9.0.0"
    assert done.events("began")[0]["arguments"]["backend"] == "local"


def test_a_module_of_the_site_is_named(runner: Runner) -> None:
    """The verb may be left out then; facts are those of --user."""
    module = runner.override("features", FEATURES)
    done = runner("--json", str(module), "--user", "61234:61235", tool="run-file")
    arguments = done.events("began")[0]["arguments"]
    assert arguments == {
        **{"backend": "slurm", "rootless": "True", "user_id": "61234", "group_id": "61235"}
    }
    assert '"ours"' in output(done, "stdout")


def test_spec_writes_nothing_in_a_dry_run(runner: Runner, tmp_path: Path) -> None:
    """The file is shown as a new one; with --in-place it is there."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    runner.override(
        "spec",
        "local spec = require 'luastd.verbs.spec'\n"
        "spec.text = spec.text:gsub('\"sh\"', '\"bash\"')\n"
        "local config = spec.config\n"
        "function spec.config(...)\n"
        f"  io.open('{bundle}/beside', 'w'):close()\n"
        "  return config(...)\nend\nreturn spec\n",
    )
    done = run(runner, "spec", "--bundle", str(bundle))
    assert done.status == 0 and list(bundle.iterdir()) == []
    config = done.document["config"]
    assert json.loads(config["after"])["process"]["args"] == ["bash"]
    assert config["after_path"] == f"{bundle}/config.json"
    assert config["diff"][:2] == ["--- /dev/null", f"+++ {bundle}/config.json"]
    assert {line[0] for line in config["diff"][3:]} == {"+"}
    written = [event["path"] for event in done.events("wrote")]
    assert written == [f"{bundle}/config.json", f"{bundle}/beside"]
    done = run(runner, "spec", "--bundle", str(bundle), "--local", "--in-place", "--", "--rootless")
    assert (bundle / "config.json").read_text() == done.document["config"]["after"]
    assert done.events("began")[0]["arguments"]["rootless"] == "True"
    done = run(runner, "spec", "--bundle", str(bundle))
    assert (done.status, done.document["error"]["code"]) == (1, "EXISTS")
    assert done.err == f"scrun: spec: {bundle}/config.json is there already\n"
    assert output(done, "stderr") == done.err and status(done) == 1


def test_spec_where_nothing_can_be_written(runner: Runner, tmp_path: Path) -> None:
    """The user is told what ``scrun spec`` tells."""
    done = run(runner, "spec", "--", "--file", f"{tmp_path}/none/x.json")
    assert done.err == f"scrun: spec: write {tmp_path}/none/x.json: no such file or directory\n"
    assert done.document["error"]["code"] == "ENOENT"


def test_a_spec_that_is_no_config_is_told_of(runner: Runner, tmp_path: Path) -> None:
    runner.override("spec", "return { run = function() return true, '{' end }\n")
    (note,) = run(runner, "spec", "--bundle", str(tmp_path)).document["notes"]
    assert note.startswith("a runtime would refuse it: ")


@pytest.mark.parametrize("backend", ["--dry-run", "--local", "--slurm"])
@pytest.mark.parametrize("verb", ["checkpoint", "restore"])
def test_the_shipped_policy_refuses(runner: Runner, verb: str, backend: str) -> None:
    """With one line, which is what a user of podman sees."""
    done = run(runner, verb, backend, "--id", "web")
    line = f'scrun: cannot {verb} container "web": '
    assert done.err.startswith(line) and output(done, "stderr") == done.err
    assert done.document["error"]["code"] == "NOT_SUPPORTED" and status(done) == done.status == 1
    seen = {"checkpoint": done.err, "restore": f"Error: OCI runtime error: {done.err}"}[verb]
    assert done.document["user_sees"] == [seen.rstrip("\n")]


def test_a_site_that_can_save_a_container(runner: Runner, tmp_path: Path) -> None:
    """Its command is shown: not run in a dry run, where --answer has its status; else run."""
    runner.override("checkpoint", SAVES)
    command = tmp_path / "bin/save"
    command.write_text(f'#!/bin/sh\necho saving\necho "$1" >{tmp_path}/saved\n')
    command.chmod(0o755)
    done = run(runner, "checkpoint", "--", "--leave-running", "--image-path", "/images")
    assert (done.status, done.commands()) == (0, ["save lua-run"])
    assert output(done, "stdout") == "lua-run is saved\n" and not (tmp_path / "saved").exists()
    done = run(runner, "checkpoint", "--answer", "save *=3:no room")
    assert (done.status, done.err) == (1, "scrun: save: exit 3\n")
    done = run(runner, "checkpoint", "--local", "--id", "web")
    assert (tmp_path / "saved").read_text() == "web\n" and not done.events("started")
    assert output(done, "stdout") == "saving\nweb is saved\n"


def test_what_people_read(runner: Runner) -> None:
    """The trace, the streams, the status, what podman shows; no word of a job or a bundle."""
    runner.write_stages()
    done = runner("restore", "--id", "web")
    *trace, shown = done.out.splitlines()
    assert trace[0].startswith("restore(id=web, backend=slurm, ")
    assert trace[1].startswith("  failed after ") and "containers in jobs" in trace[1]
    assert trace[2].startswith('  restore stderr | scrun: cannot restore container "web"')
    assert trace[3].startswith("    restore: status 1, ")
    assert trace[5].startswith("Lua 5.4, dry run, no job, user ") and len(trace) == 6
    assert shown == f"podman shows  Error: OCI runtime error: {done.err}".rstrip("\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("local M = {\n", ":2: unexpected symbol"),
        ("return {}\n", "scrun.verbs.features: the module has no function run"),
        ("return { run = function()\nerror 'odd' end }\n", ":2: odd"),
        ("return { run = function()\nos.exit(3) end }\n", ":2: os.exit would end scrun itself"),
        (
            "return { run = function() return true, {} end }\n",
            "scrun.verbs.features: run returned no",
        ),
        ("return { run = function() coroutine.yield() end }\n", "attempt to yield from outside"),
        ("local M = {}\nfunction M.run()\nwhile true do end\nend\nreturn M\n", ":3: took longer"),
        ("\nwhile true do end\n", ":2: took longer"),
        ("return { run = function()\nos.execute 'sleep 600' end }\n", ":2: took longer"),
        (
            "return { run = function()\nrequire('host').signal('TERM') end }\n",
            ":2: attempt to call",
        ),
    ],
)
def test_modules_that_are_wrong(runner: Runner, text: str, message: str) -> None:
    """One line with file and line, whatever they do; nothing holds the run up."""
    module = runner.override("features", text)
    done = run(runner, "features", "--local", "--timeout", "2")
    assert done.status == 1 and done.err.count("\n") == 1
    place = f"{module}{message}" if message[0] == ":" else message
    assert done.err.startswith(f"scrun: {place}"), done.err
    assert done.document["error"]["function"] == "features"


def test_a_killed_run_leaves_no_process(runner: Runner, tmp_path: Path) -> None:
    """The verb's process ends with the one that shows what it does."""
    mark = tmp_path / "mark"
    text = (
        f"return {{ run = function()\nio.open('{mark}', 'w'):close()\nwhile true do end\nend }}\n"
    )
    runner.override("features", text)
    argv = [sys.executable, "-m", "scrun", "lua", "run", str(runner.directory), "features"]
    process = subprocess.Popen([*argv, "--local"], cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not mark.exists():
        assert time.monotonic() < deadline, "the verb runs"
        time.sleep(0.01)
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    while Path(f"/proc/{child}/exe").is_symlink():
        assert time.monotonic() < deadline, "the verb's process has ended"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["features", "x"], "lua run features: x: no such arguments"),
        (["features", "--bundle", "/tmp"], "--bundle has no meaning here: features asks no"),
        (["checkpoint", "--status", "running"], "--status has no meaning here"),
        (["restore", "--job-id", "7"], "--job-id has no meaning here"),
        (["checkpoint", "--force"], "lua run checkpoint: --force: no such arguments"),
        (["features", "--local", "--user", "nobody"], "--user has no meaning here"),
        (["features", "--user", "no-such-user"], "--user no-such-user: no such user"),
        (["features", "--record", "x"], "--record and --replay are for stage functions"),
        (["spec", "--in-place"], "--in-place is for"),
    ],
)
def test_wrong_options_are_one_line(runner: Runner, options: list[str], message: str) -> None:
    done = run(runner, *options)
    assert done.status == 1 and done.err.count("\n") == 1 and message in done.err


def test_the_site_in_force(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken where FILE is left out, for every verb; a directory ``spec`` is no FILE."""
    runner.override("features", FEATURES)
    monkeypatch.setenv("SCRUN_LUA_DIR", str(runner.directory))
    assert '"ours"' in runner("features", tool="run-file").out
    assert 'host.signal("USR1")' in runner("kill", "USR1", tool="run-file").out
    (runner.directory / "spec").mkdir()
    monkeypatch.chdir(runner.directory)
    assert runner("spec", tool="run-file").out.startswith("spec(")
    monkeypatch.setenv("SCRUN_LUA_DIR", "/nonexistent")
    assert runner("features", tool="run-file").err.startswith("scrun: SCRUN_LUA_DIR: /nonexistent")


def test_the_pages_name_every_verb(runner: Runner) -> None:
    """The man page, and --help."""
    page = (CHECKOUT / "docs/man/man7/scrun-lua.7").read_text()
    section = page.partition(".SH RUNNING SCRIPTS AND VERBS\n")[2].partition(".SH ")[0]
    text = runner("--help", tool="run-file").out
    for name in (*STAGES, *ALL):
        assert re.search(rf"\b{name}\b", section), name
        assert re.search(rf"\b{name}\b", text), name
