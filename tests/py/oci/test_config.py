"""config.json as engines write it passes; each fault is one line with file, place and cause."""

import copy
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scrun.errors import ConfigError
from scrun.oci.config import Config, join_path, read_config

MakeBundle = Callable[..., Path]

MINIMAL: dict[str, Any] = {
    "ociVersion": "1.2.0",
    "root": {"path": "rootfs"},
    "process": {"args": ["sh"], "cwd": "/"},
}

# The shape podman 5.8 writes for a rootless container on a host pid namespace, shortened.
PODMAN: dict[str, Any] = {
    "ociVersion": "1.2.0",
    "process": {
        "terminal": True,
        "user": {"uid": 0, "gid": 0, "umask": 18, "additionalGids": [0]},
        "args": ["sh", "-c", "echo hi"],
        "env": ["PATH=/bin:/usr/bin", "container=podman", "EMPTY=", "odd"],
        "cwd": "/work",
        "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"]},
        "rlimits": [
            {"type": "RLIMIT_NOFILE", "hard": 1048576, "soft": 1048576},
            {"type": "RLIMIT_NPROC", "hard": 18446744073709551615, "soft": 4096},
        ],
        "oomScoreAdj": 0,
        "consoleSize": {"height": 24, "width": 80},
    },
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "box",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]},
        {"destination": "/etc/hosts", "type": "bind", "source": "/run/hosts", "options": ["bind"]},
    ],
    "hooks": {"prestart": [{"path": "/bin/true", "args": ["true"]}], "poststop": None},
    "annotations": {"io.container.manager": "libpod"},
    "linux": {
        "cgroupsPath": None,
        "namespaces": [{"type": "ipc"}, {"type": "mount"}, {"type": "network", "path": "/x"}],
        "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1000}],
        "seccomp": {"defaultAction": "SCMP_ACT_ERRNO"},
    },
}


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    def make(config: Any, rootfs: bool = True) -> Path:
        if rootfs:
            (tmp_path / "rootfs").mkdir()
        text = config if isinstance(config, bytes) else json.dumps(config).encode()
        (tmp_path / "config.json").write_bytes(text)
        return tmp_path

    return make


