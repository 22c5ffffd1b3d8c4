"""Load lupa's extension module of one Lua dialect, and nothing that it does not need.

``import lupa.lua54`` also runs ``lupa/__init__`` (contextlib) and functools (collections,
operator, reprlib): 1.8 ms and 0.5 MB of every anchor. The extension itself needs neither, so it
is loaded by its file; ``functools.wraps``, which only its decorators use, and two classes
of collections.abc (1 ms) are looked up late.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock

from scrun.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DIALECTS = ("5.1", "5.2", "5.3", "5.4", "5.5", "luajit")

_FILES = {
    "5.1": ("lua51",),
    "5.2": ("lua52",),
    "5.3": ("lua53",),
    "5.4": ("lua54",),
    "5.5": ("lua55",),
    "luajit": ("luajit21", "luajit20"),
}
_RTLD_LAZY = 0x1
_RTLD_NOW = 0x2
_RTLD_DEEPBIND = 0x8
_RTLD_GLOBAL = 0x100

_loaded: dict[str, Any] = {}
_lock = allocate_lock()
_exported: str | None = None  # the dialect whose C symbols the whole process sees


def load(dialect: str) -> Any:
    """Return lupa's module for ``dialect``, one of DIALECTS.

    Raises:
        ConfigError: no such dialect, or this lupa was built without it.
    """
    if dialect not in _FILES:
        raise ConfigError(
            f'setting "dialect": no Lua dialect {dialect!r}', hint=f"One of {', '.join(DIALECTS)}"
        )
    with _lock:
        module = _loaded.get(dialect)
        if module is None:
            module = _loaded[dialect] = _load_first(dialect)
    return module


def export_symbols(dialect: str) -> str | None:
    """Let C modules (posix, lfs, ...) resolve ``lua_*`` against this dialect's Lua.

    They carry no Lua of their own. The first dialect of a process keeps the symbols: a second
    one would be resolved against the wrong Lua and crash.

    Returns: None, or why it cannot be.
    """
    global _exported
    with _lock:
        if _exported is None:
            spec = _loaded[dialect].__spec__
            if spec is None or not spec.origin:
                return "the Lua library was not loaded from a file"
            _open_globally(spec)
            _exported = dialect
        if _exported != dialect:
            return f"C modules of Lua {_exported} are loaded already, {dialect} has to do without"
    return None


def has_exported() -> bool:
    """Tell whether C modules may have been loaded into this process."""
    return _exported is not None


def _load_first(dialect: str) -> Any:
    problem: Exception | None = None
    for name in _FILES[dialect]:
        try:
            return _load_extension(name)
        except ImportError as err:
            problem = err
    raise ConfigError(
        f"this installation of lupa has no Lua {dialect}: {problem}", hint="Reinstall lupa"
    ) from problem


def _load_extension(name: str) -> Any:
    full_name = f"lupa.{name}"
    if full_name in sys.modules:
        return sys.modules[full_name]
    spec = _find_extension(full_name)
    if spec is None or "lupa" in sys.modules:
        return __import__(full_name, fromlist=[name])
    makers: dict[str, Callable[[], Any]] = {
        "functools": _late_functools,
        "collections.abc": _late_collections_abc,
        "__builtin__": lambda: None,  # of Python 2, asked for first, and looked for in 0.2 ms
    }
    late = {name: make() for name, make in makers.items() if name not in sys.modules}
    sys.modules.update(late)
    flags = sys.getdlopenflags()
    try:
        import _frozen_importlib

        # Its own Lua before one that export_symbols has given to the whole process. Lazily: most of
        # the 400 functions of Python that it may call are not called; 0.1 ms.
        sys.setdlopenflags(_RTLD_LAZY | _RTLD_DEEPBIND)
        module: Any = getattr(_frozen_importlib, "_load")(spec)  # noqa: B009
    finally:
        sys.setdlopenflags(flags)
        for name, stand_in in late.items():
            if sys.modules.get(name, late) is stand_in:
                del sys.modules[name]
    # An embedding program that imports lupa itself gets this very module, by the usual way.
    sys.modules.pop(full_name, None)
    return module


def _find_extension(full_name: str) -> Any:
    from _frozen_importlib_external import PathFinder

    package = PathFinder.find_spec("lupa")
    if package is None or not package.submodule_search_locations:
        return None
    return PathFinder.find_spec(full_name, package.submodule_search_locations)


def _late_functools() -> Any:
    def wraps(function: Any) -> Any:
        import functools

        return functools.wraps(function)

    module: Any = type(sys)("functools")
    module.wraps = wraps
    return module


def _late_collections_abc() -> Any:
    plain = {"Mapping": (dict,), "Sequence": (list, tuple)}  # all that the anchor hands over

    class Late(type):
        def __instancecheck__(cls, value: object) -> bool:
            if type(value) in (dict, list, tuple):
                return type(value) in plain[cls.__name__]
            import collections.abc

            return isinstance(value, getattr(collections.abc, cls.__name__))

    class StandIn(type(sys)):  # type: ignore[misc]
        def __getattr__(self, name: str) -> Any:  # a newer lupa may ask for more
            sys.modules.pop("collections.abc", None)
            import collections.abc

            return getattr(collections.abc, name)

    module: Any = StandIn("collections.abc")
    for name in plain:
        setattr(module, name, Late(name, (), {}))
    return module


def _open_globally(spec: Any) -> None:
    import _imp

    flags = sys.getdlopenflags()
    sys.setdlopenflags(_RTLD_NOW | _RTLD_GLOBAL)
    try:
        _imp.create_dynamic(spec)  # opened before: dlopen(3) only adds RTLD_GLOBAL
    finally:
        sys.setdlopenflags(flags)
