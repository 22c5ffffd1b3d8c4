"""Which directory holds the containers: ``--root``, else a place that is the user's alone.

As scrun(1) and the C program have it: XDG_RUNTIME_DIR, /run/user/UID, TMPDIR/UID, and never a
guess for root, who is as likely an ordinary user inside an engine's user namespace.
"""

import posix

ADVICE = "pass --root DIR, or set XDG_RUNTIME_DIR"


class RootUnknown(Exception):
    """No directory can be chosen; the text says why and what to do."""


def choose_root(given: object, environ: dict[bytes, bytes] | None = None) -> str:
    """Return the root directory, absolute; it need not exist yet.

    Args:
        given: the value of ``--root``; None or empty when absent.
        environ: None for the process's own.
    """
    if given:
        return absolute_path(str(given))
    environment = posix.environ if environ is None else environ
    runtime = environment.get(b"XDG_RUNTIME_DIR")
    if runtime and is_ours_alone(runtime):
        return absolute_path(_decode(runtime)) + "/scrun"
    uid = posix.getuid()
    if uid == 0:
        raise RootUnknown(f"no --root given, and it is not guessed for root. {ADVICE}")
    candidates = [f"/run/user/{uid}"]
    temporary = environment.get(b"TMPDIR")
    if temporary:
        candidates.append(f"{_decode(temporary)}/{uid}")
    for candidate in candidates:
        if is_ours_alone(candidate):
            return absolute_path(candidate) + "/scrun"
    tried = ", ".join(candidates)
    raise RootUnknown(f"no --root given, and none of {tried} is ours to write. {ADVICE}")


def is_ours_alone(path: str | bytes) -> bool:
    """Tell whether a directory is ours, and nobody else can put something into it."""
    try:
        status = posix.lstat(path)
    except OSError:
        return False
    is_directory = status.st_mode & 0o170000 == 0o040000
    return is_directory and status.st_uid == posix.getuid() and not status.st_mode & 0o022


def absolute_path(path: str) -> str:
    """Return ``path`` under the present directory when it is relative."""
    return path.rstrip("/") or "/" if path.startswith("/") else f"{posix.getcwd()}/{path}"


def _decode(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
