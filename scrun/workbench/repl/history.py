"""The history of the prompt: a file of the user's, shared by all sessions.

One entry a line; a line break of an entry is written ``\\n``, a backslash ``\\\\``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from scrun import log

MOST_ENTRIES = 1000
MOST_BYTES = 16384  # of one entry: who pastes a file has it elsewhere
SLACK = 2  # the file may grow to so many times the entries before it is written anew


def history_path() -> Path:
    """Return where it is: XDG_STATE_HOME or, as that has it by default, ~/.local/state."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return base / "scrun" / "lua_history"


class History:
    """The entries of earlier sessions, oldest first, and the means to add one.

    What cannot be read or written is not kept; that is said at debug level and stops nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[str] = []
        self._usable = True
        try:
            lines = self._read()
            self.entries = [_unescape(line) for line in lines[-MOST_ENTRIES:]]
            if len(lines) > MOST_ENTRIES * SLACK:
                self._rewrite(lines[-MOST_ENTRIES:])
        except OSError as err:
            self._give_up(err)

    def add(self, entry: str) -> bool:
        """Keep an entry for later sessions; False: it is empty, too long or just repeated."""
        text = entry.rstrip()
        repeated = bool(self.entries) and self.entries[-1] == text
        if not text.strip() or repeated or len(os.fsencode(text)) > MOST_BYTES:
            return False
        self.entries.append(text)
        del self.entries[:-MOST_ENTRIES]
        if self._usable:
            try:
                self._append(_escape(text))
            except OSError as err:
                self._give_up(err)
        return True

    def _read(self) -> list[str]:
        try:
            os.chmod(self.path, 0o600)  # what people type may be secret
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        return [line for line in os.fsdecode(data).split("\n") if line]

    def _append(self, line: str) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            os.write(descriptor, os.fsencode(line + "\n"))  # one write: sessions may interleave
        finally:
            os.close(descriptor)

    def _rewrite(self, lines: list[str]) -> None:
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(os.fsencode("".join(f"{line}\n" for line in lines)))
        os.replace(temporary, self.path)

    def _give_up(self, err: OSError) -> None:
        self._usable = False
        log.debug(f"lua repl: no history in {self.path}: {err.strerror}")


def _escape(entry: str) -> str:
    return entry.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _unescape(line: str) -> str:
    breaks = {"n": "\n", "r": "\r"}
    return re.sub(r"\\(.)", lambda match: breaks.get(match[1], match[1]), line)
