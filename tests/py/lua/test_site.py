"""The site's scrun.lua and the shipped stagers: loading, stage functions, what they return."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scrun.errors import ConfigError, ScriptError
from scrun.lua import DIALECTS, LocalHost, SearchPath, SiteScript
from tests.py.lua.conftest import OUT_PARAMETERS, PARAMETERS, Host, Site

STUBS = "function slurm_scrun_stage_in() {0} end function slurm_scrun_stage_out() {0} end "
ERROR = 2  # scrun.log


# -- loading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("return 1", r"^{path}: returned 1 on load$"),
        ("return '2'", r"^{path}: returned 2 on load$"),
        ("return '0x10'", r"^{path}: returned 16 on load$"),
        ("return -1.9", r"^{path}: returned -1 on load$"),
        ("return", r"^{path}: required function\(s\) not present"),
        ("\nx.y = 1", r"^{path}:2: .*nil value"),
        ("x x", r"^{path}:1: "),
        ("error('no luck', 0)", r"^{path}:1: no luck$"),
        ("error({ message = 'why' })", r"^{path}:1: why$"),
        ("slurm_scrun_stage_in, slurm_scrun_stage_out = {}, {}", r"required function\(s\)"),
        ("function slurm_scrun_stage_in() end", r"define slurm_scrun_stage_out$"),
    ],
)
def test_load_failures(site: Site, text: str, message: str) -> None:
    """As Slurm words them; callable tables do not count as functions."""
    with pytest.raises(ScriptError, match=message.format(path=site.script)):
        site.make(text).load()


@pytest.mark.parametrize(
    "value", ["", "return", "return 0", "return 0.9", "return false", "return 'x'", "return '0'"]
)
def test_what_loads(site: Site, value: str) -> None:
    """nil, false and what is no number count as 0."""
    site.make(STUBS.format("") + value).load()


def test_missing_functions_are_logged_each(site54: Site) -> None:
    with pytest.raises(ScriptError):
        site54.make("").load()
    names = ("slurm_scrun_stage_in", "slurm_scrun_stage_out")
    assert site54.host.lines == [
        (ERROR, f"{site54.script}: missing required function {name}") for name in names
    ]


def test_missing_script(tmp_path: Path) -> None:
    site = SiteScript(Host(), script=f"{tmp_path}/none.lua")
    with pytest.raises(ScriptError, match=r"^Unable to stat .*none\.lua: No such file"):
        site.load()


def test_a_long_path_is_named_whole(tmp_path: Path, dialect: str) -> None:
    """Lua itself cuts chunk names at 60 bytes: ``...b/scrun.lua``."""
    directory = tmp_path / ("d" * 100)
    directory.mkdir(mode=0o755)
    site = Site(directory, dialect)
    for body in ("local x = nil + 1", "slurm.log_info('%d', 'x')", "error 'x'"):
        with pytest.raises(ScriptError) as caught:
            site.run(body)
        assert str(caught.value).startswith(f"{site.script}:3: "), caught.value
        assert "..." not in str(caught.value)
    with pytest.raises(ScriptError) as caught:  # the parser of 5.1 has a limit of its own
        site.make("x x").load()
    assert str(caught.value).startswith(f"{site.script}:1: "), caught.value


def test_unknown_dialect() -> None:
    with pytest.raises(ConfigError, match=r"no Lua dialect '6\.0'"):
        SiteScript(LocalHost(), dialect="6.0")


def test_settings_object_and_keywords(tmp_path: Path) -> None:
    """A settings object as the anchor has it; keywords win."""
    script = tmp_path / "scrun.lua"
    script.write_text(STUBS.format("") + "version = _VERSION")
    settings = SimpleNamespace(dialect="5.1", lua_memory_bytes=8_000_000, stage="rsync")
    for options, wanted, memory in (
        ({"settings": settings}, b"Lua 5.1", 8_000_000),
        ({"settings": settings, "dialect": "5.3", "memory_bytes": 0}, b"Lua 5.3", 0),
        ({}, b"Lua 5.4", 0),
    ):
        site = SiteScript(LocalHost(), script=str(script), **options)
        site.load()
        assert site._runtime.get("version") == wanted
        assert site._runtime.memory_bytes == memory
        assert not site.is_stager
    stager = SiteScript(LocalHost(), settings=settings)
    assert stager.is_stager and stager.stager == "rsync"
    assert SiteScript(LocalHost(), settings=settings, stager="x").stager == "x"


# -- calling ------------------------------------------------------------------------------------


def test_arguments(site: Site) -> None:
    """As the manual lists them; root paths are nil when nobody set them."""
    text = f"""
    function slurm_scrun_stage_in({PARAMETERS}, extra)
      assert(extra == nil)
      seen = table.concat({{ id, bundle, spool_dir, config_file, job_id, user_id, group_id }}, ' ')
      return 0
    end
    function slurm_scrun_stage_out({OUT_PARAMETERS}, extra)
      assert(extra == nil and root_path == nil and orig_root_path == '/orig/root')
      seen = table.concat(
        {{ id, bundle, orig_bundle, spool_dir, config_file, job_id, user_id, group_id }}, ' ')
      return 0
    end
    """
    script = site.make(text)
    site.stage_in(script, config_file="/x/c.json", user_id=5, group_id=6)
    here = str(site.directory)
    assert script._runtime.get("seen") == f"web {here} {here} /x/c.json 7 5 6".encode()
    site.stage_out(script, bundle="/new", orig_root_path="/orig/root")
    ids = f"{os.geteuid()} {os.getegid()}"
    wanted = f"web /new {here} {here} {here}/config.json 7 {ids}"
    assert script._runtime.get("seen") == wanted.encode()


def test_one_state_serves_both(site: Site) -> None:
    """Globals and upvalues survive from stage_in to stage_out; there is no order to load."""
    script = site.make(
        """
        local up
        function slurm_scrun_stage_in() up, Global = 5, 6 return 0 end
        function slurm_scrun_stage_out() return up + Global == 11 and 0 or 1 end
        """
    )
    site.stage_in(script)
    site.stage_out(script)


@pytest.mark.parametrize("name", ["stage_in", "stage_out"])
@pytest.mark.parametrize(
    ("value", "status"),
    [
        *(("1", 1), ("'3'", 3), ("-1", -1), ("0.5", 0), ("' 0x1F '", 31), ("1e300", None)),
        *(("0/0", None), ("'0'", 0), ("slurm.ERROR", -1), ("slurm.SUCCESS", 0), ("1.9", 1)),
    ],
)
def test_return_codes(site54: Site, name: str, value: str, status: int | None) -> None:
    """A number, or its string, cut to an integer: 0 is success. No warning."""
    script = site54.make(STUBS.format(f"return {value}"))
    run = site54.stage_in if name == "stage_in" else site54.stage_out
    if status == 0:
        run(script)
    else:
        with pytest.raises(ScriptError, match=f"{site54.script}: slurm_scrun_{name} returned"):
            run(script)
    assert site54.host.lines == []


@pytest.mark.parametrize("name", ["stage_in", "stage_out"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *(("", "nil"), ("return", "nil"), ("return nil", "nil"), ("return true", "true")),
        *(("return slurm.FAIL", "nil"), ("return false", "false"), ("return {}", "a table")),
        *(("return 'abc'", '"abc"'), ("return ('a'):rep(1e6)", f'"{60 * "a"}"')),
        *(("return '\\255'", '"\N{REPLACEMENT CHARACTER}"'), ("return print", "a function")),
    ],
)
def test_no_number_is_success_and_warned_of(
    site54: Site, name: str, value: str, shown: str
) -> None:
    """As in C, which says so at info; here where errors go, which a log file takes unasked."""
    script = site54.make(STUBS.replace("{0}", value))
    (site54.stage_in if name == "stage_in" else site54.stage_out)(script)
    told = f"warning: {site54.script}: slurm_scrun_{name} returned {shown}, "
    assert site54.host.lines == [(ERROR, f"{told}which is no number and counts as success")]


def test_errors_name_file_and_line_and_keep_a_traceback(site: Site) -> None:
    with pytest.raises(ScriptError) as caught:
        site.run("local function helper()\nlocal x = nil; return x.y\nend\nhelper()")
    assert str(caught.value).startswith(f"{site.script}:4: attempt to index")
    assert "scrun.lua:6" in caught.value.traceback
    assert "[host]" not in caught.value.traceback


def test_functions_that_end_by_a_tail_call_name_the_file(site: Site) -> None:
    """Where Lua has lost the line, the file is still told."""
    with pytest.raises(ScriptError) as caught:
        site.run("do return slurm.allocator_command() end")
    assert str(caught.value).startswith(f"{site.script}:")


# -- modules ------------------------------------------------------------------------------------


def test_modules_beside_the_script(site: Site) -> None:
    """scrun.d/ goes before the directory itself; errors in them name them."""
    (site.directory / "scrun.d").mkdir(mode=0o755)
    (site.directory / "scrun.d" / "helper.lua").write_text("return { who = 'scrun.d' }")
    (site.directory / "helper.lua").write_text("return { who = 'beside' }")
    (site.directory / "other.lua").write_text("local M = {}\nfunction M.f() error 'x' end return M")
    site.run("assert(require 'helper'.who == 'scrun.d')")
    with pytest.raises(ScriptError, match=r"^.*/other\.lua:2: x"):
        site.run("require 'other'.f()")


@pytest.mark.parametrize("name", ["json", "cjson", "dkjson"])
def test_the_sites_own_codec_wins(site: Site, name: str) -> None:
    (site.directory / f"{name}.lua").write_text("return { own = true }")
    site.run(f"assert(require '{name}'.own and not require 'host.json'.own)")


def test_a_codec_of_package_path_wins(site: Site) -> None:
    """A script that sets package.path means what is there."""
    (site.directory / "lib").mkdir()
    (site.directory / "lib" / "json.lua").write_text("return { own = true }")
    site.run(
        f"package.path = '{site.directory}/lib/?.lua;' .. package.path assert(require 'json'.own)"
    )


# -- stagers ------------------------------------------------------------------------------------

SHOW = """
local host, json = require 'host', require 'json'
local M = {}
local function show(ctx)
  local seen = { type = type(ctx.nodes), env = host.getenv 'A', path = host.getenv 'PATH' ~= nil }
  for key, value in pairs(ctx) do seen[key] = value end
  host.write_file(ctx.spool_dir .. '/seen', json.encode(seen))
  return true
