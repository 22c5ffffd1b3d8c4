"""Line coverage: counted in the specs' processes, merged here, written as LCOV.

Source of the format: geninfo(1), "FILES".
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrun.errors import ScriptError
from scrun.lua.runtime import Interrupted, Runtime
from scrun.lua.search import shipped_dir
from scrun.workbench.test.bytecode import read_lines
from scrun.workbench.test.plan import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scrun.workbench.test.results import FileResult, Hits
    from scrun.workbench.test.state import State

# Their code runs when the function is made or left, where dialects differ about the line.
NO_STATEMENT = re.compile(
    rb"^\s*(local\s+function\b.*\)|function\b.*\)|[\w.:]+\s*=\s*function\b.*\)|return\s+function\(.*\)"
    rb"|end|else|until|repeat|do|[]}),;]|\s)*\s*(--.*)?$"
)


@dataclass(frozen=True)
class FileCoverage:
    """The lines of a file that have code, each with how often it ran."""

    path: str
    lines: dict[int, int]

    @property
    def hit(self) -> int:
        """How many of them ran."""
        return sum(count > 0 for count in self.lines.values())

    @property
    def percent(self) -> float:
        """The share of those that ran; 100 of nothing."""
        return 100.0 * self.hit / len(self.lines) if self.lines else 100.0


def start(state: State, instructions: int) -> Callable[[], Hits]:
    """Count lines in a spec's state, and watch its clock; return what ends it and tells them."""
    runtime = state.runtime
    module = runtime.require("luastd.test.coverage")

    def wants(path: bytes) -> bool:
        return is_wanted(os.fsdecode(path), state.site)

    def tick() -> None:
        answer = state.check()
        if answer is not None:
            raise Interrupted(answer[0], code=answer[1])

    def stop() -> Hits:
        text = runtime.call(module[b"stop"])[0]
        return _parse(os.fsdecode(text))

    clock = runtime.function(tick, "clock")
    runtime.call(module[b"start"], runtime.function(wants, "coverage"), clock, instructions)
    return stop


def is_wanted(path: str, site: str | None) -> bool:
    """Tell whether a file is of the site's or the project's code, and not of its specs.

    A chunk that calls itself a file and is none, as the host's own do, is not.
    """
    full = os.path.abspath(path)
    if not os.path.isfile(full):
        return False
    if full.endswith(SUFFIX) or full.startswith(f"{shipped_dir()}/test"):
        return False
    for root in (site, os.getcwd()):
        if root and full.startswith(f"{root}/"):
            return not any(part.startswith(".") for part in full[len(root) + 1 :].split("/"))
    return False


def merge(files: Iterable[FileResult]) -> list[FileCoverage]:
    """Add up what the specs' processes counted, by path."""
    total: Hits = {}
    for file in files:
        for path, lines in file.hits.items():
            counts = total.setdefault(path, {})
            for line, count in lines.items():
                counts[line] = counts.get(line, 0) + count
    runtime = Runtime()
    return [FileCoverage(path, _complete(runtime, path, total[path])) for path in sorted(total)]


def write_lcov(covered: Iterable[FileCoverage], path: str) -> None:
    """Write a tracefile, as genhtml(1) and forges read it."""
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as out:
        for file in covered:
            out.write(f"TN:\nSF:{os.path.abspath(file.path)}\n")
            out.writelines(f"DA:{line},{file.lines[line]}\n" for line in sorted(file.lines))
            out.write(f"LF:{len(file.lines)}\nLH:{file.hit}\nend_of_record\n")


def missing_ranges(file: FileCoverage) -> str:
    """Return the lines that did not run, as ``3-5, 9``: a range goes over lines without code."""
    ranges: list[list[int]] = []
    open_range = False
    for line in sorted(file.lines):
        if file.lines[line]:
            open_range = False
        elif open_range:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
            open_range = True
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def _complete(runtime: Runtime, path: str, hits: dict[int, int]) -> dict[int, int]:
    """Add the lines that have code and did not run."""
    try:
        with open(path, "rb") as file:
            source = file.read()
        chunk = runtime.load(source, path)
        with_code = read_lines(runtime.execute(b"return string.dump(...)", "dump", chunk))
    except (OSError, ScriptError, ValueError):
        return hits  # gone, or in a dialect that only others compile
    texts = source.split(b"\n")
    return {
        line: hits.get(line, 0)
        for line in sorted(with_code | set(hits))
        if line <= len(texts) and not NO_STATEMENT.match(texts[line - 1])
    }


def _parse(text: str) -> Hits:
    found: Hits = {}
    lines: dict[int, int] = {}
    for entry in text.splitlines():
        if entry.startswith("@"):
            path = os.path.abspath(entry[1:])
            lines = found.setdefault(path, {})
        else:
            line, _, count = entry.partition(":")
            lines[int(line)] = int(count)
    return found
