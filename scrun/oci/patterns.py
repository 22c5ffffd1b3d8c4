"""The patterns of oci.conf: ``%b``, ``%j`` and their like, filled in for one container.

Source: Slurm 24.11, oci.conf(5), "OCI Pattern".
"""

from __future__ import annotations

from scrun.errors import ConfigError

INFINITE = 0xFFFFFFFF  # what slurmstepd writes for a PID that it does not know yet
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")


class PatternValues:
    """What the letters stand for. ``args`` None (no command known) gives ``/bin/false``.

    ``pid``, ``node`` and ``task_id`` may be text in whose place a shell's variable comes later.
    """

    __slots__ = (
        *("args", "bundle", "env_file", "job_id", "spool_dir", "node", "pid"),
        *("rootfs", "step_id", "task_id", "user", "uid"),
    )

    def __init__(
        self,
        *,
        bundle: str,
        rootfs: str,
        spool_dir: str,
        job_id: int,
        user: str,
        uid: int,
        node: str,
        step_id: int = 0,
        task_id: int | str = 0,
        pid: int | str | None = None,
        env_file: str | None = None,
        args: list[str] | None = None,
    ) -> None:
        self.args = args
        self.bundle = bundle
        self.env_file = f"{spool_dir}/environment" if env_file is None else env_file
        self.job_id = job_id
        self.spool_dir = spool_dir
        self.node = node
        self.pid = INFINITE if pid is None else pid
        self.rootfs = rootfs
        self.step_id = step_id
        self.task_id = task_id
        self.user = user
        self.uid = uid

    def value_of(self, letter: str) -> str | None:
        """Return what ``%letter`` stands for, ``%@`` apart; None when it is no pattern."""
        values: dict[str, str | int] = {
            "b": self.bundle,
            "e": self.env_file,
            "j": self.job_id,
            "m": self.spool_dir,
            "n": self.node,
            "p": self.pid,
            "r": self.rootfs,
            "s": self.step_id,
            "t": self.task_id,
            "u": self.user,
            "U": self.uid,
            "%": "%",
        }
        found = values.get(letter)
        return None if found is None else str(found)


def has_letter(pattern: str, letters: str) -> bool:
    """Tell whether a pattern has one of the letters: ``%b``, but not ``%%b``."""
    pieces = pattern.replace("%%", "").split("%")[1:]
    return any(piece[:1] in letters for piece in pieces if piece)


def expand_path(pattern: str, values: PatternValues) -> str:
    """Fill in a pattern that is a path (ContainerPath, MountSpoolDir): values as they are.

    Raises:
        ConfigError: a ``%`` with an unknown letter, or at the end.
    """
    return "".join(text for text, _ in _split(pattern, values, quoting=False))


def expand_command(pattern: str, values: PatternValues) -> str:
    """Fill in a pattern for ``sh -c`` (the RunTime* keys).

    ``%@`` gives each argument in single quotes. Where slurmstepd would let a blank or a quote in
    a path break the command, the value is quoted, in the manner of the quotes it stands in.

    Raises:
        ConfigError: as `expand_path`.
    """
    result = ""
    quote = ""  # the quote character of the pattern that is open
    for text, is_value in _split(pattern, values, quoting=True):
        if is_value:
            result += _quote_value(text, quote)
            continue
        quote = _follow_quotes(text, quote)
        result += text
    return result


def quote_word(word: str) -> str:
    """Quote one word for the shell: always in single quotes, like ``%@``."""
    return "'" + word.replace("'", "'\"'\"'") + "'"


def _split(pattern: str, values: PatternValues, *, quoting: bool) -> list[tuple[str, bool]]:
    """Split into (text, is it a value still to be quoted)."""
    first, *rest = pattern.replace("%%", "%\0").split("%")
    parts = [(first, False)]
    for piece in rest:
        letter, after = piece[:1], piece[1:]
        if letter == "@":
            words = ["/bin/false"] if values.args is None else values.args
            parts.append((" ".join(quote_word(word) for word in words), False))
        else:
            value = values.value_of("%" if letter == "\0" else letter)
            if value is None:
                what = f"%{letter}" if letter else "a % at the end"
                raise ConfigError(
                    f"oci.conf: {what} in {pattern.replace(chr(0), '%')!a} has no meaning"
                )
            parts.append((value, quoting and letter != "\0"))
        parts.append((after, False))
    return parts


def _follow_quotes(text: str, quote: str) -> str:
    """Tell which quote is open after ``text`` when ``quote`` was before."""
    escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
    return quote


def _quote_value(value: str, quote: str) -> str:
    if SAFE.issuperset(value):
        return value
    if quote == "'":
        return value.replace("'", "'\\''")
    if quote == '"':
        return "".join("\\" + char if char in '"$`\\' else char for char in value)
    return quote_word(value)
