"""Measure ``scrun lua test`` beside busted: the same 1,000 trivial tests, in turns.

    python -m bench.lua_test

The tests stand in one file, in ten, in a hundred and in a thousand. Busted runs all files in one
Lua state; ``scrun lua test`` gives each a state of its own, which is what many files cost. Budget:
less than twice busted's time for them. In a last row each file has a module, too, which makes all
of its state necessary: ``slurm``, ``host`` and what else a site's script has. Each time is a whole
run, from the command line to its end.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

TESTS = 1000
FILES = (1, 10, 100, 1000)
BUDGET = 2.0  # times busted, for what is trivial
DEFAULT_ROUNDS = 9
NOT_MEASURED = 1


def write_specs(directory: Path, files: int, *, module: bool = False) -> None:
    """Write the tests, evenly into files; ``module``: what they test is one, of all files."""
    (directory / "sums.lua").write_text("return function(a, b) return a + b end\n")
    for file in range(files):
        lines = ["local add = require 'sums'"] if module else []
        lines.append("describe('sums', function()")
        for number in range(TESTS // files):
            actual = f"add({number}, {file})" if module else f"{number} + {file}"
            lines.append(f"  it('adds {number}', function()")
            lines.append(f"    assert.are.equal({number + file}, {actual})")
            lines.append("  end)")
        (directory / f"{file:04}_spec.lua").write_text("\n".join([*lines, "end)\n"]))


def measure(command: Sequence[str], expected: str, directory: str) -> float:
    """Run a command in a directory; return its time in ms.

    Raises:
        RuntimeError: it did not run the tests: ``expected`` is not in what it said.
    """
    began = perf_counter()
    ended = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=directory
    )
    took_ms = (perf_counter() - began) * 1000
    if ended.returncode or expected not in ended.stdout:
        raise RuntimeError(f"{' '.join(command)}: {ended.stdout}{ended.stderr}")
    return took_ms


def compare(files: int, rounds: int, *, module: bool = False) -> dict[str, float]:
    """Run both in turns; return the medians in ms and their ratio."""
    scrun = Path(sys.executable).with_name("scrun")
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        write_specs(Path(directory), files, module=module)
        commands = {
            "scrun": ([str(scrun), "lua", "test", "."], f"{TESTS} passed, 0 failed"),
            "busted": (["busted", "."], f"{TESTS} successes / 0 failures"),
        }
        times: dict[str, list[float]] = {who: [] for who in commands}
        for _ in range(rounds + 1):
            for who, (command, expected) in commands.items():
                times[who].append(measure(command, expected, directory))
    medians = {who: statistics.median(values[1:]) for who, values in times.items()}
    return {**medians, "ratio": medians["scrun"] / medians["busted"]}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; status 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m bench.lua_test", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("-n", "--rounds", type=int, default=DEFAULT_ROUNDS, metavar="N")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(argv)
    if shutil.which("busted") is None:
        print("bench: busted is not installed: Debian has it as lua-busted", file=sys.stderr)
        return NOT_MEASURED
    try:
        rows = {str(files): compare(files, options.rounds) for files in FILES}
        most = FILES[-1]
        rows[f"{most}, with a module"] = compare(most, options.rounds, module=True)
    except RuntimeError as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return NOT_MEASURED
    if options.json:
        print(json.dumps({"tests": TESTS, "rounds": options.rounds, "files": rows}, indent=2))
        return 0
    print(f"{TESTS} trivial tests, median of {options.rounds}, load {os.getloadavg()[0]:.1f}")
    print(f"{'files':20}{'scrun, ms':>12}{'busted, ms':>12}{'ratio':>8}  budget")
    for name, row in rows.items():
        verdict = ""
        if name.isdecimal():
            verdict = f"{BUDGET:g} x, {'met' if row['ratio'] < BUDGET else 'missed'}"
        print(
            f"{name:20}{row['scrun']:>12.0f}{row['busted']:>12.0f}{row['ratio']:>8.2f}  {verdict}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
