"""Commands are found in the image: its PATH, its links, its mounts, in crun's and runc's words."""

import ctypes
import errno
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrun.errors import ScrunError
from scrun.oci.commands import resolve_command
from scrun.oci.config import Config, check_config
from scrun.oci.image_tree import DIRECTORY, FILE, PROGRAM, UNKNOWN, ImageTree


class Image:
    """A bundle whose root filesystem a test fills."""

    def __init__(self, bundle: Path) -> None:
        self.bundle = bundle
        self.rootfs = bundle / "rootfs"
        self.rootfs.mkdir()
        self.mounts: list[dict[str, Any]] = []

    def program(self, path: str, mode: int = 0o755, base: Path | None = None) -> Path:
        file = (base or self.rootfs) / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        file.chmod(mode)
        return file

    def link(self, path: str, target: str) -> None:
        file = self.rootfs / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(target)

    def mount(
        self, destination: str, source: Path | str, kind: str = "bind", *options: str
    ) -> None:
        entry = {"destination": destination, "source": str(source), "type": kind}
        given = [*options, "rbind"] if kind == "bind" else list(options)
        self.mounts.append({**entry, "options": given})

    def config(self, *args: str, path: str | None = "/usr/bin:/bin", cwd: str = "/") -> Config:
        env = [] if path is None else [f"PATH={path}"]
        process = {"args": list(args) or ["sh"], "cwd": cwd, "env": env}
        raw = {
            "ociVersion": "1.0.2",
            "root": {"path": "rootfs"},
            "process": process,
            "mounts": self.mounts,
        }
        return check_config(raw, str(self.bundle), f"{self.bundle}/config.json")

    def resolve(self, *args: str, path: str | None = "/usr/bin:/bin", cwd: str = "/") -> str:
        return resolve_command(self.config(*args, path=path, cwd=cwd))

    def refuse(self, *args: str, **how: Any) -> tuple[str, str]:
        with pytest.raises(ScrunError) as caught:
            self.resolve(*args, **how)
        return caught.value.code, caught.value.message


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path)


NOT_FOUND = ("NO_COMMAND", 'exec: "zz": executable file not found in $PATH')


def test_path_is_the_images(image: Image) -> None:
    image.program("/opt/bin/ls")
    assert image.resolve("ls", path="/nope:/opt/bin") == "/opt/bin/ls"
    assert image.refuse("zz") == NOT_FOUND


def test_a_command_of_this_machine_only_is_not_found(image: Image) -> None:
    assert Path("/bin/ls").exists()
    image.program("/bin/sh")
    code, message = image.refuse("ls")
    assert (code, message) == ("NO_COMMAND", 'exec: "ls": executable file not found in $PATH')


def test_the_first_directory_of_path_wins(image: Image) -> None:
    image.program("/bin/x")
    image.program("/usr/bin/x")
    assert image.resolve("x", path="/bin:/usr/bin") == "/bin/x"
    assert image.resolve("x", path="/usr/bin:/bin") == "/usr/bin/x"


def test_without_path_the_usual_directories_are_searched(image: Image) -> None:
    image.program("/usr/sbin/x")
    assert image.resolve("x", path=None) == "/usr/sbin/x"


def test_the_last_path_in_env_counts(image: Image) -> None:
    """Runtimes put the entries into the environment one by one."""
    image.program("/b/x")
    config = image.config("x")
    assert resolve_command(config, env=["PATH=/a", "PATHS=/c", "PATH=/b"]) == "/b/x"


def test_links_are_followed_inside_the_image_and_kept(image: Image) -> None:
    """busybox is called by its links' names: the link is the answer, not its target."""
    image.program("/usr/bin/busybox")
    image.link("/bin", "/usr/bin")  # merged /usr, absolute: leads nowhere on this machine
    image.link("/usr/bin/sh", "../../../../usr/bin/busybox")  # more dots than directories
    image.link("/sbin", "usr/sbin")
    assert image.resolve("sh", path="/bin") == "/bin/sh"
    assert image.resolve("/bin/sh") == "/bin/sh"
    assert image.refuse("zz", path="/sbin") == NOT_FOUND


def test_links_that_lead_out_or_in_circles_are_not_found(image: Image) -> None:
    image.link("/bin/here", "/bin/ls")
    image.link("/bin/zz", "zz")
    assert Path("/bin/ls").exists()
    assert image.refuse("here")[0] == "NO_COMMAND"
    assert image.refuse("zz") == NOT_FOUND


def test_a_path_is_not_searched(image: Image) -> None:
    image.program("/work/run.sh")
    assert image.resolve("/work/run.sh") == "/work/run.sh"
    assert image.resolve("./run.sh", cwd="/work") == "/work/run.sh"
    assert image.resolve("work/run.sh") == "/work/run.sh"
    assert image.resolve("../work/run.sh", cwd="/work") == "/work/../work/run.sh"
    assert image.refuse("run.sh", cwd="/work")[0] == "NO_COMMAND"
    assert image.refuse("/nope") == (
        "NO_COMMAND",
        'exec: "/nope": stat /nope: no such file or directory',
    )
    assert image.refuse("/work/run.sh/x")[1].endswith("not a directory")


