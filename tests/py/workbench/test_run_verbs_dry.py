"""``scrun lua run FILE VERB``: a verb of a container in a dry run, where nothing is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scrun.anchor.lifecycle import Lifecycle
from tests.py.workbench.run_script import EDIT, Runner


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
    shown = primitives(runner.json("start", "--id", "web", "--job-id", "7"))
    (name, (argv,)), last = shown
    assert name == "start_step" and last == ("begin_control", [])
    assert argv[:2] == ["--jobid", "7"] and argv[-3:] == ["sh", "-c", "echo hello"]


def test_kill_by_the_sites_module(runner: Runner) -> None:
    """The module below scrun.d is the one in force, whether it or its site is named."""
    module = runner.override(
        "kill",
        "local kill = require 'luastd.verbs.kill'\nkill.translate.TERM = 'USR1'\nreturn kill\n",
    )
    runner.write_stages()
    assert primitives(runner.json("kill", "--signal", "SIGTERM")) == [("signal", ["USR1"])]
    done = runner(str(module), "--json", tool="run-file")
    assert primitives(done) == [("signal", ["USR1"])]
    assert runner("kill", "--status", "stopped").err == "scrun: container not running\n"
    module.write_text("local M = {}\nfunction M.run()\nwhile true do end\nend\nreturn M\n")
    late = runner("kill", "--timeout", "1")
    assert late.err == f"scrun: {module}:3: took longer than 1 s (--timeout)\n"
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


def test_a_module_does_nothing_either(runner: Runner, tmp_path: Path) -> None:
    """Its commands are shown and answered, its files go elsewhere, its prints are told of."""
    runner.override(
        "kill",
        "local M = {}\nfunction M.run()\n"
        f"  local done, _, status = os.execute 'touch {tmp_path}/touched'\n"
        f"  io.open('{tmp_path}/written', 'w'):write('x'):close()\n"
        f"  print(done, status, io.open('{tmp_path}/written'):read 'a')\n"
        "  return true\nend\nreturn M\n",
    )
    runner.write_stages()
    done = runner.json("kill", "--answer", "touch *=3:")
    assert done.commands() == [f"touch {tmp_path}/touched"]
    assert not done.events("command")[0]["ran"]
    (printed,) = done.events("printed")
    assert printed["text"] == "nil\t3\tx\n" and printed["place"].endswith("/kill.lua:5")
    assert [event["path"] for event in done.events("wrote")] == [f"{tmp_path}/written"]
    assert not list(tmp_path.glob("*ed"))


def test_what_goes_before_is_not_shown(runner: Runner) -> None:
    """`start` has a create before it: neither its commands nor its prints are."""
    runner.override(
        "create",
        "local create = require 'luastd.verbs.create'\nlocal run = create.run\n"
        "function create.run(...)\nos.execute 'true' print 'created'\nreturn run(...)\nend\n"
        "return create\n",
    )
    runner.write_stages()
    done = runner.json("start")
    assert not done.commands() and not done.events("printed")
    assert runner.json("create").commands() == ["true"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nwhile true do end\n", ":2: took longer than 1 s (--timeout)"),
        ("return { run = function()\nos.exit(3) end }\n", ":2: os.exit would end scrun itself"),
        ("return { run = function() return true, print end }\n", "a function is no data"),
        ("return { run = function() coroutine.yield() end }\n", "attempt to yield from outside"),
        ("return {\n", ":2: unexpected symbol"),
    ],
)
def test_modules_that_are_wrong(runner: Runner, text: str, message: str) -> None:
    """One line, and the whole trace: the end of the verb is in it."""
    module = runner.override("kill", text)
    runner.write_stages()
    done = runner("--json", "kill", "--timeout", "1")
    place = f"{module}{message}" if message[0] == ":" else message
    assert done.status == 1 and done.err.startswith(f"scrun: {place}"), done.err
    assert done.events("ended")[-1]["error"] == json.loads(done.out)["error"]["message"]


def test_a_module_that_is_no_verb(runner: Runner) -> None:
    """A helper beside the verbs is not run as one; a verb of its site may be named."""
    module = runner.override("helper", "return {}\n")
    done = runner(str(module), tool="run-file")
    assert done.err.startswith("scrun: lua run: helper is no verb of a module. one of create, ")
    assert 'host.signal("TERM")' in runner(str(module), "kill", tool="run-file").out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nwhile true do end\n", ":2: took longer than 1 s (--timeout)"),
        ("\nos.exit(4)\n", ":2: os.exit would end scrun itself"),
        ("print 'printed'\nerror 'odd'\n", ":2: odd"),
    ],
)
def test_settings_that_are_wrong(runner: Runner, text: str, message: str) -> None:
    """They are read before anything else, and end the run with one line."""
    runner.write_stages()
    settings = runner.override("x", "").parent.parent / "settings.lua"
    settings.write_text(text)
    settings.chmod(0o644)
    done = runner("--json", "kill", "--timeout", "1")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"scrun: {settings}{message}"), done.err
