"""Read a bundle's config.json and check what we and the runtime on the node rely on.

Source: OCI runtime-spec, config.md and config-linux.md. Members we have no use for are left to
the runtime, which knows more of them; null counts as absent, as in Go and crun.
"""

from __future__ import annotations

import posix
from _stat import S_ISDIR
from errno import ENOENT, ENOTDIR

from scrun.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILE_NAME = "config.json"
MAX_BYTES = 64 << 20  # seccomp profiles reach some 100 KB; more than this is not a config.json


class Config:
    """A checked config.json.

    ``raw`` is the whole document, shared with the other members, not copied. ``process`` is None
    when the bundle has none; then ``args`` and ``env`` are empty and ``cwd`` is ``/``.
    ``console_size`` is (rows, columns) or None. ``root_path`` is absolute, symlinks kept.
    """

    __slots__ = (
        *("raw", "bundle", "path", "oci_version", "root_path", "root_readonly"),
        *("process", "args", "env", "cwd", "terminal", "console_size", "uid", "gid"),
        *("annotations", "hooks", "mounts", "hostname", "namespaces"),
    )

    def __init__(self, raw: dict[str, Any], bundle: str, path: str) -> None:
        root = raw["root"]
        process: dict[str, Any] | None = raw.get("process")
        known = process or {}
        size = known.get("consoleSize")
        user = known.get("user") or {}
        self.raw = raw
        self.bundle = bundle
        self.path = path
        self.oci_version: str = raw["ociVersion"]
        self.root_path = join_path(bundle, root["path"])
        self.root_readonly: bool = bool(root.get("readonly"))
        self.process = process
        self.args: list[str] = known.get("args") or []
        self.env: list[str] = known.get("env") or []
        self.cwd: str = known.get("cwd") or "/"
        self.terminal: bool = bool(known.get("terminal"))
        self.console_size: tuple[int, int] | None = (
            (size["height"], size["width"]) if size else None
        )
        self.uid: int = user.get("uid") or 0
        self.gid: int = user.get("gid") or 0
        self.annotations: dict[str, str] = raw.get("annotations") or {}
        self.hooks: dict[str, list[dict[str, Any]]] = {
            name: entries for name, entries in (raw.get("hooks") or {}).items() if entries
        }
        self.mounts: list[dict[str, Any]] = raw.get("mounts") or []
        self.hostname: str | None = raw.get("hostname")
        self.namespaces: list[dict[str, Any]] = (raw.get("linux") or {}).get("namespaces") or []


def read_config(bundle: str, file: str | None = None) -> Config:
    """Read and check ``<bundle>/config.json``, or ``file`` in its place.

    Relative paths count from the working directory.

    Raises:
        ConfigError: no bundle, no or an unreadable file, broken JSON, a member that is missing
            or of the wrong type, or a root filesystem that is no directory. The message has the
            file, the place in it and the cause; code BAD_CONFIG.
    """
    from scrun.oci import jsontext  # the anchor gets what was read

    bundle = join_path(posix.getcwd(), bundle)
    path = join_path(bundle, FILE_NAME) if file is None else join_path(posix.getcwd(), file)
    try:
        raw = jsontext.loads(_read_file(path, bundle))
    except jsontext.JSONSyntaxError as err:
        raise ConfigError(f"{path}: {err}") from None
    return check_config(raw, bundle, path)


def check_config(raw: Any, bundle: str, path: str, *, need_rootfs: bool = True) -> Config:
    """Check a decoded config.json as `read_config` does; ``path`` is only named in errors.

    ``need_rootfs`` False leaves out the look at the root filesystem: after staging it may exist
    on the nodes only.
    """
    from scrun.oci import schema

    wrong = schema.find_fault(raw)
    if wrong:
        raise ConfigError(f"{path}: {wrong}")
    config = Config(raw, bundle, path)
    for name, value in config.annotations.items():
        try:
            (name + value).encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # \ud800 and its like, which no file can hold
            raise ConfigError(f"{path}: annotations: {name!a} is no text") from None
    if need_rootfs:
        _check_rootfs(config)
    return config


def join_path(base: str, path: str) -> str:
    """Make ``path`` absolute below ``base``; drops ``.`` and doubled slashes, keeps ``..``."""
    full = path if path.startswith("/") else f"{base}/{path}"
    return "/" + "/".join(part for part in full.split("/") if part not in ("", "."))


def _read_file(path: str, bundle: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as err:
        if err.errno in (ENOENT, ENOTDIR) and not _is_directory(bundle):
            raise ConfigError(f"bundle {bundle} is not a directory") from None
        if err.errno == ENOENT:
            raise ConfigError(f"{path} is missing") from None
        raise ConfigError(f"{path}: {(err.strerror or str(err)).lower()}") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_BYTES >> 20} MiB")
    return data


def _check_rootfs(config: Config) -> None:
    try:
        mode = posix.stat(config.root_path).st_mode
    except OSError as err:
        cause = "does not exist" if err.errno == ENOENT else (err.strerror or str(err)).lower()
    else:
        if S_ISDIR(mode):
            return
        cause = "is not a directory"
    raise ConfigError(f"{config.path}: root.path: {config.root_path}: {cause}")


def _is_directory(path: str) -> bool:
    try:
        return S_ISDIR(posix.stat(path).st_mode)
    except OSError:
        return False
