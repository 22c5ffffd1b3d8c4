"""Which file a module name means: the site's ``scrun.d`` before what is shipped.

``scrun.verbs.kill`` is ``scrun.d/verbs/kill.lua`` beside slurm.conf if there is one, else the
shipped file; ``luastd.verbs.kill`` is always the shipped one. A site's file decides what runs
for a user, so it must not be in the hands of others: see ``check_owner``.
"""

from __future__ import annotations

import posix
import sys

from scrun.errors import ConfigError
from scrun.host.paths import exists, is_directory, is_file, parent
from scrun.oci.slurm_conf import DEFAULT, FETCHED, default_slurm_conf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from scrun.lua.runtime import Runtime

    Kind = Literal["site", "shipped"]

_S_IFMT, _S_IFDIR, _S_IFREG = 0o170000, 0o040000, 0o100000
_W_OK = 2


class Found:
    """The file of a module: ``path``, the files it stands in for, and whose it is."""

    __slots__ = ("kind", "path", "shadowed")

    def __init__(self, path: str, shadowed: list[str], kind: Kind) -> None:
        self.path = path
        self.shadowed = shadowed
        self.kind = kind


class SearchPath:
    """Where Lua modules of one site are found.

    Args:
        site_dir: holds ``scrun.lua`` and ``scrun.d/``; None: nothing but the shipped files.
        strict: the files must belong to the caller (``SCRUN_LUA_DIR``).
    """

    __slots__ = ("_checked", "shipped", "site_dir", "strict")

    def __init__(
        self, site_dir: bytes | str | None, *, strict: bool = False, shipped: str | None = None
    ) -> None:
        if isinstance(site_dir, bytes):
            site_dir = site_dir.decode("utf-8", "surrogateescape")
        self.site_dir = site_dir.rstrip("/") or "/" if site_dir else None
        self.strict = strict
        self.shipped = shipped or shipped_dir()
        self._checked: set[str] = set()

    def script(self) -> str | None:
        """The site's ``scrun.lua``; None when there is none.

        Raises:
            ConfigError: it, or its directory, is refused.
        """
        return self._site_file("scrun.lua")

    def find(self, name: str) -> Found | None:
        """The file of a module by name: ``verbs.kill``, ``scrun.verbs.kill``, ``luastd....``.

        Raises:
            ConfigError: the site's file, or a directory on the way to it, is refused.
        """
        relative = _relative(name)
        if relative is None:
            return None
        shipped = f"{self.shipped}/{relative}"
        has_shipped = is_file(shipped)
        if not name.startswith("luastd."):
            site = self._site_file(f"scrun.d/{relative}")
            if site is not None:
                return Found(site, [shipped] if has_shipped else [], "site")
        return Found(shipped, [], "shipped") if has_shipped else None

    def find_own(self, name: str) -> str | None:
        """The file that a plain ``require(name)`` finds with the site: ``scrun.d/`` or beside."""
        relative = _relative(name)
        if relative is None:
            return None
        return self._site_file(f"scrun.d/{relative}") or self._site_file(relative)

    def has_overrides(self) -> bool:
        """Tell whether the site may have modules of its own."""
        try:
            with posix.scandir(f"{self.site_dir}/scrun.d") as entries:
                return any(True for _ in entries)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:  # whoever finds a module there says what is wrong
            return True

    def read(self, path: str) -> bytes:
        """The text of a file that this object found.

        Raises:
            ConfigError: it cannot be read, or has changed hands.
        """
        try:
            with open(path, "rb") as file:
                if not path.startswith(f"{self.shipped}/"):
                    check_owner(path, posix.fstat(file.fileno()), strict=self.strict)
                return file.read()
        except OSError as err:
            raise ConfigError(f"read {path}: {err.strerror}") from err

    def _site_file(self, relative: str) -> str | None:
        if self.site_dir is None:
            return None
        path = f"{self.site_dir}/{relative}"
        try:
            status = posix.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as err:
            raise ConfigError(f"read {path}: {err.strerror}") from err
        if status.st_mode & _S_IFMT != _S_IFREG:
            return None
        directory = self.site_dir
        self._check_dir(directory)
        for part in relative.split("/")[:-1]:
            directory = f"{directory}/{part}"
            self._check_dir(directory)
        check_owner(path, status, strict=self.strict)
        return path

    def _check_dir(self, path: str) -> None:
        if path not in self._checked:
            try:
                check_owner(path, posix.stat(path), strict=self.strict)
            except OSError as err:
                raise ConfigError(f"read {path}: {err.strerror}") from err
            self._checked.add(path)


