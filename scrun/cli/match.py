"""crun's ``--regex``: one verb for every container whose ID matches."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from scrun.errors import UsageError
from scrun.hot.parse import Command
from scrun.hot.root import choose_root


def run_for_matches(command: Command, run: Callable[[Command], int]) -> int:
    """Run ``command`` for each container matching its first operand; the worst status counts.

    The expression may match any part of the ID, as in crun. No match is no failure.
    """
    try:
        wanted = re.compile(command.operands[0])
    except re.error as problem:
        raise UsageError(
            f'{command.verb}: bad regular expression "{command.operands[0]}": {problem}'
        ) from None
    root = choose_root(command.globals.get("root"))
    names = sorted(os.listdir(root)) if os.path.isdir(root) else []
    options = {key: value for key, value in command.options.items() if key != "regex"}
    status = 0
    for name in names:
        if not name.startswith("~") and wanted.search(name):
            operands = [name, *command.operands[1:]]
            status = max(status, run(Command(command.verb, command.globals, options, operands)))
    return status
