"""``require 'host'``: files, in every dialect; failures are ``nil, message, code``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scrun.lua import host_files
from tests.py.lua.conftest import Site


def test_files(site: Site) -> None:
    site.run(
        """
        local host = require 'host'
        local dir = spool_dir .. '/d/e'
        assert(host.make_dirs(dir) == true and host.make_dirs(dir) == true)
        assert(host.write_file(dir .. '/f', 'x\\0y\\255') == true)
        assert(host.read_file(dir .. '/f') == 'x\\0y\\255')
        assert(host.write_file(dir .. '/f', '', 416) and host.read_file(dir .. '/f') == '')
        local stat = host.stat(dir .. '/f')
        assert(stat.type == 'file' and stat.mode == 416 and stat.size == 0, stat.mode)
        assert(stat.uid == user_id and stat.gid == group_id and stat.mtime > 1e9)
        assert(host.stat(dir).type == 'directory' and host.stat(dir).mode == 448)
        host.write_file(dir .. '/a', '')
        assert(table.concat(host.list_dir(dir), ' ') == 'a f')
        assert(host.realpath(dir .. '/../e/./f') == host.realpath(spool_dir) .. '/d/e/f')
        assert(host.getenv 'A' == '1' and host.getenv 'PATH' and not host.getenv 'SCRUN_NONE')
        """
    )


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("host.read_file(dir .. '/none')", "ENOENT"),
        ("host.read_file(dir)", "EISDIR"),
        ("host.write_file(dir .. '/none/f', '')", "ENOENT"),
        ("host.make_dirs(dir .. '/scrun.lua/x')", "EEXIST"),
        ("host.stat(dir .. '/none')", "ENOENT"),
        ("host.list_dir(dir .. '/none')", "ENOENT"),
        ("host.realpath(dir .. '/none')", "ENOENT"),
        ("host.read_file()", "EINVAL"),
        ("host.read_file(dir .. '\\0x')", "EINVAL"),
        ("host.write_file(dir .. '/f')", "EINVAL"),
        ("host.stat {}", "EINVAL"),
    ],
)
def test_failures(site54: Site, call: str, code: str) -> None:
    site54.run(
        f"""
        local host, dir = require 'host', spool_dir
        local none, message, code = {call}
        assert(none == nil and type(message) == 'string', message)
        assert(code == '{code}', code .. ': ' .. message)
        """
    )


def test_write_file_replaces_whole_or_not_at_all(tmp_path: Path) -> None:
    """A symbolic link is replaced, not followed; nothing is left of a failure."""
    target = tmp_path / "target"
    target.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(target)
    host_files.write_file(os.fsencode(link), b"new")
    assert target.read_text() == "old" and not link.is_symlink()
    assert link.stat().st_mode & 0o777 == 0o600
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError, match="directory"):
        host_files.write_file(os.fsencode(tmp_path / "directory"), b"new")
    assert sorted(os.listdir(tmp_path)) == ["directory", "link", "target"]


def test_remove_tree_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "link").symlink_to(outside)
    (tree / os.fsdecode(b"odd\xff\nname")).write_text("")
    os.mkfifo(tree / "fifo")
    assert host_files.remove_tree(os.fsencode(tree)) is True
    assert host_files.remove_tree(os.fsencode(tree)) is True
    assert not tree.exists() and (outside / "kept").exists()
    link = tmp_path / "link"
    link.symlink_to(outside)
    host_files.remove_tree(os.fsencode(link))
    assert not link.is_symlink() and (outside / "kept").exists()


def test_remove_tree_opens_what_its_owner_closed(tmp_path: Path) -> None:
    """Images have directories without write or read permission; an ordinary user removes them.

    pytest's directories are closed to that user, who is in this one by the working directory.
    """
    script = (
        "import os, sys\n"
        "import scrun.host.tree\n"  # that user may not be able to read the checkout
        "from scrun.lua.host_files import remove_tree\n"
        "if os.geteuid() == 0: os.setgid(1); os.setuid(1)\n"
        "os.makedirs('tree/a/b'); open('tree/a/b/f', 'w').close()\n"
        "for name, mode in (('tree/a/b', 0o555), ('tree/a', 0o300), ('tree', 0)):\n"
        "    os.chmod(name, mode)\n"
        "remove_tree(b'tree')\n"
        "assert not os.path.exists('tree')\n"
    )
    tmp_path.chmod(0o777)
    checkout = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(checkout), "PATH": "/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_remove_tree_enters_no_mount(tmp_path: Path) -> None:
    """A part of the same file system that is mounted in the tree has the tree's st_dev."""
    script = (
        "import os, subprocess\n"
        "from scrun.lua.host_files import remove_tree\n"
        "subprocess.run(['mount', '--bind', 'outside', 'tree/a/b'], check=True)\n"
        "try: remove_tree(b'tree')\n"
        "except OSError as err: print(os.strerror(err.errno), err.filename)\n"
    )
    (tmp_path / "tree/a/b").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kept").touch()
    own = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else [])]
    if subprocess.run([*own, "true"], capture_output=True).returncode:
        pytest.skip("no namespace of mounts to be had here")
    checkout = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [*own, sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(checkout), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "Invalid cross-device link b\n", done.stderr
    assert (tmp_path / "outside/kept").exists()


def test_make_dirs_names_the_true_cause(site54: Site) -> None:
    """Not "no such file", which is true of the directory that could not be made."""
    site54.run(
        """
        local none, message, code = require 'host'.make_dirs '/sys/none/deeper'
        assert(none == nil and code ~= 'ENOENT', message)
        assert(code == 'EPERM' or code == 'EROFS' or code == 'EACCES', code)
        """
    )
