"""Where Lua modules come from: the site's directory, then what is shipped.

``scrun.X`` is the site's X.lua when there is one, else the shipped one; ``luastd.X`` is always the
shipped one. Dots are directories. A file of the site that others could have written is refused.
"""

from __future__ import annotations

import posix
import sys
from posixpath import dirname, exists, join

from scrun.errors import ConfigError, HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from posix import stat_result

_WRITABLE_BY_OTHERS = 0o022
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_IDENTITY_MAP = ["0", "0", "4294967295"]


def shipped_dir() -> str:
    """Return the directory of the shipped Lua files: in the package, or beside it (a checkout)."""
    package = dirname(dirname(__file__))
    inside = join(package, "luastd")
    return inside if exists(inside) else join(dirname(package), "luastd")


class Found:
    """The file a module name leads to. ``shadowed``: files of lower rank that it replaces."""

    __slots__ = ("kind", "path", "shadowed")

    def __init__(self, path: str, shadowed: list[str], kind: str) -> None:
        self.path = path
        self.shadowed = shadowed
        self.kind = kind  # "site" or "shipped"

    def __repr__(self) -> str:
        return f"Found({self.path!r}, {self.shadowed!r}, {self.kind!r})"


class SearchPath:
    """Looks module names up. ``site_dir`` is the site's ``scrun.d``; it need not exist."""

    __slots__ = ("shipped", "site_dir")

    def __init__(self, site_dir: str | bytes | None, *, shipped: str | None = None) -> None:
        if isinstance(site_dir, bytes):
            site_dir = site_dir.decode("utf-8", "surrogateescape")
        self.site_dir = site_dir
        self.shipped = shipped or shipped_dir()

    def find(self, name: str) -> Found | None:
        """Return the file of module ``name`` (``scrun.X`` or ``luastd.X``), or None.

        Raises:
            ConfigError: the site's file, or a directory on the way, is not to be trusted.
        """
        root, _, rest = name.partition(".")
        parts = rest.split(".")
        if root not in ("scrun", "luastd") or not all(p and _LETTERS.issuperset(p) for p in parts):
            return None
        relative = "/".join(parts) + ".lua"
        shipped = join(self.shipped, relative)
        have_shipped = exists(shipped)
        if root == "scrun" and self.site_dir:
            own = join(self.site_dir, relative)
            if exists(own):
                self._check_below(parts[:-1], own)
                return Found(own, [shipped] if have_shipped else [], "site")
        return Found(shipped, [], "shipped") if have_shipped else None

    def _check_below(self, directories: list[str], path: str) -> None:
        assert self.site_dir is not None
        check_trusted(self.site_dir)
        present = self.site_dir
        for directory in directories:
            present = join(present, directory)
            check_trusted(present)
        check_trusted(path)


def check_trusted(path: str) -> None:
    """Refuse ``path`` (ConfigError) when somebody else than root or the caller could change it.

    A symlink is judged by what it leads to. In a user namespace root's files show as the
    overflow user's; they pass when we cannot write them.
    """
    try:
        status = posix.stat(path)
    except OSError as failure:
        raise HostError("read", failure, path=path) from failure
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise ConfigError(
            f"read {path}: refused: writable by group or others",
            code="NO_PERMISSION",
            hint=f"run: chmod go-w {path}",
        )
    if status.st_uid in (0, posix.geteuid()) or _is_mapped_root(path, status):
        return
    raise ConfigError(
        f"read {path}: refused: owned by user {status.st_uid}, neither root nor you",
        code="NO_PERMISSION",
    )


def _is_mapped_root(path: str, status: stat_result) -> bool:
    try:
        with open("/proc/self/uid_map") as file:
            if file.read().split() == _IDENTITY_MAP:
                return False
        with open("/proc/sys/kernel/overflowuid") as file:
            overflow = int(file.read())
    except (OSError, ValueError):
        return False
    return status.st_uid == overflow and not posix.access(path, posix.W_OK)


def read_module(path: str) -> bytes:
    """Return the bytes of a Lua file; HostError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as failure:
        raise HostError("read", failure, path=path) from failure


def locate_site(slurm_conf: str | None, override: str | None = None) -> tuple[str | None, str]:
    """Return (path of the site's scrun.lua or None, its ``scrun.d``), beside slurm.conf.

    Args:
        slurm_conf: the configuration file in force; None for /etc/slurm/slurm.conf.
        override: SCRUN_LUA_DIR: a directory of the caller's to use instead.

    Raises:
        ConfigError: the override is not the caller's, or scrun.lua is not to be trusted.
    """
    directory = override or dirname(slurm_conf or "/etc/slurm/slurm.conf")
    if override:
        try:
            owner = posix.stat(override).st_uid
        except OSError as failure:
            raise HostError("SCRUN_LUA_DIR: read", failure, path=override) from failure
        if owner != posix.geteuid():
            raise ConfigError(f"SCRUN_LUA_DIR: {override} is not yours", code="NO_PERMISSION")
        check_trusted(override)
    script = join(directory, "scrun.lua")
    if not exists(script):
        return None, join(directory, "scrun.d")
    check_trusted(script)
    return script, join(directory, "scrun.d")


def lua_paths(version: str, site_dir: str | None) -> tuple[str, str]:
    """Return package.path and package.cpath: the site's and the system's, never the caller's.

    The present directory is left out: it may be a bundle that somebody else made.
    """
    site = [f"{site_dir}/?.lua", f"{site_dir}/?/init.lua"] if site_dir else []
    bases = [f"/usr/local/share/lua/{version}", f"/usr/share/lua/{version}"]
    path = site + [f"{base}/{tail}" for base in bases for tail in ("?.lua", "?/init.lua")]
    machine = getattr(sys.implementation, "_multiarch", "")
    libraries = ["/usr/local/lib", *([f"/usr/lib/{machine}"] if machine else []), "/usr/lib"]
    libraries += ["/usr/lib64"]
    return ";".join(path), ";".join(f"{base}/lua/{version}/?.so" for base in libraries)