end
return { stage_in = show, stage_out = show }
"""


def make_stager(directory: Path, text: str, **options: Any) -> SiteScript:
    (directory / "scrun.d" / "stage").mkdir(parents=True, mode=0o755)
    (directory / "scrun.d").chmod(0o755)
    (directory / "scrun.d" / "stage" / "mine.lua").write_text(text)
    host = Host(bundle=str(directory))
    return SiteScript(host, stager="mine", search=SearchPath(str(directory)), **options)


def seen(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "seen").read_text())
    return found


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_a_stager_gets_the_context(site54: Site, dialect: str) -> None:
    """luastd/meta/stage.lua: what the anchor says in ``context``, settings and all."""
    context = {
        "settings": {"rsync_dir": "/x", "env_drop": [], "nested": {"a": [1]}, "none": None},
        "nodes": ["n1", "n2"],
        "annotations": {"org.a": "b"},
        "rootless": False,
        "backend": "slurm",
    }
    script = make_stager(site54.directory, SHOW, dialect=dialect)
    assert script.is_stager
    site54.stage_in(script, context=context)
    found = seen(site54.directory)
    settings = found.pop("settings")
    assert settings == {"rsync_dir": "/x", "env_drop": [], "nested": {"a": [1]}}
    assert {key: found[key] for key in context if key != "settings"} == {
        key: value for key, value in context.items() if key != "settings"
    }
    assert found["id"] == "web" and found["job_id"] == 7 and found["job_env"] == ["A=1", "B=2"]
    assert found["env"] == "1" and found["path"] is True
    site54.stage_out(script, context=context, bundle="/b", root_path="/r", orig_root_path="/o")
    found = seen(site54.directory)
    assert (found["bundle"], found["root_path"], found["orig_root_path"]) == ("/b", "/r", "/o")
    assert found["orig_bundle"] == str(site54.directory) and found["job_env"] == ["A=1", "B=2"]


def test_a_stager_without_a_context(site54: Site) -> None:
    """For embedding programs: this machine, under the site's settings."""
    script = make_stager(site54.directory, SHOW)
    (site54.directory / "scrun.d" / "settings.lua").write_text(
        "local s = require 'luastd.settings' s.rsync_dir = '/mine' return s"
    )
    site54.stage_in(script)
    found = seen(site54.directory)
    assert found["settings"]["rsync_dir"] == "/mine"
    assert found["settings"]["rootless_user"] == "process"
    assert found["nodes"] == [os.uname().nodename] and found["annotations"] == {}
    assert found["backend"] == "local" and found["rootless"] is (os.geteuid() != 0)


