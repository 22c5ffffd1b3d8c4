"""From Lua there is no way to Python, whatever a script tries; values cross as data only."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from scrun.errors import ScriptError
from scrun.lua import LocalHost, Runtime, SiteScript

# Walks all that a script can reach and collects userdata that is no file. `deep`: also by the
# debug library, through upvalues, locals, environments, the registry and user values.
WALK = b"""
local deep = ...
local debug = deep and debug or {}
local seen, strange = {}, {}
local function walk(value, path)
  local kind = type(value)
  if value == nil or kind == 'string' or kind == 'number' or kind == 'boolean' or seen[value] then
    return
  end
  seen[value] = true
  local text = tostring(value)
  if kind == 'userdata' and not text:find '^file' and not text:find '^userdata: ' then
    strange[#strange + 1] = path .. ' = ' .. text
  end
  local meta = (debug.getmetatable or getmetatable)(value)
  walk(type(meta) == 'table' and meta or nil, path .. '<meta>')
  if kind == 'table' then
    for key, item in next, value do
      walk(key, path .. '<key>')
      walk(item, path .. '.' .. tostring(key))
    end
  elseif kind == 'function' and debug.getupvalue then
    for i = 1, 255 do
      local name, item = debug.getupvalue(value, i)
      if not name then break end
      walk(item, path .. '^' .. name)
    end
  elseif kind == 'thread' and debug.getlocal then
    for level = 0, 30 do
      if not debug.getinfo(value, level) then break end
      for i = -9, 99 do
        local name, item = debug.getlocal(value, level, i)
        if name then walk(item, path .. '@' .. name) end
      end
    end
  end
  if debug.getfenv then walk(debug.getfenv(value), path .. '<env>') end
  if kind == 'userdata' and debug.getuservalue then
    walk((debug.getuservalue(value)), path .. '<user>')
  end
end
walk(_G, '_G')
walk(getmetatable '', 'string')
walk(coroutine.running(), 'running')
if deep then walk(debug.getregistry(), 'registry') end
assert(seen[slurm.log] and seen[string.rep])
return table.concat(strange, '\\n')
"""


@pytest.fixture
def state(dialect: str) -> Runtime:
    """A site's state, with all that the host installs in it."""
    script = SiteScript(LocalHost(), dialect=dialect)
    script._runtime.execute(b"host = require 'host' json = require 'json'")
    return script._runtime


def test_there_is_no_python_table(state: Runtime) -> None:
    source = (
        b"return python == nil and package.loaded.python == nil and not pcall(require, 'python')"
    )
    assert state.execute(source) is True


@pytest.mark.parametrize("deep", [False, True])
def test_no_host_object_can_be_reached(state: Runtime, deep: bool) -> None:
    """lupa would show a Python object as userdata ``<built-in function …>`` or so."""
    assert state.execute(WALK, "walk", deep) == b""


def test_the_walk_would_see_one(dialect: str) -> None:
    """Without seal.lua, the upvalues of every host function show the host's callables."""
    bare = Runtime(dialect)
    bare.execute(b"slurm = { log = print }")
    bare.set("visible", bare.lua.table_from({1: bare._pull}))
    assert b"bound method" in bare.execute(WALK, "walk", False)


def test_locals_of_host_frames_show_nothing(state: Runtime) -> None:
    """A hook runs in the midst of host functions, where the callable is a local or temporary."""
    found = state.execute(
        b"""
        local found = {}
        local function look()
          for level = 2, 12 do
            if not debug.getinfo(level, 'f') then break end
            for i = -9, 60 do
              local name, value = debug.getlocal(level, i)
              local text = type(value) == 'userdata' and tostring(value) or 'file'
              if not text:find '^file' and not text:find '^userdata: ' then
                found[#found + 1] = text
              end
            end
          end
        end
        for _, event in ipairs { 'c', 'r', 'l' } do
          debug.sethook(look, event)
          slurm.log(9, 'x') host.stat '/' host.run({ 'true' }, { timeout = 9 })
          debug.sethook()
        end
        return table.concat(found, '\\n')
        """
    )
    assert found == b""


def test_upvalues_cannot_be_joined_to_the_hosts(state: Runtime) -> None:
    """debug.upvaluejoin would make a host's upvalue the script's own."""
    assert (
        state.execute(
            b"""
        if not debug.upvaluejoin then return 0 end
        local mine, seen, queue = nil, {}, { slurm.log, host.stat, require, slurm.user_msg }
        local function probe() return mine end
        local found = 0
        while #queue > 0 do
          local f = table.remove(queue)
          for i = 1, 60 do
            local name, value = debug.getupvalue(f, i)
            if not name then break end
            if type(value) == 'function' and not seen[value] then
              seen[value] = true
              queue[#queue + 1] = value
            end
            if value == nil and pcall(debug.upvaluejoin, probe, 1, f, i)
              and tostring(probe()):find '^<' then
              found = found + 1
            end
          end
        end
        return found
        """
        )
        == 0
    )


def test_debug_shows_what_is_the_scripts(state: Runtime) -> None:
    """seal.lua changes nothing for the script's own frames and functions."""
    assert state.execute(
        b"""
        local up = 5
        local function inner(a)
          local b = up
          local first, value = debug.getlocal(1, 1)
          local _, second = debug.getlocal(1, 2)
          return first, value, second, debug.getupvalue(debug.getinfo(1, 'f').func, 1)
        end
        local first, value, second, name, found = inner('x')
        assert(first == 'a' and value == 'x' and second == 5, first)
        assert(name == 'up' and found == 5)
        local thread = coroutine.create(function(z) coroutine.yield(z) end)
        coroutine.resume(thread, 7)
        assert(select(2, debug.getlocal(thread, 1, 1)) == 7)
        local ok, message = pcall(debug.getlocal, 100, 1)
        assert(not ok and message:find 'level out of range')
        return debug.traceback('t'):find '^t\\nstack traceback' ~= nil
        """
    )


def test_error_objects_are_texts(state: Runtime) -> None:
    """A failure of the host reaches pcall as a string, never as a Python exception."""

    def broken() -> None:
        raise RuntimeError("bug")

    def no_data() -> object:
        return object()

    state.add_function("", "broken", broken)
    state.add_function("", "no_data", no_data)
    source = b"""
    local _, a = pcall(broken)
    local _, b = pcall(no_data)
    local _, c = pcall(slurm.allocator_command, 'x', { bad = 1 })
    local _, d = coroutine.resume(coroutine.create(broken))
    local _, e = xpcall(broken, function(m) return m end)
    for _, m in ipairs { a, b, c, d, e } do assert(type(m) == 'string', type(m)) end
    return a
    """
    assert b"internal error in broken: RuntimeError: bug" in state.execute(source)
    assert isinstance(state.bug, RuntimeError)


def test_host_functions_take_data_only(state: Runtime) -> None:
    seen: list[Any] = []
    state.add_function("", "give", seen.append)
    for value in (
        "print",
        "coroutine.create(function() end)",
        "io.stdout",
        "{ f = print }",
        "{ {}, { print } }",
    ):
        with pytest.raises(
            ScriptError, match=r"^c\.lua:1: a (function|thread|userdata) is no data"
        ):
            state.execute(f"give({value})", "c.lua")
    assert seen == []
    state.execute(b"give { 1, { b = true } }")
    assert seen == [[1, {"b": True}]]


def test_a_host_object_is_no_result(state: Runtime) -> None:
    state.add_function("", "leak", lambda: [1, {"x": gc}])
    with pytest.raises(ScriptError, match="a module is no data for Lua"):
        state.execute(b"return leak()")


def test_keyboard_interrupt_passes_through(state: Runtime) -> None:
    """A script's pcall does not swallow the person's Ctrl-C."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    state.add_function("", "interrupted", interrupted)
    with pytest.raises(KeyboardInterrupt):
        state.execute(b"pcall(interrupted) return 1")
    assert state.execute(b"return 1") == 1
