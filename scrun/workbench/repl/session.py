"""The Lua state behind the prompt: the runtime and the ``slurm`` table that containers have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scrun import log
from scrun.lua import host_files, popen, slurm_api
from scrun.lua.local_host import LocalHost
from scrun.lua.runtime import Interrupted, Runtime
from scrun.lua.search import SearchPath
from scrun.lua.stage_host import StageHost
from scrun.workbench.repl.chunks import read_chunk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scrun.lua.runtime import LuaObject

HERE = Path(__file__).parent
Say = Callable[[int, str], None]
Key = str | int
Guard = Callable[[], None]  # raises when what runs was interrupted
Make = Callable[[Guard], Runtime]  # a state with slurm and `require 'host'` in it


class PromptHost(LocalHost):
    """Runs commands here, and shows what is logged to whoever sits there.

    Args:
        say: gets level (of `scrun.log`) and text of each line.
    """

    def __init__(self, say: Say) -> None:
        super().__init__()
        self._say = say

    def log(self, level: int, message: bytes) -> None:
        """Show the line, whatever its level: who writes a line wants to see it."""
        self._say(level, message.decode("utf-8", "backslashreplace").removeprefix("lua: "))

    def user_msg(self, message: bytes) -> None:
        """Show it at info."""
        self.log(log.INFO, message)


class Quit(BaseException):
    """The user leaves, or the chunk does by ``os.exit``: no script's error, no bug."""

    def __init__(self, status: int = 0) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Facts:
    """What is known of a live value.

    Attributes:
        type: as Lua names it.
        shown: the value; of a function: empty.
        name: of a function, where it is in ``slurm`` or the standard library.
        parameters: of a Lua function; None: unknown.
        file, line: where a Lua function begins.
    """

    type: str
    shown: str = ""
    name: str | None = None
    parameters: str | None = None
    file: str | None = None
    line: int = 0


def make_state(host: StageHost, search: SearchPath, dialect: str, memory_bytes: int = 0) -> Make:
    """Return what makes a state as a site's script has it.

    Args:
        search: where ``require`` finds modules.
        dialect: one of `scrun.lua.engines.DIALECTS`.
        memory_bytes: limit of what chunks may hold; 0: none.

    Raises (what it returns):
        ConfigError: no such dialect, or one whose memory cannot be limited.
    """

    def make(guard: Guard) -> Runtime:
        runtime = Runtime(dialect, memory_bytes=memory_bytes, search=search)
        slurm_api.install(runtime, host, guard)
        host_files.install(runtime, host, guard, {})
        popen.install(runtime)
        return runtime

    return make


class Session:
    """One conversation's state. For one thread; `interrupt` may come from a signal's handler.

    Args:
        host: what ``slurm`` and ``require 'host'`` act on.
        make: makes a state on that host, see `make_state`.
        width: gives the columns that a shown value may take.

    Raises:
        ConfigError: as `make`.
    """

    def __init__(self, host: StageHost, make: Make, *, width: Callable[[], int]) -> None:
        self.host = host
        self.running = False
        self._make = make
        self._width = width
        self._asked = False
        self.reset()

    def reset(self) -> None:
        """Forget everything: a fresh state."""
        self._runtime = self._make(self._guard)
        show = self._host_file("show.lua")
        self._helpers = self._host_file("state.lua", show)
        self._runtime.watch(self._check)
        # Lua's own would end the process here and now, with a job and files to tidy up.
        self._runtime.add_function("os", "exit", _exit)

    @property
    def dialect(self) -> str:
        """One of `scrun.lua.engines.DIALECTS`."""
        return self._runtime.dialect

    def read(
        self, text: str, name: str, *, line: int = 1, is_all: bool = False
    ) -> LuaObject | None:
        """Compile what was typed; None: it is not complete. As `chunks.read_chunk`."""
        return read_chunk(self._runtime, text, name, line=line, is_all=is_all)

    def run(self, chunk: LuaObject) -> list[str]:
        """Call a chunk and return its values, as texts.

        Raises:
            ScriptError: it raised; code CANCELLED after `interrupt`.
            Quit: it called ``os.exit``.
        """
        return self._texts(self._run(self._helpers[b"run"], chunk, self._width()))

    def types(self, chunk: LuaObject) -> list[str]:
        """Call a chunk and return its values' types.

        Raises:
            ScriptError: as `run`.
        """
        return self._texts(self._run(self._helpers[b"types"], chunk))

    def load(self, path: str) -> None:
        """Run a file.

        Raises:
            ScriptError: it cannot be read or compiled, or it raised.
        """
        self._run(self._runtime.load_file(path))

    def names(self, path: Sequence[Key], prefix: str, *, methods: bool) -> dict[str, str]:
        """Return names that begin with ``prefix``, sorted, and their types.

        Args:
            path: the keys from the globals to the table; of a value that is no table, what its
                metatable offers.
            methods: functions only.
        """
        answer = self._texts(
            self._runtime.call(self._helpers[b"names"], list(path), prefix, methods)
        )
        return dict(zip(answer[::2], answer[1::2], strict=True))

    def describe(self, path: Sequence[Key]) -> Facts | None:
        """Return facts about the value at a path of keys; None: there is none."""
        results = self._runtime.call(self._helpers[b"describe"], list(path), self._width())
        facts = self._runtime.to_python(results[0] if results else None)
        return Facts(**facts) if facts else None

    def interrupt(self) -> None:
        """End the chunk that runs, and the command that it waits for."""
        self._asked = True
        end_command = getattr(self.host, "interrupt", None)
        if end_command is not None:
            end_command()

    # -- inside ------------------------------------------------------------------------------

    def _run(self, function: Any, *args: object) -> tuple[Any, ...]:
        sys.stdout.flush()  # Lua writes by C's own buffer
        self._asked = False
        self.running = True
        try:
            return self._runtime.call(function, *args)
        finally:
            self.running = False
            self._runtime.call(self._helpers[b"flush"])

    def _texts(self, results: tuple[Any, ...]) -> list[str]:
        texts: list[bytes] = self._runtime.to_python(results[0], text=False) or []
        return [text.decode("utf-8", "backslashreplace") for text in texts]

    def _host_file(self, name: str, *args: object) -> Any:
        source = (HERE / name).read_bytes()
        return self._runtime.lua.compile(source, name=b"=[host]")(*args)

    def _check(self) -> tuple[str, str] | None:
        if not self._asked:
            return None
        self._asked = False
        return "interrupted", "CANCELLED"

    def _guard(self) -> None:
        if self._check() is not None:
            raise Interrupted("interrupted")


def _exit(status: object = None, _close: object = None) -> None:
    if isinstance(status, bool) or not isinstance(status, (int, float)):
        status = 1 if status is False else 0
    raise Quit(int(status) & 0xFF)
