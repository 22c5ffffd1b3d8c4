"""The line editor: GNU readline or libedit where Python has one, else a plain terminal."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from scrun.workbench.repl.history import History

DELIMITERS = " \t\n" + "".join(
    chr(code) for code in range(33, 127) if not (chr(code).isalnum() or chr(code) == "_")
)
Complete = Callable[[str, str], list[str]]  # the line up to the cursor, its last word: candidates


class Terminal:
    """Reads lines from the terminal at standard input.

    Args:
        history: entries to go back to.
        complete: what Tab asks.
        bold: whether the terminal shows colours.
    """

    def __init__(self, history: History, complete: Complete, *, bold: bool) -> None:
        self._history = history
        self._complete = complete
        self._candidates: list[str] = []
        self._readline = _load_readline()
        self._bold = bold
        if self._readline is not None:
            self._set_up(self._readline)

    def read(self, prompt: str) -> str:
        """Read a line; of a pasted text, all of its lines.

        Raises:
            EOFError: Ctrl-D.
            KeyboardInterrupt: Ctrl-C.
        """
        return input(self._styled(prompt))

    def keep(self, entry: str) -> None:
        """Add a whole chunk to the history."""
        if self._history.add(entry) and self._readline is not None:
            self._readline.add_history(self._history.entries[-1])

    def _set_up(self, readline: ModuleType) -> None:
        readline.set_auto_history(False)  # a chunk is an entry, not its lines
        readline.set_completer_delims(DELIMITERS)
        readline.set_completer(self._next_candidate)
        if _is_libedit(readline):
            readline.parse_and_bind("bind ^I rl_complete")
        else:
            readline.parse_and_bind("tab: complete")
        for entry in self._history.entries:
            readline.add_history(entry)

    def _next_candidate(self, word: str, state: int) -> str | None:
        assert self._readline is not None
        if state == 0:
            line = self._readline.get_line_buffer()[: self._readline.get_endidx()]
            try:
                self._candidates = self._complete(line, word)
            except Exception:  # readline would write over the line that is being edited
                self._candidates = []
        return self._candidates[state] if state < len(self._candidates) else None

    def _styled(self, prompt: str) -> str:
        if not self._bold:
            return prompt
        if self._readline is None or _is_libedit(self._readline):
            return prompt  # libedit counts what cannot be seen
        return f"\x01\x1b[1m\x02{prompt}\x01\x1b[0m\x02"


def _load_readline() -> ModuleType | None:
    try:
        import readline  # Python may be built without it
    except ImportError:
        return None
    return readline


def _is_libedit(readline: ModuleType) -> bool:
    backend = getattr(readline, "backend", None)  # from Python 3.13 on
    return backend == "editline" or (backend is None and "libedit" in (readline.__doc__ or ""))
