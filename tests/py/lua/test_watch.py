"""A script that must end does, whatever it catches."""

from __future__ import annotations

from time import monotonic

import pytest

from scrun.errors import ScriptError
from scrun.lua import DIALECTS
from scrun.lua.runtime import Runtime
from tests.py.waiting import least_s

LOOPS = {
    "plain": "while true do end",
    "pcall": "while true do pcall(function() while true do end end) end",
    "coroutine": "local go = coroutine.wrap(function() while true do coroutine.yield(1) end end)"
    " while true do pcall(go) end",
    "handler": "while true do xpcall(function() while true do end end, function(e) return e end)"
    " end",
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("loop", LOOPS)
def test_an_endless_loop_ends(dialect: str, loop: str) -> None:
    """While the answer is that it must end, it is ended again; afterwards all is as before."""
    runtime = Runtime(dialect)
    deadline = monotonic() + 0.02
    late = True

    def check() -> tuple[str, str] | None:
        return ("too late", "ETIMEDOUT") if late and monotonic() > deadline else None

    runtime.watch(check, instructions=10_000)
    with pytest.raises(ScriptError, match=r"^/site/loop\.lua:1: too late$") as failure:
        runtime.execute(LOOPS[loop], "/site/loop.lua")
    assert failure.value.code == "ETIMEDOUT"
    late = False

    def count() -> None:
        assert runtime.execute("local n = 0 for _ = 1, 1e6 do n = n + 1 end return n") == 1e6

    assert least_s(count, 2) < 2  # 20 times as long, if each instruction were asked about


def test_an_answer_may_be_caught_once() -> None:
    """A script that is told once, and no more, goes on after its pcall."""
    runtime = Runtime("5.4")
    answers = [("cancelled", "CANCELLED")]
    runtime.watch(lambda: answers.pop() if answers else None, instructions=10_000)
    text = "local ok, why = pcall(function() while true do end end) return why"
    assert runtime.execute(text, "/site/loop.lua") == b"/site/loop.lua:1: cancelled"
