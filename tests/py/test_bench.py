"""The bench's own parts: what it times, what it drops, what it calls met."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cluster import Figures, Samples
from bench.figures import make_rows
from bench.inside.timing import Dropped, call
from bench.table import print_table

ROOT = Path(__file__).parents[2]

LEAVES_AN_ORPHAN = """
from bench.inside import timing
timing.become_subreaper()
timing.call(["/bin/sh", "-c", "sleep 600 & setsid sleep 600 &"])
before = len(timing.descendants())
print(before, timing.end_leftovers(leave_s=0), len(timing.descendants()))
"""


def figures(ours: list[float], c: list[float], what: str = "start") -> Figures:
    """Return the samples of one thing."""
    return {(what, "ours"): Samples(ours), (what, "C"): Samples(c, ["no end"] if not c else [])}


def test_call_times_the_whole_process() -> None:
    """The time is that of the process, and its stdout and stderr are apart."""
    timed = call(["/bin/sh", "-c", "sleep 0.2; echo out; echo err >&2"])
    assert 200 <= timed.ms < 60_000
    assert (timed.output, timed.errors) == ("out\n", "err\n")


def test_call_drops_a_process_that_hangs() -> None:
    """A process that does not end in time is killed and gives no figure."""
    with pytest.raises(Dropped, match=r"no end within 0\.1 s"):
        call(["/bin/sleep", "600"], timeout_s=0.1)


def test_call_drops_a_failure_with_its_last_words() -> None:
    """A status other than 0 gives no figure: a refusal is faster than the work."""
    with pytest.raises(Dropped, match="status 3: no such thing"):
        call(["/bin/sh", "-c", "echo no such thing >&2; exit 3"])


def test_end_leftovers_ends_orphans_too() -> None:
    """What a runtime left behind in a session of its own is found and ended."""
    argv = [sys.executable, "-c", LEAVES_AN_ORPHAN]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["2", "2", "0"]


def test_the_budget_is_a_ratio_of_medians() -> None:
    """One slow sample changes nothing; 1.5 times the C program's median is still met."""
    (row,) = make_rows(figures([14, 15, 900], [9, 10, 11]))
    assert (row.ratio, row.met) == (1.5, True)
    (row,) = make_rows(figures([14, 16, 16], [9, 10, 11]))
    assert row.met is False


def test_without_the_c_program_nothing_is_met_or_missed() -> None:
    """No figure of the C program means that the budget is unknown, not that it is met."""
    (row,) = make_rows(figures([1.0], []))
    assert (row.ratio, row.met, row.dropped) == (None, None, {"C": (1, "no end")})


def test_memory_has_its_budget_in_mib() -> None:
    """The anchor's budget is absolute, whatever the C program takes."""
    (row,) = make_rows(figures([14.5], [2.0], "anchor PSS, empty scrun.lua"))
    assert (row.unit, row.met) == ("MiB", False)


def test_the_table_is_plain_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each row, and the dropped samples below; JSON has the same."""
    rows = list(make_rows(figures([12.0], [10.0]) | figures([1.0], [], "delete")))
    print_table(rows, styled=False)
    header, start, delete, dropped = capsys.readouterr().out.splitlines()
    assert header.split()[:2] == ["ours", "min"]
    assert start.endswith("10.0    1.20        1.5 x C      met")
    assert delete.split()[-1] == "unknown"
    assert dropped.startswith("delete, C: 1 without a figure")
    assert json.loads(json.dumps(rows[0].as_json()))["by"]["ours"]["median"] == 12.0
