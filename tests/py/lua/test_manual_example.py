"""The example of scrun(1), as it is printed there, on a real bundle in every dialect.

It writes below /run/user/<user id>: these tests use a user id of nobody, whose directory they make
and remove, and so need root.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scrun.lua import DIALECTS, SearchPath, SiteScript
from scrun.oci.config import read_config
from tests.py.lua.conftest import DATA, Host

EXAMPLE = DATA / "manual-example-scrun.lua"
USER, GROUP = 61_234, 61_235
RUN_USER = Path("/run/user")

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a directory in /run/user"),
    pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed"),
]


@pytest.fixture
def scratch() -> Iterator[Path]:
    """/run/user/<USER>, for the time of a test."""
    made = not RUN_USER.exists()
    RUN_USER.mkdir(mode=0o755, exist_ok=True)
    directory = RUN_USER / str(USER)
    directory.mkdir(mode=0o700)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)
        if made:
            RUN_USER.rmdir()


def make_bundle(directory: Path, engine: str) -> dict[str, Any]:
    """A root file system of busybox, and a config.json that podman or docker has written."""
    rootfs = directory / "rootfs"
    for name in ("bin", "etc", "proc", "sys", "dev", "data", "tmp"):
        (rootfs / name).mkdir(parents=True)
    (rootfs / "etc" / "motd").write_text("hello\n")
    (rootfs / "bin" / "sh").symlink_to("busybox")
    (rootfs / "bin" / "busybox").write_bytes(b"\x7fELF no more")
    resolver = directory / "resolv.conf"
    resolver.write_text("nameserver 192.0.2.1\n")
    config: dict[str, Any] = json.loads((DATA / f"config-{engine}.json").read_text())
    config["root"]["path"] = "rootfs" if engine == "docker" else str(rootfs)
    kept = []
    for mount in config["mounts"]:
        if mount["type"] == "bind" and mount["destination"] == "/etc/resolv.conf":
            mount["source"] = str(resolver)
        elif mount["type"] == "bind" and not mount["source"].startswith(("/sys", "/proc")):
            continue
        kept.append(mount)
    config["mounts"] = kept
    (directory / "config.json").write_text(json.dumps(config))
    return config


def stage_in_and_out(
    bundle: Path, dialect: str, between: Any
) -> tuple[dict[str, Any], list[str], Host]:
    """Run the example; ``between`` gets the staged bundle. Returns its config.json as well."""
    host = Host(bundle=str(bundle), root_path=str(bundle / "rootfs"))
    search = SearchPath(str(DATA))
    script = SiteScript(host, script=str(EXAMPLE), search=search, dialect=dialect)
    script.load()
    spool = bundle / "spool"
    spool.mkdir(mode=0o700)
    common: dict[str, Any] = {"id": "web", "spool_dir": str(spool), "job_id": 7}
    common |= {"user_id": USER, "group_id": GROUP}
    script.stage_in(bundle=str(bundle), job_env=["SLURM_JOB_ID=7", "B=2"], **common)
    assert host.bundle is not None and host.root_path is not None
    staged = Path(os.fsdecode(host.bundle))
    text = (staged / "config.json").read_text()
    between(staged)
    script.stage_out(
        bundle=os.fsdecode(host.bundle),
        orig_bundle=str(bundle),
        root_path=os.fsdecode(host.root_path),
        orig_root_path=str(bundle / "rootfs"),
        **common,
    )
    return json.loads(text), text.split("\n"), host


def expect(config: dict[str, Any], rootfs: str) -> dict[str, Any]:
    """What the example is to make of a config.json, told in Python."""
    wanted: dict[str, Any] = json.loads(json.dumps(config))
    wanted["root"]["path"] = rootfs
    wanted["ociVersion"] = "1.0.0"
    process, linux = wanted["process"], wanted["linux"]
    process["user"].pop("additionalGids", None)
    process["env"] += ["SLURM_JOB_ID=7", "B=2"]
    del process["rlimits"]
    wanted.get("hooks", {}).pop("prestart", None)
    linux["namespaces"].append({"type": "user"})
    linux["uidMappings"] = [{"containerID": 0, "hostID": USER, "size": 1}]
    linux["gidMappings"] = [{"containerID": 0, "hostID": GROUP, "size": 1}]
    linux.pop("cgroupsPath", None)
    mounts = []
    for mount in wanted["mounts"]:
        options = [option for option in mount["options"] if not option.startswith(("gid=", "uid="))]
        if mount["type"] != "bind" or mount["source"].startswith(("/sys", "/proc")):
            mounts.append(mount | {"options": options})
    wanted["mounts"] = mounts
    return wanted


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_the_example_runs_unmodified(tmp_path: Path, scratch: Path, engine: str) -> None:
    """In each of the six dialects: the same config.json, valid, and changes come back."""
    texts = {}
    for dialect in DIALECTS:
        bundle = tmp_path / dialect
        bundle.mkdir()
        config = make_bundle(bundle, engine)
        rootfs = bundle / "rootfs"

        def change(staged: Path, rootfs: Path = rootfs) -> None:
            assert staged.parent == scratch / "slurm" / "scrun"
            for name in ("etc/motd", "bin/busybox"):
                assert filecmp.cmp(staged / "rootfs" / name, rootfs / name, shallow=False)
            assert (staged / "rootfs" / "etc" / "resolv.conf").read_text().startswith("nameserver")
            read_config(str(staged))
            (staged / "rootfs" / "etc" / "motd").write_text("changed\n")
            (staged / "rootfs" / "etc" / "new").write_text("new\n")
            (staged / "rootfs" / "bin" / "sh").unlink()

        found, lines, host = stage_in_and_out(bundle, dialect, change)
        assert found == expect(config, os.fsdecode(host.root_path or b"")), dialect
        texts[dialect] = "\n".join(lines)
        assert (rootfs / "etc" / "motd").read_text() == "changed\n"
        assert (rootfs / "etc" / "new").exists() and not (rootfs / "bin" / "sh").is_symlink()
        assert list((scratch / "slurm" / "scrun").iterdir()) == []
        logged = [text for _, text in host.lines]
        assert logged[0] == "lua: initialized scrun.lua"
        assert logged[1].startswith(f"lua: stage_in(web, {bundle}, {bundle}/spool, ")
        assert logged[1].endswith(f"7, {USER}, {GROUP})")
        assert not [text for text in logged if "failed" in text or "warning" in text]
    assert len(set(texts.values())) == 1


def test_a_bundle_that_was_not_staged_is_left_alone(tmp_path: Path, scratch: Path) -> None:
    """The example's own rule: bundle == orig_bundle, nothing to do."""
    host = Host()
    script = SiteScript(host, script=str(EXAMPLE))
    script.stage_out(
        id="web", bundle="/b", orig_bundle="/b", spool_dir="/s", job_id=7, orig_root_path="/b/r"
    )
    assert host.lines[-1][1] == "lua: skipping stage_out as bundle=orig_bundle=/b"
