"""Scripts that would take all memory, the stack or all time end with one clear message."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scrun.errors import ScriptError
from scrun.lua import Runtime
from tests.py.lua.conftest import Site

LIMIT = 8_000_000
HOGS = (
    b"return string.rep('x', 50000000)",
    b"local t = {} for i = 1, 1e9 do t[i] = {} end",
    b"local s = 'x' while true do s = s .. s end",
    b"return #list(500000)",
)
CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("source", HOGS)
def test_memory_limit(dialect: str, source: bytes) -> None:
    """One message with code ENOMEM, and the state can still be used."""
    runtime = Runtime(dialect, memory_bytes=LIMIT)
    runtime.add_function("", "list", lambda n: [f"x{i}" for i in range(int(n))])
    for _ in range(3):
        with pytest.raises(ScriptError, match="not enough memory") as caught:
            runtime.execute(source, "a.lua")
        assert caught.value.code == "ENOMEM"
        assert "lua_memory_bytes" in str(caught.value) and "\n" not in str(caught.value)
        assert runtime.execute(b"return #string.rep('x', 1000000)") == 1_000_000


def test_host_values_beyond_the_limit_do_not_end_the_process(dialect: str) -> None:
    """Lua panics, and the process aborts, if memory ends while the host pushes a value."""
    code = f"""
from scrun.errors import ScriptError
from scrun.lua import Runtime
runtime = Runtime({dialect!r}, memory_bytes={LIMIT})
runtime.add_function("", "big", lambda n: b"x" * int(n))
runtime.add_function("", "take", lambda *values: None)
for source in ("local t = {{}} for i = 1, 99 do t[i] = big(5e6) end", "return #big(5e7)",
               "local t = {{}} for i = 1, 1e9 do t[i] = {{}} take(t[i], 'x' .. i) end",
               "local c = coroutine.wrap(function() local t = {{}} while true do t[#t+1] = big(9) "
               "end end) c()"):
    for _ in range(5):
        try:
            runtime.execute(source, "a.lua", b"y" * 20_000_000)
        except ScriptError as err:
            assert "not enough memory" in str(err), err
    assert runtime.to_python(runtime.to_lua(["x"] * 300_000)) == ["x"] * 300_000
print("alive")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT, check=False
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_memory_limit_names_the_script(site54: Site) -> None:
    with pytest.raises(ScriptError) as caught:
        site54.run("local s = string.rep('x', 50000000)", memory_bytes=LIMIT)
    assert str(caught.value).startswith(f"{site54.script}: not enough memory. ")


def test_large_strings_cross(runtime: Runtime) -> None:
    runtime.add_function("", "same", lambda text: text)
    source = b"local s = string.rep('x', 100000000) return #same(s) + #same { s }[1]"
    assert runtime.execute(source) == 200_000_000


@pytest.mark.parametrize(
    "source",
    [
        "local function f() return 1 + f() end f()",
        "local t = setmetatable({}, { __index = function(t, k) return t[k] end }) local x = t.x",
    ],
)
def test_deep_recursion(site: Site, source: str) -> None:
    """The message is the script's line and what it is, without the stack."""
    with pytest.raises(ScriptError, match="stack overflow") as caught:
        site.run(f"\n{source}")
    message = str(caught.value)
    assert message.startswith(f"{site.script}:") and "\n" not in message, message
    assert len(message) < 200


def test_deep_data(runtime: Runtime) -> None:
    runtime.add_function("", "take", lambda value: None)
    source = b"local t = {} local c = t for i = 1, 100000 do c.x = {} c = c.x end take(t) return 1"
    with pytest.raises(ScriptError, match=r"^d\.lua:1: tables are nested more than 128 deep"):
        runtime.execute(source, "d.lua")


LOOPS = (
    "while true do end",
    "while true do slurm.log(0, 'x') end",
    "coroutine.wrap(function() while true do end end)()",
    "local c = coroutine.create(function() while true do end end) error(select(2, "
    "coroutine.resume(c)), 0)",
    "while true do pcall(string.rep, 'x', 10) end",
    "while true do coroutine.wrap(function() coroutine.yield(1) end)() end",
    "local s = 0 for i = 1, 1e18 do s = s + i % 7 end",
)


@pytest.mark.parametrize("loop", LOOPS)
def test_cancel_ends_a_loop(site: Site, loop: str) -> None:
    """Also in coroutines, and in what luajit would have compiled."""
    timer = threading.Timer(0.5, lambda: script.cancel())
    script = site.make(
        f"function slurm_scrun_stage_out() end function slurm_scrun_stage_in()\n{loop}\nend"
    )
    timer.start()
    with pytest.raises(ScriptError, match=r"scrun\.lua:2: cancelled") as caught:
        site.stage_in(script)
    assert caught.value.code == "CANCELLED"
    timer.join()


def test_cancel_ends_a_loop_of_the_main_chunk(site: Site) -> None:
    script = site.make("while true do end")
    timer = threading.Timer(0.5, script.cancel)
    timer.start()
    with pytest.raises(ScriptError, match=r"scrun\.lua:1: cancelled"):
        script.load()
    timer.join()


def test_a_sleeping_script_holds_no_other_thread_up(site: Site) -> None:
    """lupa releases the GIL: DESIGN 3, "hold nobody up"."""
    go, ended = site.directory / "go", list[bool]()
    wait = f"i=0; until [ -e {go} ]; do i=$((i+1)); [ $i -lt 600 ] || exit 1; sleep 0.05; done"
    script = f"local ok = os.execute '{wait}' assert(ok == true or ok == 0, 'nobody let it go on')"

    def run() -> None:
        site.run(script)
        ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    for _ in range(20):
        time.sleep(0.005)
    go.touch()
    thread.join(60)
    assert ended == [True]


def test_states_run_beside_each_other(dialect: str) -> None:
    """One state per thread; the host functions of each see their own values."""
    wrong: list[object] = []

    def work(number: int) -> None:
        runtime = Runtime(dialect)
        runtime.add_function("", "me", lambda values: [number, *values])
        source = b"local r = me { 1, 2 } return r[1] + r[2] + r[3]"
        wrong.extend(r for _ in range(200) if (r := runtime.execute(source)) != number + 3)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
