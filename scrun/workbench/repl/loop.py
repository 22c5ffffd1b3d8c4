"""The conversation: at a terminal, from a pipe, or of chunks given on the command line."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from dataclasses import dataclass
from types import FrameType

from scrun import log
from scrun.errors import ScriptError, ScrunError, UsageError
from scrun.workbench.repl.commands import COMMANDS, Command, list_commands, read_command
from scrun.workbench.repl.completion import complete
from scrun.workbench.repl.help import explain
from scrun.workbench.repl.history import History, history_path
from scrun.workbench.repl.session import Quit, Session
from scrun.workbench.repl.style import Style, columns
from scrun.workbench.repl.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scrun.lua.runtime import LuaObject

NAME = "repl"  # of the file, in errors of what is typed
PROMPT, CONTINUED = "lua> ", "...> "
PATIENCE = 3  # so many times Ctrl-C in one chunk end the program: the chunk catches its errors
INTERRUPTED = 130


@dataclass(frozen=True)
class Piece:
    """A chunk's text or a command, and the line at which it begins."""

    text: str
    line: int = 1


class Repl:
    """Reads, runs and shows.

    Args:
        file: a script to run first, and again by ``:load`` and ``:reset``.
        traceback: show Lua's with each error.
    """

    def __init__(
        self, session: Session, style: Style, *, file: str | None = None, traceback: bool = False
    ) -> None:
        self._session = session
        self._style = style
        self._first = self._last = file
        self._traceback = traceback
        self._interrupts = 0
        self._pasted: deque[str] = deque()

    def converse(self, banner: str) -> int:
        """Talk at a terminal until its user leaves; return the exit status."""
        terminal = Terminal(History(history_path()), self._complete, bold=self._style.enabled)
        before = signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            print(self._style.dim(banner))
            if self._first is not None:
                self._attempt(Command("load", self._first))
            while True:
                self._take_turn(terminal)
        except Quit as leaving:
            return leaving.status
        finally:
            signal.signal(signal.SIGINT, before)

    def run_texts(self, texts: list[str], name: str) -> int:
        """Run what is given, each as if typed; return the exit status: 1 after the first error."""
        before = signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            if self._first is not None:
                self._carry_out(Command("load", self._first))
            for text in texts:
                for piece in self._split(text, name):
                    self._carry_out(self._understand(piece, name, is_all=True))
        except Quit as leaving:
            return leaving.status
        except KeyboardInterrupt:
            return INTERRUPTED
        except ScrunError as failure:
            sys.stdout.flush()
            log.report(failure)
            self._show_traceback(failure)
            return INTERRUPTED if failure.code == "CANCELLED" else 1
        finally:
            signal.signal(signal.SIGINT, before)
        return 0

    # -- reading -----------------------------------------------------------------------------

    def _take_turn(self, terminal: Terminal) -> None:
        """Read a chunk or a command, and carry it out."""
        text = ""
        while True:
            try:
                line = self._read_line(terminal, CONTINUED if text else PROMPT)
            except EOFError:
                print()
                raise Quit from None
            except KeyboardInterrupt:
                print()  # the line is dropped, and the chunk that it belongs to
                return
            text = f"{text}\n{line}" if text else line
            if not text.strip():
                return
            try:
                step = self._understand(Piece(text), NAME)
            except ScrunError as failure:
                if not self._take_apart(line, text):
                    terminal.keep(text)
                    self._show_failure(failure)
                return
            if step is not None:
                terminal.keep(text)
                self._attempt(step)
                return
            if self._take_apart(line, text):
                return

    def _read_line(self, terminal: Terminal, prompt: str) -> str:
        return self._pasted.popleft() if self._pasted else terminal.read(prompt)

    def _take_apart(self, line: str, text: str) -> bool:
        """Let the lines of a pasted text that is not one chunk follow one by one."""
        if "\n" not in line:
            return False
        self._pasted.extendleft(reversed(text.split("\n")))
        return True

    def _split(self, text: str, name: str) -> list[Piece]:
        """Return a text as one chunk, or else as the chunks and commands that its lines are.

        All of it is compiled before any of it runs.
        """
        if text.startswith("#!"):
            text = f"--{text}"
        try:
            if self._understand(Piece(text), name) is not None:
                return [Piece(text)]
        except ScrunError:
            pass
        pieces: list[Piece] = []
        pending, start = "", 1
        for number, line in enumerate(text.split("\n"), 1):
            if not pending and not line.strip():
                continue
            start = start if pending else number
            pending = f"{pending}\n{line}" if pending else line
            piece = Piece(pending, start)
            if self._understand(piece, name) is not None:
                pieces.append(piece)
                pending = ""
        if pending:
            pieces.append(Piece(pending, start))
            self._understand(pieces[-1], name, is_all=True)
        return pieces

    def _understand(
        self, piece: Piece, name: str, *, is_all: bool = False
    ) -> Command | LuaObject | None:
        """Return what to do; None: more is to come.

        Raises:
            ScrunError: neither a command nor Lua.
        """
        text = piece.text.strip()
        if "\n" not in text:
            command = read_command(text)
            # A script may have a function of that name.
            if command and not (text[0].isalpha() and self._session.describe([command.name])):
                return command
        return self._session.read(piece.text, name, line=piece.line, is_all=is_all)

    def _complete(self, line: str, word: str) -> list[str]:
        return complete(self._session, line, word, list(COMMANDS))

    # -- doing -------------------------------------------------------------------------------

    def _attempt(self, step: Command | LuaObject) -> None:
        """Carry a step out; an error is shown, and the conversation goes on."""
        try:
            self._carry_out(step)
        except ScrunError as failure:
            self._show_failure(failure)
        except KeyboardInterrupt:
            print()

    def _carry_out(self, step: Command | LuaObject) -> None:
        self._interrupts = 0
        if isinstance(step, Command):
            self._obey(step)
        else:
            self._show_values(self._session.run(step))

    def _obey(self, command: Command) -> None:
        if command.name == "quit":
            raise Quit
        if command.name == "help":
            print(
                explain(self._session, command.operand, columns())
                if command.operand
                else list_commands()
            )
        elif command.name == "load":
            self._last = command.operand or self._last
            if self._last is None:
                raise UsageError("load: which file?")
            self._session.load(os.path.expanduser(self._last))
        elif command.name == "reset":
            self._session.reset()
            if self._first is not None:
                self._obey(Command("load", self._first))
        elif command.name == "type":
            chunk = self._session.read(f"={command.operand}", NAME, is_all=True)
            print(", ".join(self._session.types(chunk)) or "no value")

    def _on_interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        if not self._session.running:
            raise KeyboardInterrupt
        self._interrupts += 1
        if self._interrupts >= PATIENCE:
            print("scrun: the chunk does not end", file=sys.stderr, flush=True)
            os._exit(INTERRUPTED)
        self._session.interrupt()

    # -- showing -----------------------------------------------------------------------------

    def _show_values(self, values: list[str]) -> None:
        line = "  ".join(values)
        if len(line) > columns() or "\n" in line:
            line = "\n".join(values)
        if values:
            print(line, flush=True)

    def _show_failure(self, failure: ScrunError) -> None:
        sys.stdout.flush()
        print(self._style.wrong(str(failure)), file=sys.stderr, flush=True)
        self._show_traceback(failure)

    def _show_traceback(self, failure: ScrunError) -> None:
        if self._traceback and isinstance(failure, ScriptError) and failure.traceback:
            print(self._style.dim(failure.traceback), file=sys.stderr, flush=True)
