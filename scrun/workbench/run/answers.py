"""What commands answer when they are shown and not run.

A pattern is a glob over the whole command (``id -un *``); the first one that fits answers. A
command that no pattern fits ends with status 0 and no output.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from scrun.errors import ConfigError, UsageError

_OPTION = re.compile(r"(?P<pattern>.+?)=(?P<status>\d+):(?P<output>.*)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\"}
_KEYS = {"command": str, "status": int, "output": str, "stderr": str}


class Answers:
    """Answers by pattern."""

    def __init__(self) -> None:
        self._entries: list[tuple[str, int, bytes, bytes]] = []

    def add(self, pattern: str, status: int, output: str, stderr: str = "") -> None:
        """Add one; what was added before goes first.

        Raises:
            UsageError: the status is none.
        """
        if not 0 <= status <= 255:
            raise UsageError(f"answer for {pattern}: {status} is no exit status")
        self._entries.append((pattern, status, output.encode(), stderr.encode()))

    def find(self, text: str) -> tuple[int, bytes, bytes] | None:
        """Return status, output and stderr for a command; None: nobody said anything of it."""
        for pattern, status, output, stderr in self._entries:
            if text == pattern or fnmatchcase(text, pattern):
                return status, output, stderr
        return None

    @classmethod
    def read(cls, options: Sequence[str], files: Sequence[str]) -> Answers:
        """Return those of ``--answer`` and then those of ``--answers``.

        Raises:
            ScrunError: one is not as `parse` or `read_file` say.
        """
        answers = cls()
        for option in options:
            answers.parse(option)
        for path in files:
            answers.read_file(path)
        return answers

    def parse(self, option: str) -> None:
        """Add ``PATTERN=STATUS:OUTPUT``, where ``\\n`` in OUTPUT is a line break.

        Raises:
            UsageError: it is not so.
        """
        match = _OPTION.fullmatch(option)
        if match is None:
            raise UsageError(
                f"--answer {option}: expected PATTERN=STATUS:OUTPUT",
                hint="for example: --answer 'id -un *=0:alice'",
            )
        output = re.sub(r"\\([nt\\])", lambda found: _ESCAPES[found[1]], match["output"])
        self.add(match["pattern"], int(match["status"]), output)

    def read_file(self, path: str) -> None:
        """Add those of a TOML file: ``[[answer]]`` with command, status, output and stderr.

        Raises:
            ConfigError: it cannot be read, or has something else in it.
        """
        try:
            with open(path, "rb") as file:
                document = tomllib.load(file)
        except OSError as err:
            raise ConfigError(f"read {path}: {(err.strerror or str(err)).lower()}") from err
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
            raise ConfigError(f"{path}: {err}") from err
        entries = document.pop("answer", [])
        if document or not isinstance(entries, list):
            raise ConfigError(f"{path}: expected nothing but [[answer]] tables")
        for number, entry in enumerate(entries, 1):
            for key, value in entry.items():
                kind = _KEYS.get(key)
                if kind is None or type(value) is not kind:
                    known = ", ".join(f"{name} ({k.__name__})" for name, k in _KEYS.items())
                    raise ConfigError(f"{path}: answer {number}: {key}: expected one of {known}")
            if "command" not in entry:
                raise ConfigError(f"{path}: answer {number}: command is missing")
            self.add(
                entry["command"],
                entry.get("status", 0),
                entry.get("output", ""),
                entry.get("stderr", ""),
            )