def test_relative_parts_of_path_count_from_cwd(image: Image) -> None:
    image.program("/work/x")
    for path in ("", ".", "/bin:", "../work"):
        assert image.resolve("x", path=path, cwd="/work").endswith("/work/x")


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o4644, 0])
def test_a_file_that_nobody_may_execute_is_refused(image: Image, mode: int) -> None:
    image.program("/bin/zz", mode)
    expected = ("NO_PERMISSION", 'exec: "zz": permission denied')
    assert image.refuse("zz") == expected
    assert image.refuse("/bin/zz") == ("NO_PERMISSION", 'exec: "/bin/zz": permission denied')


def test_a_later_program_beats_an_earlier_file(image: Image) -> None:
    image.program("/usr/bin/x", 0o644)
    image.program("/bin/x")
    assert image.resolve("x", path="/usr/bin:/bin") == "/bin/x"


def test_directories_and_special_files_are_refused(image: Image) -> None:
    (image.rootfs / "bin/zz").mkdir(parents=True)
    os.mkfifo(image.rootfs / "pipe", 0o755)
    denied = 'exec: "/bin": is a directory: permission denied'
    assert image.refuse("/bin") == ("NO_PERMISSION", denied)
    assert image.refuse("zz")[0] == "NO_PERMISSION"
    assert image.refuse("/pipe") == ("NO_PERMISSION", 'exec: "/pipe": permission denied')
    assert image.refuse("/")[0] == "NO_PERMISSION"
    for name in (".", ".."):
        assert image.refuse(name)[0] == "NO_COMMAND"


def test_a_bind_mount_brings_commands_and_hides_the_images(image: Image, tmp_path: Path) -> None:
    image.program("/tools/bin/x", base=tmp_path)
    image.program("/opt/bin/old")
    image.mount("/opt", tmp_path / "tools")
    assert image.resolve("x", path="/opt/bin") == "/opt/bin/x"
    assert image.refuse("/opt/bin/old")[0] == "NO_COMMAND"


def test_a_bind_mount_needs_no_directory_in_the_image(image: Image, tmp_path: Path) -> None:
    image.program("/tools/x", base=tmp_path)
    image.mount("/not/there/yet", tmp_path / "tools")
    assert image.resolve("/not/there/yet/x") == "/not/there/yet/x"
    assert image.refuse("/not/there")[1].endswith("is a directory: permission denied")
    assert image.refuse("/not/here")[0] == "NO_COMMAND"


def test_a_file_can_be_bound(image: Image, tmp_path: Path) -> None:
    image.mount("/usr/bin/init", image.program("/catatonit", base=tmp_path), "bind", "ro")
    assert image.resolve("init") == "/usr/bin/init"


def test_mounts_nest_in_their_order(image: Image, tmp_path: Path) -> None:
    image.program("/one/bin/first", base=tmp_path)
    image.program("/two/second", base=tmp_path)
    image.mount("/opt", tmp_path / "one")
    image.mount("/opt/bin", tmp_path / "two")
    assert image.resolve("/opt/bin/second") == "/opt/bin/second"
    assert image.refuse("/opt/bin/first")[0] == "NO_COMMAND"
    image.mounts.reverse()  # now the outer one covers the inner one
    assert image.resolve("/opt/bin/first") == "/opt/bin/first"
    assert image.refuse("/opt/bin/second")[0] == "NO_COMMAND"


def test_a_link_of_the_image_may_lead_into_a_mount(image: Image, tmp_path: Path) -> None:
    image.program("/tools/x", base=tmp_path)
    image.link("/bin", "/opt/tools")
    image.mount("/bin", tmp_path / "tools")  # the destination itself is a link
    assert image.resolve("x", path="/bin") == "/bin/x"
    assert image.resolve("/opt/tools/x") == "/opt/tools/x"


def test_a_link_in_a_mount_is_followed_in_the_container(image: Image, tmp_path: Path) -> None:
    image.program("/usr/bin/real")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/x").symlink_to("/usr/bin/real")
    image.mount("/opt", tmp_path / "tools")
    assert image.resolve("/opt/x") == "/opt/x"


def test_a_bind_source_is_followed_on_this_machine(image: Image, tmp_path: Path) -> None:
    image.program("/tools/x", base=tmp_path)
    (tmp_path / "current").symlink_to("tools")
    image.mount("/opt", "current")  # relative to the bundle
    assert image.resolve("/opt/x") == "/opt/x"


