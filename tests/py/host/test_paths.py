"""Paths without os.path answer as os.path does."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scrun.host import paths


def test_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "loose").symlink_to("nothing")
    (tmp_path / "around").symlink_to("around")
    os.mkfifo(tmp_path / "fifo")
    names = ("", "file", "file/below", "link", "loose", "around", "fifo", "nothing", "n" * 300)
    for name in names:
        path = f"{tmp_path}/{name}"
        assert paths.exists(path) == os.path.exists(path), name
        assert paths.exists(path, follow=False) == os.path.lexists(path), name
        assert paths.is_file(path) == os.path.isfile(path), name
        assert paths.is_directory(path) == os.path.isdir(path), name
        assert paths.is_directory(path.encode()) == os.path.isdir(path), name
    assert not paths.exists(f"{tmp_path}/nul\0")


@pytest.mark.parametrize("path", ["/a/b", "/a", "/"])
def test_parent(path: str) -> None:
    assert paths.parent(path) == os.path.dirname(path)


@pytest.mark.parametrize("path", ["/a//b/", "/", "//", "a/./b/", ".", "/a/./.", "é/ü"])
def test_tidy(path: str) -> None:
    assert paths.tidy(path) == os.path.normpath(path).replace("//", "/")


def test_tidy_knows_nothing_of_links() -> None:
    """What is above a link to a directory is not what is above its name."""
    assert paths.tidy("/a/../b") == "/a/../b"


def test_make_directories(tmp_path: Path) -> None:
    path = f"{tmp_path}/a/b/c"
    paths.make_directories(path, 0o700)
    paths.make_directories(path, 0o755)
    assert os.stat(path).st_mode & 0o777 == 0o700
    assert os.stat(f"{tmp_path}/a").st_mode & 0o777 != 0o700


def test_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loose").symlink_to("nothing")
    for name in ("file", "loose"):
        with pytest.raises(FileExistsError):
            paths.make_directories(f"{tmp_path}/{name}", 0o700)
    with pytest.raises(NotADirectoryError):
        paths.make_directories(f"{tmp_path}/file/below", 0o700)
    with pytest.raises(FileNotFoundError):
        paths.make_directories("", 0o700)


def test_many_make_the_same_at_once(tmp_path: Path) -> None:
    """A first container of a login node may have company."""
    for number in range(50):
        path = f"{tmp_path}/{number}/a/b/c"
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: paths.make_directories(path, 0o700), range(8)))  # noqa: B023


@pytest.mark.parametrize("text", ["plain", "ü", os.fsdecode(b"a\xffb")])
def test_text_of_the_kernel(text: str) -> None:
    assert paths.encode(text) == os.fsencode(text)
    assert paths.decode(os.fsencode(text)) == text


def test_a_text_that_is_none() -> None:
    with pytest.raises(UnicodeEncodeError):
        paths.encode("\ud800")


def test_environment() -> None:
    assert paths.environment()["PATH"]
