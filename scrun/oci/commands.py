"""Find a container's command inside its image, as the runtime on the node would.

slurmstepd looks a command up on the node itself and hands the result to the runtime, so the path
has to be known before: searched in the image's PATH, symlinks followed inside the root filesystem,
bind mounts in place. The wording is crun's and runc's where engines match it (``executable file
not found in $PATH``, ``no such file or directory``, ``permission denied``).
"""

from __future__ import annotations

from errno import ENOTDIR

from scrun.errors import ScrunError
from scrun.oci.config import join_path
from scrun.oci.image_tree import DIRECTORY, FILE, PROGRAM, UNKNOWN, ImageTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from scrun.oci.config import Config

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def resolve_command(
    config: Config,
    name: str | None = None,
    rootfs: str | None = None,
    mounts: list[dict[str, Any]] | None = None,
    *,
    env: Sequence[str] | None = None,
    cwd: str | None = None,
) -> str:
    """Return the absolute path, in the container, of the command ``name``.

    Links in the path stay as they are: busybox and its like go by the name they are called by.
    A path below a mount whose content cannot be known here (overlay, proc) is believed.

    Args:
        name: default: args[0] of config.json. ``env``, ``cwd``, ``mounts``, ``rootfs``: likewise;
            an exec session has its own. Relative mount sources count from the bundle.

    Raises:
        ScrunError: NO_COMMAND: no such file. NO_PERMISSION: a directory, or not executable.
    """
    if name is None:
        if not config.args:
            raise ScrunError(f"{config.path}: process.args: the command is missing")
        name = config.args[0]
    tree = ImageTree(
        config.root_path if rootfs is None else rootfs,
        config.mounts if mounts is None else mounts,
        config.bundle,
    )
    cwd = config.cwd if cwd is None else cwd
    if "/" in name:
        return _check_path(tree, name, join_path(cwd, name) if name[0] != "/" else name)
    return _search(tree, name, find_path(config.env if env is None else env), cwd)


def find_path(env: Sequence[str]) -> str:
    """Return the value of PATH in ``NAME=value`` entries, the last one's; a default without it."""
    found = [entry[5:] for entry in env if entry.startswith("PATH=")]
    return found[-1] if found else DEFAULT_PATH


def _check_path(tree: ImageTree, name: str, path: str) -> str:
    kind = tree.look(path)
    if kind in (PROGRAM, UNKNOWN):
        return path
    if kind in (DIRECTORY, FILE):
        raise _refusal(name, kind)
    cause = "not a directory" if kind == ENOTDIR else "no such file or directory"
    raise ScrunError(f"exec: {_quote(name)}: stat {path}: {cause}", code="NO_COMMAND")


def _search(tree: ImageTree, name: str, search_path: str, cwd: str) -> str:
    """Search PATH: the first program counts; else what is there and cannot be run is named."""
    refused: int | None = None
    guess: str | None = None
    for directory in search_path.split(":") if name not in ("", ".", "..") else ():
        path = join_path(cwd, f"{directory or '.'}/{name}")
        kind = tree.look(path)
        if kind == PROGRAM:
            return path
        if kind in (DIRECTORY, FILE):
            refused = kind if refused is None else refused
        elif kind == UNKNOWN and guess is None:
            guess = path
    if guess is not None:
        return guess
    if refused is not None:
        raise _refusal(name, refused)
    raise ScrunError(f"exec: {_quote(name)}: executable file not found in $PATH", code="NO_COMMAND")


def _refusal(name: str, kind: int) -> ScrunError:
    cause = "is a directory: permission denied" if kind == DIRECTORY else "permission denied"
    return ScrunError(f"exec: {_quote(name)}: {cause}", code="NO_PERMISSION")


def _quote(name: str) -> str:
    return '"' + ascii(name)[1:-1].replace('"', '\\"') + '"'
