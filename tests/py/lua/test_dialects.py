"""Six dialects: names of old ones in new ones, what of the environment is ignored, C modules."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
from pathlib import Path

import lupa
import pytest

from scrun.lua import DIALECTS, Runtime

CHECKOUT = Path(__file__).resolve().parents[3]
VERSIONS = {name: f"Lua {name}" for name in DIALECTS} | {"luajit": "Lua 5.1"}
TRIPLET = getattr(sys.implementation, "_multiarch", "")


def test_each_dialect_is_itself(dialect: str, runtime: Runtime) -> None:
    version, jit = runtime.execute(b"return _VERSION, jit ~= nil")
    assert (version.decode(), jit) == (VERSIONS[dialect], dialect == "luajit")


def test_old_names(runtime: Runtime) -> None:
    """DESIGN 3: names that older dialects had are there in the newer ones."""
    assert (
        runtime.execute(
            b"""
        assert(select('#', unpack({ 1, nil, 3 }, 1, 3)) == 3 and table.unpack { 5 } == 5)
        assert(loadstring 'return 4'() == 4 and load 'return 5'() == 5)
        local f, message = loadstring('x x', '@here.lua')
        assert(f == nil and message:find '^here.lua:1:')
        assert(table.getn { 1, 2 } == 2 and table.maxn { [7] = 1, x = 2 } == 7)
        assert(table.pack(nil, nil).n == 2)
        local seen = {}
        table.foreach({ a = 1 }, function(k, v) seen[k] = v end)
        table.foreachi({ 5, 6 }, function(i, v) seen[i] = v end)
        assert(seen.a == 1 and seen[1] == 5 and seen[2] == 6)
        assert(table.foreachi({ 5, 6 }, function(i, v) return v > 5 and i or nil end) == 2)
        assert(string.gfind('a', 'a')() == 'a')
        assert(math.pow(2, 3) == 8 and math.mod(7, 3) == 1)
        assert(math.abs(math.log10(1000) - 3) < 1e-12)
        assert(math.ldexp(1, 4) == 16)
        for _, x in ipairs { 1, 8, 0.3, -5.5, 1e300, 2 ^ -1000, 123456789 } do
          local m, e = math.frexp(x)
          assert(math.ldexp(m, e) == x and math.abs(m) >= 0.5 and math.abs(m) < 1, x)
        end
        assert(math.frexp(0) == 0)
        for _, x in ipairs { 0, 1, -2.5 } do
          assert(math.abs(math.cosh(x) ^ 2 - math.sinh(x) ^ 2 - 1) < 1e-9)
          assert(math.abs(math.tanh(x) - math.sinh(x) / math.cosh(x)) < 1e-12)
        end
        assert(package.loaders == package.searchers and package.loaders ~= nil)
        assert(package.searchpath('no.such', '/?.lua') == nil)
        return 'fine'
        """
        )
        == b"fine"
    )


def test_environments_of_functions(runtime: Runtime) -> None:
    """setfenv, getfenv, module and package.seeall of Lua 5.1."""
    assert (
        runtime.execute(
            b"""
        local function f() return answer end
        setfenv(f, { answer = 42 })
        assert(f() == 42 and answer == nil and getfenv(f).answer == 42 and getfenv(0) == _G)
        local function own() setfenv(1, { x = 7 }) return x end
        assert(own() == 7)
        local chunk = loadstring 'module("made", package.seeall) function hi() return _NAME end'
        chunk()
        assert(require 'made'.hi() == 'made' and made.hi() == 'made' and hi == nil)
        return 'fine'
        """
        )
        == b"fine"
    )


def test_bit32(dialect: str, runtime: Runtime) -> None:
    """Of Lua 5.2; neither 5.1 nor luajit had it."""
    if VERSIONS[dialect] == "Lua 5.1":
        assert runtime.execute(b"return bit32 == nil") is True
        return
    assert (
        runtime.execute(
            b"""
        local b = bit32
        assert(b.band(0xF0F0, 0xFF00) == 0xF000 and b.band() == 0xFFFFFFFF)
        assert(b.bor(1, 2, 4) == 7 and b.bxor(5, 1) == 4 and b.bnot(0) == 0xFFFFFFFF)
        assert(b.btest(6, 2) and not b.btest(4, 2))
        assert(b.lshift(1, 31) == 0x80000000 and b.lshift(1, 32) == 0 and b.lshift(8, -3) == 1)
        assert(b.rshift(0x80000000, 31) == 1 and b.rshift(-1, 28) == 15)
        assert(b.arshift(0x80000000, 4) == 0xF8000000 and b.arshift(0x80000000, 99) == 0xFFFFFFFF)
        assert(b.lrotate(0x80000001, 1) == 3 and b.rrotate(3, 1) == 0x80000001)
        assert(b.extract(0xABCD, 4, 8) == 0xBC and b.replace(0xABCD, 0, 4, 8) == 0xA00D)
        return 'fine'
        """
        )
        == b"fine"
    )


def test_the_callers_lua_environment_is_ignored(tmp_path: Path, dialect: str) -> None:
    """LUA_PATH, LUA_CPATH and LUA_INIT of a module system must not break the site's script."""
    (tmp_path / "json.lua").write_text("error 'the wrong json'")
    (tmp_path / "init.lua").write_text(f"io.open('{tmp_path}/ran', 'w'):close()")
    (tmp_path / "evil.lua").write_text("return 1")
    version = VERSIONS[dialect].removeprefix("Lua ").replace(".", "_")
    environment = dict(os.environ, LUA_INIT=f"@{tmp_path}/init.lua")
    for name in ("LUA_PATH", "LUA_CPATH", "LUA_INIT"):
        value = f"@{tmp_path}/init.lua" if name == "LUA_INIT" else f"{tmp_path}/?.lua"
        environment |= {name: value, f"{name}_{version}": value}
    code = (
        "from scrun.lua import Runtime\n"
        f"runtime = Runtime({dialect!r})\n"
        "print(runtime.execute(\"return package.path .. ';' .. package.cpath\").decode())\n"
        "print(runtime.execute(\"return pcall(require, 'evil')\")[0])\n"
        "print(runtime.execute(\"return require 'json'.encode {}\").decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"PYTHONPATH": str(CHECKOUT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    paths, found, encoded = done.stdout.splitlines()
    assert str(tmp_path) not in paths and "./?" not in paths
    assert (found, encoded) == ("False", "[]")
    assert not (tmp_path / "ran").exists()


def c_modules(dialect: str) -> list[str]:
    """The C modules among posix and lfs that this system has for a dialect."""
    version = "5.1" if dialect == "luajit" else dialect
    places = ["/usr/local/lib", f"/usr/lib/{TRIPLET}", "/usr/lib64", "/usr/lib"]
    return [
        name
        for name in ("lfs", "posix")
        if any(glob.glob(f"{place}/lua/{version}/{name}.so") for place in places)
    ]


C_MODULES = """
import sys
from scrun.lua import DIALECTS, Runtime
dialect, *sources = sys.argv[1:]
for source in sources:
    Runtime(dialect).execute(source)
# The Lua of the others is still their own; C modules of theirs would crash, and are refused.
for other in DIALECTS:
    assert Runtime(other).execute("return 1 + 1") == 2
    if other != dialect:
        ok, why = Runtime(other).execute("return pcall(require, 'lfs')")
        assert not ok and (b"has to do without" in why or b"no file" in why), why
Runtime(dialect).execute(sources[0])
print("fine")
"""


def test_c_modules(dialect: str) -> None:
    """They resolve lua_* against the Lua that lupa brought (Debian: lua-filesystem, lua-posix)."""
    names = c_modules(dialect)
    if not names:
        pytest.skip(f"this system has no C modules for {dialect}")
    sources = {
        "lfs": "assert(require 'lfs'.attributes('/', 'mode') == 'directory')",
        "posix": "assert(require 'posix'.getpid('pid') > 1)",
    }
    done = subprocess.run(
        [sys.executable, "-c", C_MODULES, dialect, *(sources[name] for name in names)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


def test_lupa_imported_by_the_program_itself(dialect: str) -> None:
    """engines.py loads the extension by its file; the usual import gets the same module."""
    name = {"luajit": "luajit21"}.get(dialect, f"lua{dialect.replace('.', '')}")
    code = (
        "import sys\n"
        f"if sys.argv[1] == 'before': import lupa.{name} as theirs\n"
        "from scrun.lua import Runtime\n"
        f"ours = Runtime({dialect!r})\n"
        f"import lupa.{name} as theirs\n"
        "assert theirs.LuaRuntime().eval('1 + 1') == 2\n"
        "assert type(ours.lua) is theirs.LuaRuntime\n"
        f"assert Runtime({dialect!r}).execute('return 3') == 3\n"
    )
    for order in ("before", "after"):
        done = subprocess.run(
            [sys.executable, "-c", code, order], cwd=CHECKOUT, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()


LATE = """
import sys
sys.path[:0] = sys.argv[1:]
from scrun.lua import engines
lua = engines.load("5.4").LuaRuntime()
assert lua.table_from({"k": 7})["k"] == 7
assert list(lua.table_from([5, 6]).values()) == [5, 6]
assert "collections.abc" not in sys.modules
import os
os.environ["K"] = "v"
assert lua.table_from(os.environ)["K"] == "v"
from collections.abc import Mapping
assert isinstance(os.environ, Mapping)
"""


def test_what_lupa_is_not_given_at_once_is_there_when_it_asks() -> None:
    """It takes any mapping; `scrun.lua.engines` has it do without collections.abc until then."""
    beside = str(Path(lupa.__file__).parents[1])
    subprocess.run([sys.executable, "-I", "-S", "-c", LATE, str(CHECKOUT), beside], check=True)
