"""Comments that silence rules: ours, and luacheck's as far as they mean the same.

``-- scrun: ignore RULE RULE`` counts for its own line, and alone on a line for the next one;
``-- scrun: ignore-file RULE`` for the whole file. Without a rule they mean every rule. Of luacheck:
``ignore`` (with its numbers), ``globals``, ``read globals``, ``new globals``; alone on a line they
count to the end of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.source import Comment, Source

UNKNOWN = Rule(
    "unknown-rule",
    "warning",
    "A comment silences a rule that does not exist.",
    "scrun lua check --list-rules has their names",
    "print(1) -- scrun: ignore shel-quote",
)
RULES = (UNKNOWN,)

ALL = "*"
LUACHECK = {  # the first digits of a luacheck warning, and what it is here
    "11": ("undefined-global", "global-variable", "global-function", "dialect"),
    "12": ("global-variable",),
    "13": ("global-variable",),
    "14": ("unknown-member", "unknown-slurm", "dialect"),
}
GLOBALS = ("globals", "read_globals", "read globals", "new globals", "new read globals")


@dataclass(slots=True)
class Silence:
    """What comments of a file say.

    Attributes:
        lines: the rules that are silent on a line; ``*`` is all of them.
        file: those that are silent everywhere.
        after: lines from which on these are silent.
        globals: names that comments declare.
        unknown: comments with a rule that there is not, and its name.
    """

    lines: dict[int, set[str]] = field(default_factory=dict)
    file: set[str] = field(default_factory=set)
    after: list[tuple[int, set[str]]] = field(default_factory=list)
    globals: set[str] = field(default_factory=set)
    unknown: list[tuple[Comment, str]] = field(default_factory=list)

    def is_silent(self, finding: Finding) -> bool:
        """Tell whether a comment silences a finding."""
        line = finding.place.line
        rules = self.file | self.lines.get(line, set())
        for first, names in self.after:
            if line >= first:
                rules |= names
        return finding.rule in rules or ALL in rules

    def complaints(self, source: Source) -> Iterator[Finding]:
        """Yield a finding for each rule that does not exist."""
        for comment, name in self.unknown:
            place = source.place(comment.start, comment.start + 2)
            message = f"no rule is called {name}"
            yield Finding(
                source.path, place, UNKNOWN.name, UNKNOWN.severity, message, UNKNOWN.advice
            )


def read_comments(comments: Iterable[Comment], known: Iterable[str]) -> Silence:
    """Return what comments silence.

    Args:
        known: the names of the rules.
    """
    silence = Silence()
    rules = set(known)
    for comment in comments:
        who, colon, text = comment.text.strip().partition(":")
        if not colon:
            continue
        words = text.partition(" --")[0].replace(",", " ").split()
        if who.strip() == "scrun" and words:
            _read_ours(silence, comment, words, rules)
        elif who.strip() == "luacheck":
            _read_luacheck(silence, comment, text)
    return silence


def _read_ours(silence: Silence, comment: Comment, words: list[str], rules: set[str]) -> None:
    verb, names = words[0], words[1:]
    if verb not in ("ignore", "ignore-file"):
        return
    silence.unknown += [(comment, name) for name in names if name not in rules]
    wanted = set(names) or {ALL}
    if verb == "ignore-file":
        silence.file |= wanted
        return
    line = comment.end_line + 1 if comment.is_alone else comment.line
    silence.lines.setdefault(line, set()).update(wanted)


def _read_luacheck(silence: Silence, comment: Comment, text: str) -> None:
    for option in text.split(";"):
        option = " ".join(option.replace(",", " ").split())
        found = next((one for one in GLOBALS if option.startswith(one + " ")), None)
        if found is not None:
            declared = option.removeprefix(found).split()
            silence.globals |= {name.partition(".")[0] for name in declared}
        elif option == "ignore" or option.startswith("ignore "):
            names = _translate(option.split()[1:])
            if not names:
                continue
            if comment.is_alone:
                silence.after.append((comment.line, names))
            else:
                silence.lines.setdefault(comment.line, set()).update(names)


def _translate(patterns: list[str]) -> set[str]:
    """Return our rules for luacheck's numbers such as ``113`` and ``113/name``; none: all."""
    if not patterns:
        return {name for names in LUACHECK.values() for name in names}
    found: set[str] = set()
    for pattern in patterns:
        found.update(LUACHECK.get(pattern[:2], ()))
    return found
