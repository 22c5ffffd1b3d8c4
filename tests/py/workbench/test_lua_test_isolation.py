"""``scrun lua test``: files share processes, and none finds anything of another's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from scrun.workbench.test.child import Child
from scrun.workbench.test.plan import Options, Spec
from scrun.workbench.test.state import State
from tests.py.workbench.spec_run import PASS, Project

PROBE = """
local function read(path)
  local file = assert(io.open(path))
  local text = file:read '*a'
  file:close()
  return text
end
print('pid ' .. read('/proc/self/stat'):match '^%d+' .. ' end')
it('begins as the first', function()
  local status = read '/proc/self/status'
  local found = {
    read 'marker',
    tostring(os.getenv 'SPOILT'),
    status:match 'Umask:%s*(%d+)',
    status:match 'SigIgn:%s*(%x+)',
    status:match 'SigBlk:%s*(%x+)',
    read('/proc/self/task/' .. status:match 'Pid:%s*(%d+)' .. '/children'),
    os.setlocale(nil),
    tostring(rawget(_G, 'spoilt')) .. tostring(string.spoilt) .. tostring(package.loaded.spoilt),
    tostring(getmetatable('').spoilt) .. tostring(debug.gethook() == nil),
    tostring(io.output() == io.stdout) .. tostring(math.max(1, 2)),
    math.random ~= nil and _VERSION < 'Lua 5.4' and tostring(math.random()) or '',
    io.open '/proc/self/fd/11' and 'open' or 'closed',
  }
  print('found ' .. table.concat(found, '|') .. ' end')
end)
"""
LUA = """
it('spoils its state', function()
  spoilt, string.spoilt, package.loaded.spoilt, getmetatable('').spoilt = 1, 1, 1, 1
  rawset(_G, 'spoilt', 1)
  math.max, print, type = nil, nil, nil
  debug.sethook(function() end, 'l')
  io.output(io.stderr)
  math.randomseed(7)
end)
"""
FOREIGN = "local c = require 'ffi' c.cdef '{}' c.C.{}"
LOOK = """
local list = {}
local function add(title, map)
  for name, value in pairs(map) do
    list[#list + 1] = title .. tostring(name) .. '=' .. type(value)
  end
end
for _, name in ipairs { 'coroutine', 'debug', 'io', 'math', 'os', 'package', 'string', 'table' } do
  add(name .. '.', _G[name])
end
for _, name in ipairs { 'loaded', 'preload', 'searchers' } do
  add(name .. '.', package[name])
end
add('', _G)
add('slurm.', slurm)
add('host.', package.loaded.host)
for _, name in ipairs { 'match', 'mock', 'spy', 'stub', 'scrun', 'arg' } do
  list[#list + 1] = name .. '=' .. type(_ENV and _ENV[name] or getfenv(1)[name])
end
table.sort(list)
print('found ' .. table.concat(list, ' ') .. ' end')
"""
FIRST_USES = {  # of what a plain spec does not use, before which most of its state is not made
    "a name": "math.abs(1)",
    "a new name": "spec_has = nil",
    "no name": "if nobody_has then return end",
    "an unknown assertion": "pcall(assert.is_unknown)",
    "a spy": "pcall(assert.spy, 1)",
    "a registered assertion": "assert:register('assertion', 'matches', function() return true end)",
    "a failed assertion": "pcall(assert.equal, 1, 2)",
    "a block of its own": "insulate('block', function() it('x', function() end) end)",
    "a library": "pcall(require, 'luassert')",
    "nothing": "",
}
PROCESS = {  # what may be done to the process
    "directory": FOREIGN.format("int chdir(const char *);", "chdir '/'"),
    "variable": FOREIGN.format(
        "int setenv(const char *, const char *, int);", "setenv('SPOILT', '1', 1)"
    ),
    "umask": FOREIGN.format("int umask(int);", "umask(63)"),
    "signal": FOREIGN.format(
        "typedef void (*F)(int); F signal(int, F);", "signal(10, c.cast('F', 1))"
    ),
    "library": "if pcall(require, 'lfs') then require('lfs').chdir '/' end",
    "background": "os.execute('sleep 300 >/dev/null 2>&1 &')",
    "pipe": "spoilt = io.popen('cat >/dev/null', 'w')",
    "file": "for _ = 1, 9 do io.open('marker') end",
    "locale": "os.setlocale('C.UTF-8')",
    "ended": "os.execute('kill -9 $PPID')",
    "error": "error('at the top')",
}
HARMLESS = ("error", "library")  # to the process; the library where it is not installed


def found(text: str, word: str) -> list[str]:
    """Return what the probes have printed after a word."""
    return [line.split(" ", 1)[1] for line in text.splitlines() if line.strip().startswith(word)]


@pytest.mark.parametrize("dialect", ["5.1", "5.4", "luajit"])
def test_a_fresh_state_in_a_shared_process(tmp_path: Path, dialect: str) -> None:
    """Whatever Lua can do to its state is not seen by the next file, in the same process."""
    project = Project(tmp_path)
    project.write("marker", "here")
    for number in range(24):
        project.write(f"{number:02}_spec.lua", PROBE + LUA)
    ended = project.run("-j", "1", "-v", "--lua", dialect)
    assert ended.status == 0, ended.out
    assert len(set(found(ended.out, "found"))) == 1, ended.out
    assert len(found(ended.out, "found")) == 24
    assert len(set(found(ended.out, "pid"))) < 24


@pytest.mark.parametrize("dialect", ["5.1", "5.3", "5.4", "luajit"])
def test_a_state_is_whole_to_whoever_looks(tmp_path: Path, dialect: str) -> None:
    """A state is the same however a spec begins with it, in a test or before, in a block or not."""
    project = Project(tmp_path)
    for number, text in enumerate(FIRST_USES.values()):
        look = f"it('looks', function() {LOOK} end)"
        project.write(f"{number:02}a_spec.lua", f"{text}\n{look}")
        project.write(f"{number:02}b_spec.lua", f"it('uses', function() {text} end)\n{look}")
        block = f"insulate('block', function()\n{text}\n{LOOK}\n{look} end)"
        project.write(f"{number:02}c_spec.lua", f"{block}\n{look}\n{block}")
    ended = project.run("-j", "1", "-v", "--lua", dialect)
    looks = found(ended.out, "found")
    assert len(looks) == 7 * len(FIRST_USES), ended.out
    names = set(looks[0].split())
    assert {"slurm.SUCCESS=number", "host.run=function", "spy=table", "scrun=table"} <= names
    assert "preload.busted=function" in names and "string.gfind=function" in names
    different = [set(look.split()) ^ names for look in looks]
    may_differ = {"loaded.luassert=table"}
    assert not set().union(*different) - may_differ, set().union(*different)


@pytest.mark.parametrize("dialect", ["5.1", "5.4"])
def test_what_a_text_has_is_there_at_once(tmp_path: Path, dialect: str) -> None:
    """Methods of a text need no name, so nothing tells that a spec uses them."""
    project = Project(tmp_path)
    text = "assert(('ab'):gfind('b')() == 'b')"
    project.write("a_spec.lua", f"{text} it('x', function() {text} end)")
    assert project.run("--lua", dialect).status == 0


@pytest.mark.parametrize("dialect", ["5.1", "5.4", "luajit"])
def test_a_plain_state_is_closed(tmp_path: Path, dialect: str) -> None:
    """The state of a spec that can have no finalizer is closed: nobody holds it any more."""
    texts = {PASS: True, f"{PASS} setmetatable({{}}, {{}})": False}
    events = os.memfd_create("events")
    for text, is_plain in texts.items():
        path = tmp_path / "a_spec.lua"
        path.write_text(text)
        state = State(dialect, None, 60)
        lua = state.runtime.lua
        child = Child(state, Options())
        child.run(Spec(str(path), dialect), events, str(tmp_path))
        assert child.close() == is_plain
        nobodys = object()
        assert (sys.getrefcount(lua) == sys.getrefcount(nobodys)) == is_plain
    os.close(events)


@pytest.mark.parametrize("what", PROCESS)
def test_a_spoilt_process_is_left(tmp_path: Path, what: str) -> None:
    """What a file does to its process ends with that: the next one has another."""
    project = Project(tmp_path)
    project.write("marker", "here")
    for number in range(16):
        text = PROBE if number != 4 else f"{PROBE}\nit('spoils', function() {PROCESS[what]} end)"
        text = f"{PROBE}\n{PROCESS[what]}" if number == 4 and what == "error" else text
        project.write(f"{number:02}_spec.lua", text)
    dialect = "luajit" if "ffi" in PROCESS[what] else "5.4"
    for _ in range(5):
        ended = project.run("-j", "1", "-v", "--lua", dialect)
        pids = found(ended.out, "pid")
        if len(pids) == 16 and pids[3] == pids[0]:
            break  # else a slow machine changed the process by itself: it has 0.2 s
    assert ended.status == int(what in ("ended", "error")), ended.out
    assert len(set(found(ended.out, "found"))) == 1, ended.out
    names = [name for name, _, _ in ended.cases]
    assert names.count("begins as the first") >= 15
    assert len(pids) == 16 and pids[3] == pids[0]
    assert pids[5] != pids[0] or what in HARMLESS
    assert ended.outcomes["begins as the first"] == "pass"


def test_output_goes_to_its_file(tmp_path: Path) -> None:
    """Without a line break at the end too, and by programs as well."""
    project = Project(tmp_path)
    for number in range(12):
        project.write(f"{number:02}_spec.lua", f"io.write('mine {number}')\nerror 'x'\n")
    out = project.run("-j", "1", "--output", "junit").out
    for number, part in enumerate(out.split("<testsuite ")[1:]):
        assert part.count("mine ") == 1 and f"mine {number}" in part


@pytest.mark.parametrize("dialect", ["5.1", "5.4", "luajit"])
def test_files_that_nobody_closes(tmp_path: Path, dialect: str) -> None:
    """What a spec has written is there in the end."""
    project = Project(tmp_path)
    text = "it('writes', function() io.open('{}', 'w'):write 'opened' end)"
    project.write("a_spec.lua", text.format("a") + " io.output 'b' io.write 'default'")
    project.write("c_spec.lua", text.format("c"))
    assert project.run("-j", "1", "--lua", dialect).status == 0
    found = [(tmp_path / name).read_text() for name in "abc"]
    assert found == ["opened", "default", "opened"]
