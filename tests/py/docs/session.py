"""Run a page's ``console`` blocks and compare what they print.

``$ COMMAND`` is run, what follows it is its output, stdout and stderr together; ``…`` stands for
any text of a line. All of a block is one shell, so ``$?`` and variables last. A command must
succeed unless it shows an error of podman or scrun, or ``echo $?`` comes next.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.py.docs.page import Block

MARK = "@@ status"
STATUS = "echo $?"
ERRORS = ("Error: ", "scrun: ")

Run = Callable[[str], str]  # a shell script to its output


def check(block: Block, run: Run) -> None:
    """Run a block; fail with its line when it prints anything else than it shows."""
    steps = parse(block.text)
    script = "".join(
        f'{command}\nstatus=$?; printf "{MARK} %s\\n" $status; (exit $status)\n'
        for command, _ in steps
    )
    output = run(f"exec 2>&1\n{script}")
    found = re.split(rf"^{MARK} (\d+)\n", output, flags=re.MULTILINE)
    for number, (command, shown) in enumerate(steps):
        where = f"line {block.line}: {command}"
        assert len(found) > 2 * number + 1, f"{where}: the shell has ended:\n{output}"
        printed, status = found[2 * number], found[2 * number + 1]
        is_asked = number + 1 < len(steps) and steps[number + 1][0] == STATUS
        may_fail = is_asked or shown.startswith(ERRORS)
        assert status == "0" or may_fail, f"{where}: status {status}:\n{printed}"
        assert matches(shown, printed), f"{where}: expected\n{shown}\nfound\n{printed}"


def parse(text: str) -> list[tuple[str, str]]:
    """Return the commands of a block, each with its output."""
    steps: list[tuple[str, str]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            steps.append((line[2:].rstrip("\n"), ""))
        else:
            command, shown = steps.pop()
            steps.append((command, shown + line))
    return steps


def matches(shown: str, printed: str) -> bool:
    """Tell whether an output is as it is shown."""
    pattern = r"[^\n]*".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, printed) is not None
