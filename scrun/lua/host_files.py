"""``require 'host'`` of a site's state: commands and files, each waiting until it is done."""

from __future__ import annotations

import posix

from scrun.errors import HostError, UsageError
from scrun.host.paths import is_directory
from scrun.lua.slurm_api import read_options, results_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrun.lua.runtime import Runtime
    from scrun.lua.stage_host import StageHost

_TYPES = {0o100000: "file", 0o040000: "directory", 0o120000: "link", 0o140000: "socket"}
_TYPES |= {0o010000: "fifo", 0o020000: "char", 0o060000: "block"}
_S_IFMT = 0o170000


def install(
    runtime: Runtime,
    host: StageHost,
    guard: Callable[[], None],
    variables: Mapping[bytes, bytes],
) -> None:
    """Make the module; failures are ``nil, message, code``.

    Args:
        guard: called around every function; raises when the work was cancelled.
        variables: the job's environment; its owner may change it.
    """
    module = runtime.module("host")

    def run(argv: object = None, options: object = None) -> tuple[object, ...]:
        wanted = read_options(options, "host.run", remote=False)
        return results_of(host.run(_words(argv, "host.run"), wanted))

    def run_remote(argv: object = None, options: object = None) -> tuple[object, ...]:
        wanted = read_options(options, "host.run_remote", remote=True)
        return results_of(host.run_remote(_words(argv, "host.run_remote"), wanted))

    def getenv(name: bytes) -> bytes | None:
        value = variables.get(name)
        return posix.environ.get(name) if value is None else value

    functions = (run, run_remote, read_file, write_file, make_dirs, remove_tree, stat)
    for function in (*functions, list_dir, getenv, realpath, mount_size):
        runtime.add_function(module, function.__name__, _guarded(function, guard), errors="return")


def _guarded(function: Callable[..., object], guard: Callable[[], None]) -> Callable[..., object]:
    def call(*args: object) -> object:
        guard()
        try:
            result = function(*args)
        except OSError as failure:
            path = args[0] if args and isinstance(args[0], bytes) else b""
            name = function.__name__.replace("_", " ")
            raise HostError(name, failure, path=path.decode("utf-8", "replace")) from failure
        except (TypeError, ValueError) as failure:
            raise UsageError(f"host.{function.__name__}: {failure}") from failure
        guard()
        return result

    return call


def _words(argv: object, function: str) -> list[bytes]:
    if not isinstance(argv, list) or not argv:
        raise UsageError(f"{function}: a list of words is expected")
    words = []
    for word in argv:
        if isinstance(word, bool) or not isinstance(word, (bytes, int, float)):
            raise UsageError(f"{function}: words are strings and numbers")
        words.append(word if isinstance(word, bytes) else str(word).encode())
        if b"\0" in words[-1]:
            raise UsageError(f"{function}: a word cannot hold a NUL byte")
    return words


def read_file(path: bytes) -> bytes:
    """Return the whole file."""
    with open(path, "rb") as file:
        return file.read()


def write_file(path: bytes, data: bytes, mode: int = 0o600) -> bool:
    """Replace ``path`` by a new file of ``mode``, whole or not at all."""
    temporary = path + b".%d.tmp" % posix.getpid()
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC
    fd = posix.open(temporary, flags, 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(data)
            posix.fchmod(fd, int(mode or 0o600))
        posix.rename(temporary, path)
    except BaseException:
        posix.unlink(temporary)
        raise
    return True


def make_dirs(path: bytes, mode: int = 0o700) -> bool:
    """Make a directory and those above it; one that is there already is left as it is."""
    present = b"/" if path.startswith(b"/") else b""
    for part in filter(None, path.split(b"/")):
        present += part
        try:
            posix.mkdir(present, int(mode or 0o700))
        except OSError:
            if not is_directory(present):
                raise
        present += b"/"
    return True


def remove_tree(path: bytes) -> bool:
    """Remove a tree if it is there: no symlink is followed, no mount entered."""
    from scrun.host.tree import remove_tree as remove  # stagers alone, at their end

    remove(path)
    return True


def stat(path: bytes) -> dict[str, object]:
    """Return type, size, mode (permission bits), uid, gid, mtime (seconds); links followed."""
    status = posix.stat(path)
    return {
        "type": _TYPES.get(status.st_mode & _S_IFMT, "other"),
        "size": status.st_size,
        "mode": status.st_mode & 0o7777,
        "uid": status.st_uid,
        "gid": status.st_gid,
        "mtime": int(status.st_mtime),
    }


def list_dir(path: bytes) -> list[bytes]:
    """Return the names in a directory, sorted."""
    return sorted(posix.listdir(path))


def mount_size(path: bytes) -> int | None:
    """Return the bytes of the file system whose top ``path`` is; None: nothing is mounted there."""
    if posix.stat(path).st_dev == posix.stat(path + b"/..").st_dev:
        return None
    found = posix.statvfs(path)
    return found.f_frsize * found.f_blocks


def realpath(path: bytes) -> bytes:
    """Return the path without symlinks; it must exist."""
    from posixpath import realpath as resolve

    return resolve(path, strict=True)