def test_stage_out_can_be_told_the_jobs_environment(site54: Site) -> None:
    """After a crash of the anchor there was no stage_in in this process."""
    script = make_stager(site54.directory, SHOW)
    site54.stage_out(script, job_env=["A=9"])
    assert seen(site54.directory)["env"] == "9"


@pytest.mark.parametrize(
    ("returns", "message", "code"),
    [
        ("nil, 'no space', 'ENOSPC'", "^no space$", "ENOSPC"),
        ("nil, 'no code'", "^no code$", "SCRIPT"),
        ("false", r"^scrun\.stage\.mine: stage_in returned False", "SCRIPT"),
        ("3", r"^scrun\.stage\.mine: stage_in returned 3", "SCRIPT"),
        ("x.y", r"mine\.lua:1: ", "SCRIPT"),
    ],
)
def test_failures_of_a_stager(site54: Site, returns: str, message: str, code: str) -> None:
    script = make_stager(
        site54.directory, f"return {{ stage_in = function() return {returns} end }}"
    )
    with pytest.raises(ScriptError, match=message) as caught:
        site54.stage_in(script)
    assert caught.value.code == code


@pytest.mark.parametrize("returns", ["true", "", "0", "nil"])
def test_success_of_a_stager(site54: Site, returns: str) -> None:
    script = make_stager(
        site54.directory, f"return {{ stage_in = function() return {returns} end }}"
    )
    site54.stage_in(script)


def test_no_such_stager() -> None:
    site = SiteScript(LocalHost(), stager="none")
    with pytest.raises(ScriptError, match=r"no module 'scrun\.stage\.none'"):
        site.load()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_os_exit_is_an_error(tmp_path: Path, dialect: str) -> None:
    """A script that leaves would take the anchor along, and with it the job's end."""
    script = tmp_path / "scrun.lua"
    script.write_text(
        "function slurm_scrun_stage_in() os.exit(0) end\nfunction slurm_scrun_stage_out() end\n"
    )
    site = SiteScript(LocalHost(), script=str(script), dialect=dialect)
    with pytest.raises(ScriptError, match=r"scrun\.lua:1: os\.exit would end scrun itself"):
        site.stage_in(id="web", bundle=str(tmp_path), spool_dir=str(tmp_path), job_id=1)


def test_a_refusal_says_what_the_script_told_the_user(site: Site) -> None:
    """Engines show the error of a stage-in and nothing else: the reason must be in it."""
    script = site.make(STUBS.format("slurm.user_msg('ask for less') return -1"))
    with pytest.raises(ScriptError, match=r"returned -1: ask for less$"):
        site.stage_in(script)
