"""Results as JUnit XML, in the form that Jenkins and GitLab read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from scrun.workbench.test.results import count
from scrun.workbench.test.text import difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scrun.workbench.test.results import Counts, FileResult, TestResult

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(files: Sequence[FileResult]) -> str:
    """Return the document: a suite for each file and dialect."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    seconds = sum(file.duration_s for file in files)
    lines.append(f'<testsuites name="scrun lua test"{_numbers(count(files), seconds)}>')
    for file in files:
        lines.extend(_suite(file))
    lines.append("</testsuites>")
    return "\n".join(lines) + "\n"


def _numbers(counts: Counts, seconds: float) -> str:
    return (
        f' tests="{counts.total}" failures="{counts.failed}" errors="{counts.errors}"'
        f' skipped="{counts.pending}" time="{seconds:.3f}"'
    )


def _suite(file: FileResult) -> Iterator[str]:
    spec = file.spec
    name = f"{spec.path} [{spec.dialect}]"
    if spec.round > 1:
        name += f" #{spec.round}"
    yield f"  <testsuite name={_attribute(name)}{_numbers(count([file]), file.duration_s)}>"
    yield "    <properties>"
    yield f'      <property name="dialect" value={_attribute(spec.dialect)}/>'
    yield "    </properties>"
    for test in file.tests:
        yield from _case(file, test)
    if file.output:
        text = file.output.decode("utf-8", "backslashreplace")
        yield f"    <system-out>{_text(text)}</system-out>"
    yield "  </testsuite>"


def _case(file: FileResult, test: TestResult) -> Iterable[str]:
    path, _, line = test.source.rpartition(":")
    head = (
        f"    <testcase name={_attribute(test.name)} classname={_attribute(file.spec.path)}"
        f' file={_attribute(path)} line="{line}" time="{test.duration_s:.6f}"'
    )
    if test.outcome == "pass":
        return [f"{head}/>"]
    if test.outcome == "pending":
        inside = f"      <skipped message={_attribute(test.message)}/>"
    else:
        kind = "failure" if test.outcome == "fail" else "error"
        body = "\n".join(
            [f"{test.where or test.source}: {test.message}", *difference(test), test.trace]
        ).rstrip()
        inside = f"      <{kind} message={_attribute(test.message)}>{_text(body)}</{kind}>"
    return [f"{head}>", inside, "    </testcase>"]


def _clean(text: str) -> str:
    return _NO_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _text(text: str) -> str:
    return escape(_clean(text))