def refuse(bundle: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_config(str(bundle))
    assert caught.value.code == "BAD_CONFIG"
    assert "\n" not in str(caught.value)
    return caught.value.message


def change(path: str, value: Any) -> dict[str, Any]:
    """PODMAN with one member replaced; ``...`` removes it."""
    config = copy.deepcopy(PODMAN)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place: Any = config
    for part in parents:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return config


def test_an_engines_document_is_understood(make_bundle: MakeBundle) -> None:
    bundle = make_bundle(PODMAN)
    config = read_config(str(bundle))
    assert config.raw == PODMAN
    assert config.root_path == str(bundle / "rootfs")
    assert config.path == str(bundle / "config.json")
    assert config.args == ["sh", "-c", "echo hi"]
    assert config.env == PODMAN["process"]["env"]
    assert (config.cwd, config.terminal, config.console_size) == ("/work", True, (24, 80))
    assert (config.uid, config.gid, config.hostname) == (0, 0, "box")
    assert config.annotations == {"io.container.manager": "libpod"}
    assert list(config.hooks) == ["prestart"]
    assert [mount["destination"] for mount in config.mounts] == ["/proc", "/etc/hosts"]
    assert config.namespaces[0] == {"type": "ipc"}
    assert config.oci_version == "1.2.0" and not config.root_readonly


def test_what_a_runtime_generates_is_understood(tmp_path: Path) -> None:
    """`crun spec` and `runc spec` write the runtimes' own idea of a config.json."""
    runtime = shutil.which("crun") or shutil.which("runc")
    if runtime is None:
        pytest.skip("neither crun nor runc is installed")
    subprocess.run([runtime, "spec"], cwd=tmp_path, check=True)
    (tmp_path / "rootfs").mkdir()
    config = read_config(str(tmp_path))
    assert config.args == ["sh"] and config.terminal and config.root_readonly


def test_a_bundle_without_process_has_no_command(make_bundle: MakeBundle) -> None:
    """process is required for start only (runtime-spec, config.md, "Process")."""
    config = read_config(str(make_bundle({"ociVersion": "1.0.2", "root": {"path": "rootfs"}})))
    assert (config.process, config.args, config.env, config.cwd) == (None, [], [], "/")
    assert isinstance(config, Config)


def test_a_relative_bundle_counts_from_the_working_directory(
    make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_bundle(MINIMAL)
    monkeypatch.chdir(bundle.parent)
    assert read_config(f"./{bundle.name}//").bundle == str(bundle)
    monkeypatch.chdir(bundle)
    assert read_config(".").root_path == str(bundle / "rootfs")


def test_an_absolute_root_stays(make_bundle: MakeBundle, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    root = str(tmp_path / "elsewhere")
    assert read_config(str(make_bundle(change("root/path", root)))).root_path == root


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.1.0+build.5", "1.3.0-rc.1"])
def test_versions_1_pass(make_bundle: MakeBundle, version: str) -> None:
    assert read_config(str(make_bundle(change("ociVersion", version)))).oci_version == version


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("ociVersion", ..., "ociVersion is missing"),
        ("ociVersion", "2.0.0", 'ociVersion: "2.0.0" is not supported, 1.x is'),
        ("ociVersion", "1.0", 'ociVersion: "1.0" is no version'),
        ("ociVersion", 1, "ociVersion: expected a string, found a whole number"),
        ("root", ..., "root is missing"),
        ("root", "rootfs", "root: expected an object, found a string"),
        ("root/path", ..., "root.path is missing"),
        ("root/path", "", "root.path: is empty"),
        ("root/path", "a\0b", "root.path: has a NUL character"),
        ("root/readonly", "no", "root.readonly: expected true or false, found a string"),
        ("process", [], "process: expected an object, found an array"),
        ("process/args", ..., "process.args: the command is missing"),
        ("process/args", [], "process.args: the command is missing"),
        ("process/args", "sh", "process.args: expected an array, found a string"),
        ("process/args/0", "", "process.args[0]: the command is empty"),
        ("process/args/1", 5, "process.args[1]: expected a string, found a whole number"),
        ("process/args/2", "a\0b", "process.args[2]: has a NUL character"),
        ("process/env/1", None, "process.env[1]: expected a string, found null"),
        ("process/cwd", ..., "process.cwd is missing"),
        ("process/cwd", "work", 'process.cwd: "work" is not absolute'),
        ("process/terminal", 1, "process.terminal: expected true or false, found a whole number"),
        ("process/user/uid", -1, "process.user.uid: -1 is negative"),
        ("process/user/gid", "0", "process.user.gid: expected a whole number, found a string"),
        ("process/user/uid", True, "process.user.uid: expected a whole number, found true or"),
        ("process/consoleSize/width", ..., "process.consoleSize.width is missing"),
        ("process/rlimits/1/type", "RLIMIT_NOFILE", '"RLIMIT_NOFILE" occurs twice'),
        ("process/rlimits/0/soft", ..., "process.rlimits[0].soft is missing"),
        ("process/capabilities/bounding", "x", "process.capabilities.bounding: expected an array"),
        ("mounts/0/destination", ..., "mounts[0].destination is missing"),
        ("mounts/0/options", "ro", "mounts[0].options: expected an array, found a string"),
        ("mounts", {}, "mounts: expected an array, found an object"),
        ("mounts/1", "x", "mounts[1]: expected an object, found a string"),
        ("annotations/io.container.manager", 1, 'annotations["io.container.manager"]: expected'),
        ("annotations", {"": "x"}, "annotations: a name is empty"),
        ("hooks/prestart/0/path", "true", 'hooks.prestart[0].path: "true" is not absolute'),
        ("hooks/prestart/0/timeout", 0, "hooks.prestart[0].timeout: must be greater than zero"),
        ("linux/namespaces/0/type", "mount", 'linux.namespaces[1]: "mount" occurs twice'),
        ("linux/namespaces/2/path", "x", 'linux.namespaces[2].path: "x" is not absolute'),
        ("linux/uidMappings/0/size", ..., "linux.uidMappings[0].size is missing"),
        ("hostname", 7, "hostname: expected a string, found a whole number"),
    ],
)  # fmt: skip
def test_a_fault_names_its_place(
    make_bundle: MakeBundle, path: str, value: Any, fault: str
) -> None:
    bundle = make_bundle(change(path, value))
    assert refuse(bundle).startswith(f"{bundle}/config.json: ")
    assert fault in refuse(bundle)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "line 1, column 1: a value is missing"),
        (b'{"ociVersion": "1.0.0",\n "root" {}}', "line 2, column 9: "),
        (b"[]", "top level: expected an object, found an array"),
        (b"\xff\xfe", "invalid UTF-8"),
    ],
)
def test_broken_json_names_the_line(make_bundle: MakeBundle, text: bytes, fault: str) -> None:
    assert fault in refuse(make_bundle(text))


def test_a_missing_bundle_or_file_is_told_apart(tmp_path: Path) -> None:
    assert refuse(tmp_path) == f"{tmp_path}/config.json is missing"
    assert refuse(tmp_path / "nope") == f"bundle {tmp_path}/nope is not a directory"
    (tmp_path / "file").touch()
    assert refuse(tmp_path / "file") == f"bundle {tmp_path}/file is not a directory"


def test_config_json_that_is_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    assert refuse(tmp_path) == f"{tmp_path}/config.json: is a directory"


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_permission_denied(make_bundle: MakeBundle) -> None:
    bundle = make_bundle(MINIMAL)
    (bundle / "config.json").chmod(0)
    assert refuse(bundle).endswith("config.json: permission denied")


def test_the_root_filesystem_must_be_a_directory(make_bundle: MakeBundle) -> None:
    bundle = make_bundle(MINIMAL, rootfs=False)
    assert refuse(bundle).endswith(f"root.path: {bundle}/rootfs: does not exist")
    (bundle / "rootfs").touch()
    assert refuse(bundle).endswith(f"root.path: {bundle}/rootfs: is not a directory")


@pytest.mark.parametrize(
    ("base", "path", "joined"),
    [
        ("/b", "rootfs", "/b/rootfs"),
        ("/b/", "./x//y/", "/b/x/y"),
        ("/b", "../c", "/b/../c"),  # a symlink may stand before the dots: the kernel decides
        ("/b", "/abs", "/abs"),
        ("/", ".", "/"),
    ],
)
def test_paths_join_without_reading_links(base: str, path: str, joined: str) -> None:
    assert join_path(base, path) == joined
