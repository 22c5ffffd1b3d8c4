"""Find our own modules where they are: `create` loads fifty, each 20 us sooner.

Python's own finder asks for each what else its name could stand for. Whatever is not as expected
here (no compiled file, a stale one) is left to that. Source: PEP 451 (finders and loaders), PEP 552
(the head of a compiled file).
"""

import posix
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER
from _imp import _fix_co_filename  # type: ignore[attr-defined]
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType

PREFIX = "scrun."
SUFFIX = f".{sys.implementation.cache_tag}.pyc"
HEAD = MAGIC_NUMBER + bytes(4)  # no flags: valid as long as its source is what it was
MOST_BYTES = 1 << 16


class Finder:
    """Finds the package's modules, and loads them."""

    root = __file__.rpartition("/")[0].rpartition("/")[0]

    @classmethod
    def find_spec(
        cls, name: str, path: object = None, target: object = None
    ) -> "ModuleSpec | None":
        """Return how to load a module of ours; None of what others are to find."""
        if not name.startswith(PREFIX):
            return None
        place = f"{cls.root}/{name[len(PREFIX) :].replace('.', '/')}"
        above, _, last = place.rpartition("/")
        source, is_package = f"{place}.py", False
        code = _read(f"{above}/__pycache__/{last}{SUFFIX}", source)
        if code is None:
            source, is_package = f"{place}/__init__.py", True
            code = _read(f"{place}/__pycache__/__init__{SUFFIX}", source)
            if code is None:
                return None
        spec = ModuleSpec(name, cls, origin=source, loader_state=code, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True  # origin is its __file__
        if is_package:
            spec.submodule_search_locations = [place]
        return spec

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        """Let Python make the usual one."""

    @staticmethod
    def exec_module(module: "ModuleType") -> None:
        """Run a module that was found."""
        spec = module.__spec__
        assert spec is not None
        code, spec.loader_state = spec.loader_state, None
        exec(code, module.__dict__)


def install() -> None:
    """Ask this finder first."""
    sys.meta_path.insert(0, Finder)


def _read(path: str, source: str) -> "CodeType | None":
    """Return the code of a compiled file, if it is that of its source."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        data = posix.read(fd, MOST_BYTES)
        status = posix.stat(source)
    except OSError:
        return None
    finally:
        posix.close(fd)
    time, size = int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF
    head = HEAD + time.to_bytes(4, "little") + size.to_bytes(4, "little")
    if data[:16] != head or len(data) == MOST_BYTES:
        return None
    code: CodeType = loads(data[16:])
    _fix_co_filename(code, source)
    return code
