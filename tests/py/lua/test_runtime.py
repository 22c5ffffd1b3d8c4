"""Lua states: the border between Lua and Python, in every dialect."""

from __future__ import annotations

from pathlib import Path

import pytest

from scrun.errors import ConfigError, ScriptError, StateError
from scrun.lua.engines import DIALECTS
from scrun.lua.runtime import Runtime
from scrun.lua.search import SearchPath


@pytest.fixture(params=list(DIALECTS))
def runtime(request: pytest.FixtureRequest) -> Runtime:
    return Runtime(request.param)


def test_python_is_out_of_reach(runtime: Runtime) -> None:
    assert runtime.execute(b"return python == nil and package.loaded.python == nil") is True


def test_host_function_is_a_lua_function(runtime: Runtime) -> None:
    runtime.add_function("", "add", lambda a, b: a + b)
    assert runtime.execute(b"return type(add), add(1, 2)") == (b"function", 3)


def test_host_failure_is_nil_message_code(runtime: Runtime) -> None:
    def refuse() -> None:
        raise StateError("kill web: container not running", code="NOT_RUNNING")

    runtime.add_function("", "refuse", refuse, errors="return")
    expected = (None, b"kill web: container not running", b"NOT_RUNNING")
    assert runtime.execute(b"return refuse()") == expected


def test_raised_host_failure_names_the_line(runtime: Runtime) -> None:
    def refuse() -> None:
        raise StateError("no", code="BAD_STATE")

    runtime.add_function("", "refuse", refuse, errors="raise")
    with pytest.raises(ScriptError, match=r"^site\.lua:2: no") as caught:
        runtime.execute(b"\nrefuse() return 1", "site.lua")
    assert caught.value.code == "BAD_STATE"


def test_several_results_and_none(runtime: Runtime) -> None:
    runtime.add_function("", "many", lambda: (1, None, b"\xff\0"))
    runtime.add_function("", "none", lambda: ())
    assert runtime.execute(b"return many()") == (1, None, b"\xff\0")
    assert runtime.execute(b"return select('#', none())") == 0


def test_error_has_file_line_and_traceback(runtime: Runtime) -> None:
    with pytest.raises(ScriptError, match=r"^/site/a\.lua:2: .*nil") as caught:
        runtime.execute(b"local x\nreturn x.y", "/site/a.lua")
    assert "traceback" in caught.value.traceback
    with pytest.raises(ScriptError, match=r"^/site/a\.lua:1: "):
        runtime.execute(b"return return", "/site/a.lua")


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"b": 1, "a": [True, "x\udcff", {}, []], "c": {"z": 2, "y": 1.5}},
        [[], [1, 2, 3]],
        2**40,
        "",
    ],
)
def test_values_come_back(runtime: Runtime, value: object) -> None:
    back = runtime.to_python(runtime.to_lua(value))
    assert back == value
    assert repr(back) == repr(value)  # the order of keys as well


def test_table_that_contains_itself_is_refused(runtime: Runtime) -> None:
    with pytest.raises(ScriptError, match="nested more than"):
        runtime.to_python(runtime.execute(b"local t = {} t.t = t return t"))


def test_coroutine(runtime: Runtime) -> None:
    body = runtime.load(b"local a = ... local b = coroutine.yield(a + 1) return b, 'end'", "c")
    coroutine = runtime.coroutine(body, 1)
    assert coroutine.resume() == (False, (2,))
    assert coroutine.resume(7) == (True, (7, b"end"))
    with pytest.raises(ScriptError, match="dead"):
        coroutine.resume()


def test_coroutine_error(runtime: Runtime) -> None:
    coroutine = runtime.coroutine(runtime.load(b"coroutine.yield()\nerror('bad')", "c.lua"))
    assert coroutine.resume() == (False, ())
    with pytest.raises(ScriptError, match=r"^c\.lua:2: bad") as caught:
        coroutine.resume()
    assert "traceback" in caught.value.traceback


def test_old_names_stay(runtime: Runtime) -> None:
    source = b"return unpack({1}), table.getn({1, 2}), math.pow(2, 3), loadstring('return 4')()"
    assert runtime.execute(source) == (1, 2, 8, 4)
    assert runtime.execute(b"return table.unpack({5}), table.pack(nil, nil).n") == (5, 2)


def test_compiled_lua_is_refused(runtime: Runtime) -> None:
    with pytest.raises(ScriptError, match=r"x\.lua: is a compiled chunk"):
        runtime.load(b"\x1bLua", "x.lua")


def test_kernel_line_is_skipped(runtime: Runtime) -> None:
    assert runtime.execute(b"#!/usr/bin/lua\nreturn 3") == 3


def test_caller_paths_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LUA_PATH", "LUA_CPATH", "LUA_PATH_5_4", "LUA_CPATH_5_4"):
        monkeypatch.setenv(name, "/evil/?.lua")
    paths = Runtime().execute(b"return package.path .. package.cpath")
    assert b"evil" not in paths and b"./?" not in paths


def test_unknown_dialect() -> None:
    with pytest.raises(ConfigError, match=r"no Lua dialect '6\.0'"):
        Runtime("6.0")


def test_memory_limit() -> None:
    runtime = Runtime("5.4", memory_bytes=4_000_000)
    with pytest.raises(ScriptError, match="memory"):
        runtime.execute(b"return string.rep('x', 50000000)")


def _site(tmp_path: Path) -> SearchPath:
    shipped, site = tmp_path / "shipped", tmp_path / "site" / "scrun.d"
    for root in (shipped, site):
        (root / "verbs").mkdir(parents=True, mode=0o755)
        root.chmod(0o755)
    site.parent.chmod(0o755)
    (shipped / "verbs" / "kill.lua").write_text("return { who = 'shipped' }")
    (shipped / "only.lua").write_text("return { who = 'only' }")
    own = site / "verbs" / "kill.lua"
    own.write_text("local m = require 'luastd.verbs.kill' m.who = m.who .. '+site' return m")
    own.chmod(0o644)
    return SearchPath(str(site.parent), shipped=str(shipped))


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_site_module_extends_the_shipped(tmp_path: Path, dialect: str) -> None:
    runtime = Runtime(dialect, search=_site(tmp_path))
    assert runtime.require("scrun.verbs.kill")[b"who"] == b"shipped+site"
    assert runtime.require("scrun.only")[b"who"] == b"only"
    with pytest.raises(ScriptError, match=r"no module 'scrun\.none'"):
        runtime.require("scrun.none")


def test_find_tells_what_is_shadowed(tmp_path: Path) -> None:
    search = _site(tmp_path)
    found = search.find("scrun.verbs.kill")
    assert found is not None and found.kind == "site"
    assert found.shadowed == [f"{search.shipped}/verbs/kill.lua"]
    assert search.find("scrun...etc.passwd") is None
    assert search.find("scrun.verbs/kill") is None


def test_writable_site_file_is_refused(tmp_path: Path) -> None:
    search = _site(tmp_path)
    (tmp_path / "site" / "scrun.d" / "verbs").chmod(0o775)
    with pytest.raises(ConfigError, match="writable by its group"):
        search.find("scrun.verbs.kill")
    with pytest.raises(ScriptError, match="writable by its group"):
        Runtime(search=search).require("scrun.verbs.kill")
