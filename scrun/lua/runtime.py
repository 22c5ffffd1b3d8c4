"""One Lua state: its border with Python, its errors, its tasks.

Strings cross as bytes. Python callables are installed as Lua functions; no host object is ever
visible in Lua, and there is no ``python`` table. A Lua error becomes ScriptError, whose message
begins with file and line of the script. A state belongs to one thread at a time.
"""

from __future__ import annotations

from scrun.errors import ConfigError, ScriptError, ScrunError
from scrun.lua import convert, engines
from scrun.lua import search as search_module
from scrun.lua.task import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from scrun.lua.search import SearchPath

    LuaObject = Any  # lupa has no types: a table, function, thread or userdata of one state
    ErrorStyle = Literal["raise", "return"]

__all__ = ["Document", "Interrupted", "Runtime", "ScriptError", "Task"]

CHUNK = 2000  # values per crossing, as in border.lua
_PLAIN, _LIST, _DOCUMENT, _ERROR = range(4)  # what a host function answers to border.lua


class Document:
    """A host function's result whose nulls stay visible in Lua as ``slurm.null``."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


class Interrupted(ScriptError):
    """Raised by a host function to end the script: a Lua error in every style."""

    default_code = "CANCELLED"


class Runtime:
    """A Lua state of one dialect with all standard libraries open.

    Args:
        dialect: one of ``engines.DIALECTS``.
        search: where ``scrun.X`` and ``luastd.X`` are found; None: the shipped files only.
        memory_bytes: limit of what scripts may hold in memory; 0 is none.

    Raises:
        ConfigError: no such dialect, or a memory limit that it cannot hold.
    """

    def __init__(
        self, dialect: str = "5.4", *, memory_bytes: int = 0, search: SearchPath | None = None
    ) -> None:
        module = engines.load(dialect)
        self.dialect = dialect
        self.memory_bytes = memory_bytes
        self.lua = _open_state(module, dialect, memory_bytes)
        self._lua_error: type[Exception] = module.LuaError
        self.bug: BaseException | None = None
        """The newest exception of a host function that was no ScrunError."""
        self._outgoing: list[Any] = []
        self._incoming: list[Any] = []
        self._fatal: BaseException | None = None

        globals_ = self.lua.globals()
        self._object_type: type = type(globals_).__mro__[1]
        del globals_[b"python"]
        del globals_[b"package"][b"loaded"][b"python"]
        limit = self._limit if memory_bytes else None
        values = self.run_host_file("values.lua")
        border = self.run_host_file("border.lua", self._pull, self._push, limit, values)
        self._border = border
        self._call, self._call_host = border[b"call"], border[b"call_host"]
        self._build = border[b"build"]
        self._flatten = border[b"flatten"]
        self._slice = border[b"slice"]
        self.furnish(search or search_module.SearchPath(None))
        self._memory_end = memory_bytes and self.lua.get_memory_used(total=True) + memory_bytes

    def furnish(self, search: SearchPath) -> None:
        """Make the libraries of a new state those that scripts are to have."""
        self.run_host_file("compat.lua")
        self.run_host_file("seal.lua", self._pull)
        search_module.install(self, search)

    # -- scripts -----------------------------------------------------------------------------

    def load(self, source: bytes | str, chunkname: str) -> LuaObject:
        """Compile ``source``; ``chunkname`` is the path that errors name. Returns a function.

        Raises:
            ScriptError: a syntax error, as ``path:line: what``.
        """
        chunk, message = self._pair("load_source", convert.to_bytes(source), chunkname)
        if chunk is None:
            raise ScriptError(_readable(message))
        return chunk

    def load_file(self, path: str) -> LuaObject:
        """Compile the file ``path``.

        Raises:
            ScriptError: as ``load``, or the file cannot be read.
        """
        try:
            with open(path, "rb") as file:
                source = file.read()
        except OSError as err:
            raise ScriptError(f"{path}: {err.strerror}") from err
        return self.load(source, path)

    def require(self, name: str) -> Any:
        """What ``require(name)`` returns in this state."""
        results = self.call(self.lua.globals()[b"require"], name)
        return results[0] if results else None

    def call(self, function: LuaObject, *args: object) -> tuple[Any, ...]:
        """Call a Lua function with data or Lua objects; return all its results.

        Raises:
            ScriptError: it raised; the message begins with the script's file and line, where
                Lua knows it. Code ENOMEM: it needed more than ``memory_bytes``.
        """
        return self._called(self._call, function, *args)

    def _called(self, call: LuaObject, function: LuaObject, *args: object) -> tuple[Any, ...]:
        results = self.enter(call, function, *args)
        if results[0] is not True:
            raise self.script_error(*results[1:])
        return results[1:]

    def enter(self, function: LuaObject, *args: object) -> tuple[Any, ...]:
        """Call a function of border.lua that runs a script; for the other files of this package.

        Raises:
            ScriptError: Lua itself was at its end: no memory, or no stack, even for the border.
        """
        try:
            results = function(*[self.to_lua(arg) for arg in args])
        except self._lua_error as err:
            self._limit(False)
            first_line = "not enough memory" if isinstance(err, MemoryError) else str(err)
            raise self.script_error(first_line.partition("\n")[0].encode()) from None
        if self._fatal is not None:
            fatal, self._fatal = self._fatal, None
            raise fatal
        return results if type(results) is tuple else (results,)

    def script_error(self, message: Any, traceback: Any = None, code: Any = None) -> ScriptError:
        """Return the error of what ``describe`` in border.lua made of a thrown value."""
        hint = None
        if code is None and b"not enough memory" in message:
            code = b"ENOMEM"
            self.lua.gccollect()  # 5.1 fails on garbage that it has not collected yet
            if self.memory_bytes:
                hint = f'setting "lua_memory_bytes" lets Lua have {self.memory_bytes} bytes'
        return ScriptError(
            _readable(message),
            code=code.decode() if code else None,
            hint=hint,
            traceback=_without_host_frames(_readable(traceback)) if traceback else "",
        )

    def execute(self, source: bytes | str, name: str = "chunk", *args: object) -> Any:
        """Load and call: None, the one result, or a tuple of several; ScriptError."""
        results = self.call(self.load(source, name), *args)
        return results[0] if len(results) == 1 else (results or None)

    def coroutine(self, function: LuaObject, *args: object) -> Task:
        """A task that runs ``function(*args)``; it starts at the first ``resume``."""
        return Task(self, self._border[b"task"](function), args)

    # -- values ------------------------------------------------------------------------------

    def is_lua(self, value: object) -> bool:
        """Whether ``value`` is a table, function, thread or userdata of a Lua state."""
        return isinstance(value, self._object_type)

    def to_lua(self, value: object) -> Any:
        """``value`` as lupa may push it: data copied into tables, Lua objects as they are.

        Raises:
            TypeError: it is no data.
        """
        if isinstance(value, (dict, list, tuple)):
            flat: list[Any] = []
            convert.flatten(value, flat, self.is_lua)
            return self._build(self.lua.table_from(flat))
        if isinstance(value, self._object_type):
            return value
        return convert.scalar(value)

    def to_python(self, value: Any, *, text: bool = True, live: bool = False) -> Any:
        """Data of a Lua value: dict (str keys), list, str, numbers; ``text`` off: bytes.

        Raises:
            ScriptError: it holds functions (unless ``live``: then they stay Lua objects), or it
                holds itself.
        """
        if not isinstance(value, self._object_type):
            return convert.to_text(value) if text and type(value) is bytes else value
        flat, size = self._called(self._call_host, self._flatten, value, live)
        values: list[Any] = []
        for first in range(1, size + 1, CHUNK):
            part = self._slice(flat, first, min(first + CHUNK - 1, size))
            values += part if type(part) is tuple else (part,)
        return convert.unflatten(iter(values), text)

    # -- names -------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """The global at a dotted path such as ``slurm.log``; None when there is none."""
        return self._called(self._call_host, self._border[b"get_path"], path)[0]

    def set(self, path: str, value: object) -> None:
        """Set the global at a dotted path, making the tables on the way."""
        self._called(self._call_host, self._border[b"set_path"], path, value)

    def function(
        self, function: Callable[..., object], name: str, *, errors: ErrorStyle = "raise"
    ) -> LuaObject:
        """A host callable as a genuine Lua function.

        It gets bytes, numbers, bools, None, dicts and lists (copies), and returns the same; a
        tuple is several results. A ScrunError becomes a Lua error at the caller's line, or with
        ``errors="return"`` the results ``nil, message, code``. Interrupted is a Lua error in both
        styles. So is every other exception, which is a bug and kept in ``bug``.
        """
        return self._border[b"wrap"](self._guard(function, name, errors == "return"))

    def add_function(
        self,
        table: str | LuaObject,
        name: str,
        function: Callable[..., object],
        *,
        errors: ErrorStyle = "raise",
    ) -> None:
        """Install ``function`` in a Lua table, or in the global one of a dotted path ("": _G)."""
        if not isinstance(table, str):
            table[convert.to_bytes(name)] = self.function(function, name, errors=errors)
            return
        path = f"{table}.{name}" if table else name
        self.set(path, self.function(function, path, errors=errors))

    def module(self, name: str) -> LuaObject:
        """A new table, which ``require(name)`` returns from now on."""
        table = self.lua.table()
        self.lua.globals()[b"package"][b"loaded"][convert.to_bytes(name)] = table
        return table

    def preload(self, name: str, loader: LuaObject) -> None:
        """Let ``require(name)`` call the Lua function ``loader``."""
        self.lua.globals()[b"package"][b"preload"][convert.to_bytes(name)] = loader

    def watch(
        self, check: Callable[[], tuple[str, str] | None], *, instructions: int = 1_000_000
    ) -> None:
        """Ask ``check`` now and then; ``(message, code)`` from it ends the running script.

        A C function is not interrupted. luajit compiles nothing from now on: compiled code could
        not be interrupted either.
        """

        def answer() -> tuple[Any, ...]:
            self._limit(False)
            stop = check()
            return (None,) if stop is None else (convert.to_bytes(stop[0]), stop[1].encode())

        self._border[b"watch"](answer, instructions)

    def run_host_file(self, name: str, *args: object) -> LuaObject:
        """Run a Lua file of this package with host objects as arguments; return its result."""
        return self.lua.compile(read_host_file(name), name=b"=[host]")(*args)

    @property
    def border(self) -> LuaObject:
        """The table of border.lua, for the other files of this package."""
        return self._border

    # -- inside ------------------------------------------------------------------------------

    def _pair(self, helper: str, *args: object) -> tuple[Any, Any]:
        results = self._called(self._call_host, self._border[helper.encode()], *args)
        first, second, *_ = (*results, None, None)
        return first, second

    def _limit(self, on: bool) -> tuple[()]:
        # Off in every callback that pushes values into Lua: see `enter` in border.lua.
        if self.memory_bytes:
            self.lua.set_max_memory(self._memory_end if on else 0, total=True)
        return ()

    def _push(self, *values: Any) -> tuple[()]:
        self._limit(False)
        if values:
            self._incoming += values
        else:
            self._incoming = []
        return ()

    def _pull(self) -> tuple[Any, ...]:
        self._limit(False)
        part = tuple(self._outgoing[:CHUNK])
        del self._outgoing[:CHUNK]
        return part

    def _arguments(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self._incoming:
            return args
        flat, self._incoming = self._incoming, []
        return tuple(convert.unflatten(iter(flat)))

    def _answer(self, result: Any) -> tuple[Any, ...]:
        if isinstance(result, Document):
            self._outgoing = []
            convert.flatten(result.value, self._outgoing, self.is_lua)
            return (_DOCUMENT,)
        results = result if type(result) is tuple else (result,)
        if any(isinstance(value, (dict, list, tuple)) for value in results):
            self._outgoing = []
            convert.flatten(results, self._outgoing, self.is_lua)
            return (_LIST, len(results))
        return (_PLAIN, *[v if self.is_lua(v) else convert.scalar(v) for v in results])

    def _guard(
        self, function: Callable[..., object], name: str, returns: bool
    ) -> Callable[..., tuple[Any, ...]]:
        def raw(*args: Any) -> tuple[Any, ...]:
            # Nothing may leave by an exception: lupa would hand it to Lua as an object.
            try:
                self._limit(False)
                return self._answer(function(*self._arguments(args)))
            except ScrunError as err:
                message, code = convert.to_bytes(str(err)), err.code.encode()
                if returns and not isinstance(err, Interrupted):
                    return (_PLAIN, None, message, code)
                return (_ERROR, message, code)
            except Exception as err:
                self.bug = err
                text = f"internal error in {name}: {type(err).__name__}: {err}"
                return (_ERROR, convert.to_bytes(text), b"BUG")
            except BaseException as err:  # KeyboardInterrupt: to be raised again by call()
                self._fatal = err
                return (_ERROR, b"interrupted", b"EINTR")

        return raw


def read_host_file(name: str) -> bytes:
    """Return the text of a Lua file of this package."""
    with open(f"{_HERE}/{name}", "rb") as file:
        return file.read()


def _open_state(module: Any, dialect: str, memory_bytes: int) -> Any:
    def refuse(*_: object) -> None:
        raise AttributeError("host objects have no attributes")

    options: dict[str, Any] = {"max_memory": 0} if memory_bytes else {}  # the limit comes later
    try:
        return module.LuaRuntime(
            encoding=None,
            source_encoding="utf-8",
            attribute_handlers=(refuse, refuse),
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            **options,
        )
    except module.LuaError as err:
        raise ConfigError(
            f'setting "lua_memory_bytes": Lua {dialect} cannot be limited: {err}'
        ) from err


def _without_host_frames(traceback: str) -> str:
    lines = [line for line in traceback.splitlines() if not _is_host_frame(line)]
    while lines and ("'xpcall'" in lines[-1] or "tail call" in lines[-1]):
        lines.pop()
    return "\n".join(lines)


def _is_host_frame(line: str) -> bool:
    return "[host]:" in line or line.lstrip().startswith("?: ")  # as is_host in border.lua


def _readable(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")


_HERE = __file__.rpartition("/")[0]