def test_a_tmpfs_starts_empty(image: Image, tmp_path: Path) -> None:
    image.program("/run/x")
    image.program("/tools/y", base=tmp_path)
    image.mount("/run", "tmpfs", "tmpfs")
    image.mount("/run/tools", tmp_path / "tools")
    assert image.refuse("/run/x")[0] == "NO_COMMAND"
    assert image.resolve("/run/tools/y") == "/run/tools/y"


@pytest.mark.parametrize("kind", ["overlay", "proc"])
def test_what_cannot_be_known_is_believed(image: Image, kind: str) -> None:
    image.mount("/v", kind, kind)
    assert image.resolve("/v/bin/x") == "/v/bin/x"
    assert image.resolve("x", path="/v/bin:/bin") == "/v/bin/x"
    image.program("/bin/x")  # what is seen beats what is believed
    assert image.resolve("x", path="/v/bin:/bin") == "/bin/x"


def test_a_source_that_only_nodes_have_is_believed(image: Image) -> None:
    image.mount("/sw", "/no/such/directory/here")
    assert image.resolve("/sw/bin/x") == "/sw/bin/x"


def test_an_exec_session_brings_its_own(image: Image) -> None:
    image.program("/opt/x")
    config = image.config("sh")
    assert resolve_command(config, "x", env=["PATH=/opt"]) == "/opt/x"
    assert resolve_command(config, "./x", cwd="/opt") == "/opt/x"


def test_another_rootfs_can_be_searched(image: Image, tmp_path: Path) -> None:
    image.program("/bin/x", base=tmp_path / "staged")
    assert resolve_command(image.config("x"), rootfs=str(tmp_path / "staged")) == "/bin/x"


def test_a_name_stays_on_one_line(image: Image) -> None:
    assert image.refuse('a"\nb')[1] == r'exec: "a\"\nb": executable file not found in $PATH'


NAMES = ["a", "b", "c"]
steps = st.lists(st.sampled_from([*NAMES, "..", "."]), min_size=1, max_size=4).map("/".join)
targets = steps | steps.map("/{}".format)
entries = st.lists(
    st.tuples(
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join),
        st.sampled_from(["program", "file", "directory"]) | targets.map("link:{}".format),
    ),
    max_size=8,
)


class OpenHow(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


RESOLVE_IN_ROOT = 0x10
OPENAT2 = 437 if platform.machine() in ("x86_64", "aarch64") else None
Look = Callable[[str], int]


def look_by_kernel(root_fd: int, path: str) -> int:
    """Ask openat2(2), which follows links below a root as chroot would.

    It says EAGAIN where something was renamed or mounted meanwhile, anywhere on the machine.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    how = OpenHow(os.O_PATH | os.O_CLOEXEC, 0, RESOLVE_IN_ROOT)
    size = ctypes.sizeof(how)
    arguments = (OPENAT2, root_fd, path.encode(), ctypes.byref(how), ctypes.c_size_t(size))
    while (fd := libc.syscall(*arguments)) < 0:
        if ctypes.get_errno() != errno.EAGAIN:
            return ctypes.get_errno()
    try:
        mode = os.fstat(fd).st_mode
    finally:
        os.close(fd)
    if mode & 0o170000 == 0o040000:
        return DIRECTORY
    return PROGRAM if mode & 0o111 else FILE


@pytest.fixture(scope="module")
def kernel() -> Iterator[None]:
    if OPENAT2 is None or look_by_kernel(os.open("/", os.O_PATH), "usr") != DIRECTORY:
        pytest.skip("this kernel has no openat2")
    yield


@settings(max_examples=300, deadline=None)
@given(entries=entries, paths=st.lists(targets, min_size=1, max_size=5))
def test_paths_lead_where_the_kernel_says(
    kernel: None,
    tmp_path_factory: pytest.TempPathFactory,
    entries: list[tuple[str, str]],
    paths: list[str],
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for name, kind in entries:
        if os.path.realpath((root / name).parent) != str((root / name).parent):
            continue  # never through a link: it may lead out
        try:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            if kind == "directory":
                (root / name).mkdir()
            elif kind.startswith("link:"):
                (root / name).symlink_to(kind[5:])
            elif not os.path.lexists(root / name):
                (root / name).touch(mode=0o755 if kind == "program" else 0o644)
        except OSError:
            continue  # the name is taken, or a parent is no directory
    tree = ImageTree(str(root), [], "/")
    root_fd = os.open(root, os.O_PATH)
    try:
        for path in paths:
            assert tree.look(path) == look_by_kernel(root_fd, path), (entries, path)
    finally:
        os.close(root_fd)


def test_a_directory_we_may_not_enter_is_unknown(image: Image) -> None:
    if os.geteuid() == 0:
        pytest.skip("root enters every directory")
    image.program("/closed/x")
    (image.rootfs / "closed").chmod(0)
    assert ImageTree(str(image.rootfs), [], "/").look("/closed/x") == UNKNOWN
    (image.rootfs / "closed").chmod(0o755)
