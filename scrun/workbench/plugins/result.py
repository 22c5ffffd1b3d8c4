"""What came of running a function of a plugin's script."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scrun.errors import ScrunError
from scrun.log import NAMES


@dataclass(frozen=True)
class Change:
    """A field that the script left otherwise than it found it.

    Attributes:
        before, after: as scripts read it; None is nil.
        place: ``file:line`` of the last assignment; "" when none of the field's own led to it.
    """

    field: str
    before: Any
    after: Any
    place: str = ""


@dataclass(frozen=True)
class LogLine:
    """A line of the log, at a level of scrun.log."""

    level: int
    text: str

    def __str__(self) -> str:
        """As Slurm's logs have it: the level before it, but for info and verbose."""
        name = NAMES[self.level]
        return self.text if name in ("info", "verbose") else f"{name}: {self.text}"


@dataclass(frozen=True)
class Verdict:
    """What Slurm does with what the function returned.

    Attributes:
        accepted: it goes on.
        number, name, text: the error; name None: Slurm has none for the number.
    """

    accepted: bool
    number: int = 0
    name: str | None = None
    text: str = ""

    def __str__(self) -> str:
        """In one line."""
        if self.accepted:
            return "accepted"
        name = f"{self.name} " if self.name else ""
        return f"rejected: {name}({self.number}): {self.text}"


@dataclass
class Result:
    """The result of one run.

    Attributes:
        version: Slurm's, whose ways were followed.
        returned: what the function returned, as data.
        messages: of ``slurm.user_msg``, in order.
        shown: the lines that the person at the command sees, as it prints them.
        log: of slurmctld, or of the command for cli_filter.
        notes: what the reader has to know: guesses, and what Slurm would not tell of.
        error: that of the script, when it failed.
    """

    script: str
    script_type: str
    function: str
    version: str
    dialect: str
    changes: list[Change] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    log: list[LogLine] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    returned: list[Any] = field(default_factory=list)
    verdict: Verdict = field(default_factory=lambda: Verdict(True))
    error: ScrunError | None = None

    @property
    def exit_status(self) -> int:
        """0: accepted, and the script did not fail."""
        return 0 if self.verdict.accepted and self.error is None else 1
