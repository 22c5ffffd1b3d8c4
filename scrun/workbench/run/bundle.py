"""The bundle that a script works on: the user's own, a private copy, or a sample."""

from __future__ import annotations

import os
import subprocess

from scrun.errors import ConfigError
from scrun.oci import jsontext
from scrun.oci.config import FILE_NAME, Config, check_config, join_path

SAMPLE = f"{__file__.rpartition('/')[0]}/sample.json"


class Bundle:
    """A bundle in use.

    Attributes:
        path: absolute.
        config: checked; ``text`` is the file as the script finds it.
        original: the user's bundle; None for a sample, or one out of a cassette.
    """

    def __init__(self, path: str, original: str | None) -> None:
        self.path = path
        self.original = original
        self.text = _read(f"{path}/{FILE_NAME}")
        self.config = parse_config(self.text, path)


def parse_config(text: bytes, bundle: str) -> Config:
    """Return a checked config.json; its root filesystem need not be there.

    Raises:
        ConfigError: it is none.
    """
    path = f"{bundle}/{FILE_NAME}"
    try:
        raw = jsontext.loads(text)
    except jsontext.JSONSyntaxError as err:
        raise ConfigError(f"{path}: {err}") from None
    return check_config(raw, bundle, path, need_rootfs=False)


def open_bundle(path: str) -> Bundle:
    """Return the user's bundle itself.

    Raises:
        ConfigError: it has no config.json, or a broken one.
    """
    full = join_path(os.getcwd(), path)
    if not os.path.isdir(full):
        raise ConfigError(f"bundle {full} is not a directory")
    return Bundle(full, full)


def make_bundle(directory: str, text: bytes | None = None) -> Bundle:
    """Make a bundle with an empty root filesystem.

    Args:
        text: of config.json; None: the sample's, whose root filesystem holds a file.
    """
    os.makedirs(f"{directory}/rootfs", mode=0o755, exist_ok=True)
    if text is None:  # some file systems say that an empty directory takes no room
        with open(f"{directory}/rootfs/os-release", "w", encoding="ascii") as release:
            release.write("NAME=sample\n")
    with open(f"{directory}/{FILE_NAME}", "wb") as file:
        file.write(_read(SAMPLE) if text is None else text)
    return Bundle(directory, None)


def copy_bundle(path: str, directory: str) -> Bundle:
    """Return a copy of a bundle below ``directory``, with its root filesystem.

    One that lies elsewhere is copied beside it, and the copy's config.json names that.

    Raises:
        ConfigError: it is none, or cannot be copied.
    """
    original = open_bundle(path)
    root = original.config.root_path
    copy = f"{directory}/bundle"
    _copy(original.path, copy)
    if not root.startswith(original.path + "/"):
        _copy(root, f"{directory}/rootfs")
        raw = jsontext.loads(original.text)
        raw["root"]["path"] = f"{directory}/rootfs"
        with open(f"{copy}/{FILE_NAME}", "w", encoding="utf-8") as file:
            file.write(jsontext.dumps(raw))
    elif original.config.raw["root"]["path"].startswith("/"):
        raw = jsontext.loads(original.text)
        raw["root"]["path"] = copy + root.removeprefix(original.path)
        with open(f"{copy}/{FILE_NAME}", "w", encoding="utf-8") as file:
            file.write(jsontext.dumps(raw))
    return Bundle(copy, original.path)


def _copy(source: str, target: str) -> None:
    argv = ["cp", "-aH", "--reflink=auto", "-T", "--", source, target]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as err:
        raise ConfigError(f"copy {source}: cp: {err.strerror}") from err
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines() or ["cp failed"]
        raise ConfigError(
            f"copy {source}: {lines[0].removeprefix('cp: ')}", hint="--in-place uses it as it is"
        )


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as err:
        raise ConfigError(f"read {path}: {(err.strerror or str(err)).lower()}") from err
