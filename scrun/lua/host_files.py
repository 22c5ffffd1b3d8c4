"""``require 'host'`` of a site's state: commands and files, each waiting until it is done."""

from __future__ import annotations

import posix

from scrun.errors import HostError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.lua.runtime import Runtime
    from scrun.lua.site import StageHost

_TYPES = {0o100000: "file", 0o040000: "directory", 0o120000: "link", 0o140000: "socket"}
_TYPES |= {0o010000: "fifo", 0o020000: "char", 0o060000: "block"}
_S_IFMT, _S_IFDIR = 0o170000, 0o040000


def install(runtime: Runtime, host: StageHost, guard: Callable[[], None]) -> None:
    """Make the module; failures are ``nil, message, code``. ``guard`` as for the slurm table."""
    module = runtime.module("host")

    def run(argv: list[bytes], options: object = None) -> tuple[object, ...]:
        return _results(host.run(_words(argv), options if isinstance(options, dict) else {}))

    def run_remote(argv: list[bytes], options: object = None) -> tuple[object, ...]:
        return _results(host.run_remote(_words(argv), options if isinstance(options, dict) else {}))

    functions = (run, run_remote, read_file, write_file, make_dirs, remove_tree, stat)
    for function in (*functions, list_dir, getenv, realpath):
        runtime.add_function(module, function.__name__, _guarded(function, guard), errors="return")


def _guarded(function: Callable[..., object], guard: Callable[[], None]) -> Callable[..., object]:
    def call(*args: object) -> object:
        guard()
        try:
            return function(*args)
        except OSError as failure:
            path = args[0] if args and isinstance(args[0], bytes) else b""
            name = function.__name__.replace("_", " ")
            raise HostError(name, failure, path=path.decode("utf-8", "replace")) from failure
        except (TypeError, ValueError) as failure:
            raise UsageError(f"host.{function.__name__}: {failure}") from failure

    return call


def _results(answer: tuple[int, bytes, bytes | None]) -> tuple[object, ...]:
    status, output, stderr = answer
    return (status, output) if stderr is None else (status, output, stderr)


def _words(argv: object) -> list[bytes]:
    if not isinstance(argv, list) or not argv:
        raise UsageError("host.run: a list of words is expected")
    return [word if isinstance(word, bytes) else str(word).encode() for word in argv]


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
            if posix.stat(present).st_mode & _S_IFMT != _S_IFDIR:
                raise
        present += b"/"
    return True


def remove_tree(path: bytes) -> bool:
    """Remove a tree if it is there: no symlink is followed, no other file system entered."""
    try:
        status = posix.lstat(path)
    except FileNotFoundError:
        return True
    if status.st_mode & _S_IFMT != _S_IFDIR:
        posix.unlink(path)
        return True
    flags = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
    fd = posix.open(path, flags)
    try:
        _empty(fd, status.st_dev)
    finally:
        posix.close(fd)
    posix.rmdir(path)
    return True


def _empty(directory: int, device: int) -> None:
    flags = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
    for name in posix.listdir(directory):
        status = posix.stat(name, dir_fd=directory, follow_symlinks=False)
        if status.st_mode & _S_IFMT != _S_IFDIR:
            posix.unlink(name, dir_fd=directory)
            continue
        if status.st_dev != device:
            raise OSError(18, "another file system is mounted there", name)
        fd = posix.open(name, flags, dir_fd=directory)
        try:
            if posix.geteuid() == status.st_uid and status.st_mode & 0o700 != 0o700:
                posix.fchmod(fd, 0o700)
            _empty(fd, device)
        finally:
            posix.close(fd)
        posix.rmdir(name, dir_fd=directory)


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


def getenv(name: bytes) -> bytes | None:
    """Return a variable of this process."""
    return posix.environ.get(name)


def realpath(path: bytes) -> bytes:
    """Return the path without symlinks; it must exist."""
    from posixpath import realpath as resolve

    return resolve(path, strict=True)
