"""``scrun lua run FILE VERB``: a verb of a container in a dry run, where nothing is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.py.workbench.run_script import Runner


def override(runner: Runner, verb: str, text: str) -> Path:
    """Write a module of the site's."""
    module = runner.directory / f"scrun.d/verbs/{verb}.lua"
    module.parent.mkdir(parents=True, exist_ok=True)
    for directory in (module.parent, module.parent.parent):
        directory.chmod(0o755)
    module.write_text(text)
    module.chmod(0o644)
    return module


def test_a_module_does_nothing_either(runner: Runner, tmp_path: Path) -> None:
    """Its commands are shown and answered, its files go elsewhere, its prints are told of."""
    override(
        runner,
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
    override(
        runner,
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
        ("\nwhile true do end\n", ":2: took longer than 0.2 s (--timeout)"),
        ("return { run = function()\nos.exit(3) end }\n", ":2: os.exit would end the container's"),
        ("return { run = function() return true, print end }\n", "a function is no data"),
        ("return {\n", ":2: unexpected symbol"),
    ],
)
def test_modules_that_are_wrong(runner: Runner, text: str, message: str) -> None:
    """One line, and the whole trace: the end of the verb is in it."""
    module = override(runner, "kill", text)
    runner.write_stages()
    done = runner("--json", "kill", "--timeout", "0.2")
    place = f"{module}{message}" if message[0] == ":" else message
    assert done.status == 1 and done.err.startswith(f"scrun: {place}"), done.err
    assert done.events("ended")[-1]["error"] == json.loads(done.out)["error"]["message"]


def test_a_module_that_is_no_verb(runner: Runner) -> None:
    """A helper beside the verbs is not run as one; a verb of its site may be named."""
    module = override(runner, "helper", "return {}\n")
    done = runner(str(module), tool="run-file")
    assert done.err.startswith("scrun: lua run: helper is no verb of a module. one of create, ")
    assert 'host.signal("TERM")' in runner(str(module), "kill", tool="run-file").out
