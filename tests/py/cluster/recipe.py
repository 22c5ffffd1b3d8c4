"""What is in the cached root: packages, users, image, venv.

The cache key is a hash of this file, so everything that decides the content of the root
belongs here and nothing else does (configuration is written anew for every cluster).
"""

import io
import os
import subprocess
import tarfile
from pathlib import Path

PACKAGES = (
    "slurmctld",
    "slurmd",
    "slurm-client",
    "munge",
    "crun",
    "podman",
    "podman-compose",
    "docker.io",
    "docker-cli",
    "containerd",
    "rootlesskit",
    "busybox-static",
    "rsync",
    "lua5.1",
    "lua5.4",
    "lua-json",
    "uidmap",
    "iproute2",
    "python3",
    "python3-venv",
    "procps",
    "passwd",
    "mount",
    "ca-certificates",
)

USERS = {"alice": 1000, "bob": 1001}
SUBIDS = {"alice": (100000, 65536), "bob": (165536, 65536)}

SHARE = "/usr/share/scrun-test"
BUSY_ROOTFS = f"{SHARE}/busy"  # unpacked, for bundles made by tests
BUSY_TAR = f"{SHARE}/busy.tar"  # the same, for podman import and docker import

VENV = "/opt/scrun"

PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"
GROUP = "root:x:0:\nuser:x:1000:\n"


def mmdebstrap_command(suite: str, mirror: str, target: Path) -> list[str]:
    """Return the command that makes the bare root in ``target``."""
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=apt",
        # sid's Release file may be past its date on a mirror that is a snapshot.
        '--aptopt=Acquire::Check-Valid-Until "false"',
        "--include=" + ",".join(PACKAGES),
        suite,
        str(target),
        mirror,
    ]


def add_users(root: Path) -> None:
    """Create the users and their subordinate ids in the bare root."""
    for name, uid in USERS.items():
        command = ["useradd", "--create-home", "--shell=/bin/bash", f"--uid={uid}", name]
        subprocess.run(["chroot", str(root), *command], check=True)
    text = "".join(f"{name}:{first}:{count}\n" for name, (first, count) in SUBIDS.items())
    for table in ("subuid", "subgid"):
        (root / "etc" / table).write_text(text)


def add_busy_image(root: Path) -> None:
    """Write the busybox rootfs and its tar below ``SHARE``."""
    busybox = root / "usr/bin/busybox"
    listed = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True)
    applets = [name for name in listed.stdout.split() if name != "busybox"]
    tar_path = root / BUSY_TAR.lstrip("/")
    tar_path.parent.mkdir(parents=True)
    with tarfile.open(tar_path, "w") as tar:
        for name in ("bin", "dev", "etc", "home", "home/user", "proc", "root", "run", "sys"):
            _add(tar, name, tarfile.DIRTYPE, mode=0o755)
        for name in ("tmp", "var", "var/tmp"):
            _add(tar, name, tarfile.DIRTYPE, mode=0o755 if name == "var" else 0o1777)
        _add(tar, "bin/busybox", tarfile.REGTYPE, mode=0o755, data=busybox.read_bytes())
        _add(tar, "etc/passwd", tarfile.REGTYPE, mode=0o644, data=PASSWD.encode())
        _add(tar, "etc/group", tarfile.REGTYPE, mode=0o644, data=GROUP.encode())
        for name in applets:
            _add(tar, f"bin/{name}", tarfile.SYMTYPE, mode=0o777, target="busybox")
    rootfs = root / BUSY_ROOTFS.lstrip("/")
    rootfs.mkdir()
    subprocess.run(["tar", "-C", rootfs, "-xf", tar_path], check=True)


def _add(
    tar: tarfile.TarFile, name: str, kind: bytes, *, mode: int, data: bytes = b"", target: str = ""
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname, entry.size = kind, mode, target, len(data)
    tar.addfile(entry, io.BytesIO(data))


def add_munge_key(root: Path) -> None:
    """Give the root a munge key, readable by the user munge only."""
    key = root / "etc/munge/munge.key"
    owner = key.parent.stat()
    key.write_bytes(os.urandom(128))
    os.chown(key, owner.st_uid, owner.st_gid)
    key.chmod(0o400)


# Run inside the entered root, after the users' configuration was written: (user, command).
INSIDE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("root", ("python3", "-m", "venv", VENV)),
    ("alice", ("podman", "--runtime", "crun", "import", "-c", 'CMD ["/bin/sh"]', BUSY_TAR, "busy")),
    ("bob", ("podman", "--runtime", "crun", "import", "-c", 'CMD ["/bin/sh"]', BUSY_TAR, "busy")),
)