def site_search(environment: Mapping[str, str], slurm_conf: str | None = None) -> SearchPath:
    """The search path of this call: ``SCRUN_LUA_DIR``, else the directory of slurm.conf.

    Args:
        environment: the caller's; SCRUN_LUA_DIR and SLURM_CONF are read.
        slurm_conf: value of the option ``-f``, which goes before SLURM_CONF.

    Raises:
        ConfigError: SCRUN_LUA_DIR is no directory of the caller.
    """
    own = environment.get("SCRUN_LUA_DIR")
    if own:
        search = SearchPath(own, strict=True)
        try:
            status = posix.stat(own)
        except OSError as err:
            raise ConfigError(f"SCRUN_LUA_DIR: {own}: {err.strerror}") from err
        if status.st_mode & _S_IFMT != _S_IFDIR:
            raise ConfigError(f"SCRUN_LUA_DIR: {own} is no directory")
        check_owner(own, status, strict=True)
        return search
    file = slurm_conf or environment.get("SLURM_CONF") or default_site()
    return SearchPath(file.rpartition("/")[0] or ("/" if file.startswith("/") else "."))


def default_site() -> str:
    """Return the slurm.conf beside which a site's Lua is, where nobody names another.

    What slurmd has fetched may have a scrun.lua, but no directory: scrun.d is /etc/slurm's there.
    """
    file = default_slurm_conf()
    if file == FETCHED:
        folder = parent(DEFAULT)
        if exists(f"{folder}/scrun.lua") or SearchPath(folder).has_overrides():
            return DEFAULT
    return file


def check_owner(path: str, status: posix.stat_result, *, strict: bool = False) -> None:
    """Refuse a file or directory that others than root and the caller could have written.

    In a user namespace (engines run us so) the real root has no number: it shows as the
    overflow uid, which is accepted for what we cannot write ourselves.

    Raises:
        ConfigError: refused, with the reason.
    """
    if status.st_mode & 0o022:
        who = "everybody" if status.st_mode & 0o002 else "its group"
        raise ConfigError(
            f"{path} is refused: it is writable by {who}", hint=f"chmod go-w {path} helps"
        )
    caller = posix.geteuid()
    owner = status.st_uid
    if strict:
        trusted = owner == caller
    else:
        trusted = owner in (0, caller) or (
            owner == _overflow_uid() and _in_user_namespace() and not posix.access(path, _W_OK)
        )
    if not trusted:
        wanted = "the caller" if strict else "root or the caller"
        raise ConfigError(
            f"{path} is refused: it belongs to uid {owner}, not to {wanted}",
            hint="Lua files decide what runs: give them to root",
        )


def shipped_dir() -> str:
    """The directory of luastd: in the package when installed, beside it in a checkout."""
    package = __file__.rpartition("/")[0].rpartition("/")[0]
    installed = f"{package}/luastd"
    if is_directory(installed):
        return installed
    return f"{package.rpartition('/')[0]}/luastd"


def install(runtime: Runtime, search: SearchPath) -> None:
    """Make ``require`` in ``runtime`` follow ``search``.

    ``package.path`` and ``package.cpath`` become those of the system, whatever LUA_PATH and
    LUA_CPATH of the caller say, without the working directory.
    """
    from scrun.lua.engines import export_symbols
    from scrun.lua.runtime import read_host_file  # which imports this module

    def codec(name: bytes) -> bytes:
        return read_host_file(f"{name.decode()}.lua")

    def find(name: bytes) -> tuple[str, bytes] | tuple[()]:
        text = name.decode("utf-8", "surrogateescape")
        if text.startswith(("scrun.", "luastd.")):
            found = search.find(text)
            path = found.path if found else None
        else:
            path = search.find_own(text)
        return (path, search.read(path)) if path else ()

    def export() -> str | None:
        return export_symbols(runtime.dialect)

    version = "5.1" if runtime.dialect == "luajit" else runtime.dialect
    triplet = getattr(sys.implementation, "_multiarch", "")
    shares = [f"/usr/local/share/lua/{version}", f"/usr/share/lua/{version}"]
    libraries = ["/usr/local/lib", f"/usr/lib/{triplet}", "/usr/lib64", "/usr/lib"]
    path = ";".join(f"{share}/?.lua;{share}/?/init.lua" for share in shares)
    cpath = ";".join(f"{library}/lua/{version}/?.so" for library in libraries)
    runtime.run_host_file(
        "search.lua",
        runtime.border,
        runtime.function(codec, "require"),
        runtime.function(find, "require"),
        runtime.function(export, "require"),
        path.encode(),
        cpath.encode(),
    )


def _relative(name: str) -> str | None:
    for prefix in ("scrun.", "luastd."):
        if name.startswith(prefix):
            name = name[len(prefix) :]
            break
    parts = name.split(".")
    if not all(parts) or "/" in name or "\0" in name:
        return None
    return "/".join(parts) + ".lua"


def _overflow_uid() -> int:
    try:
        with open("/proc/sys/kernel/overflowuid", "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 65534


def _in_user_namespace() -> bool:
    try:
        with open("/proc/self/uid_map", "rb") as file:
            return file.read().split() != [b"0", b"0", b"4294967295"]
    except OSError:
        return False
