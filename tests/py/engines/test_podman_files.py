"""A container's root file system goes to the node and comes back, however the site stages."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from tests.py.engines.engine import IMAGE
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

CHANGES = (
    "echo new > /root/new; echo more >> /etc/passwd; rm /etc/group; "
    "mkdir -p /srv/deep/er; echo x > /srv/deep/er/file; chmod 750 /srv/deep/er/file; "
    "ln -s /root/new /srv/link; exit 3"
)


def read_export(podman: Podman, name: str) -> tarfile.TarFile:
    """Return a container's root file system as ``podman export`` gives it."""
    data = podman("export", name, check=True).stdout
    return tarfile.open(fileobj=io.BytesIO(data))


def test_the_same_run_works_without_a_script(staged_podman: Podman) -> None:
    """Job, user, streams and status do not depend on how the site stages."""
    script = "echo $SLURM_JOB_ID; id -u; cat; echo error >&2; exit 7"
    done = staged_podman("run", "--rm", "-i", IMAGE, "sh", "-c", script, input=b"in\n")
    assert (done.returncode, done.stderr) == (7, b"error\n")
    job_id, *rest = done.stdout.split()
    assert rest == [b"0", b"in"]
    job = staged_podman.cluster.completed_job(int(job_id))
    assert (job["JobState"], job["ExitCode"]) == ("FAILED", "7:0")


def test_changes_in_the_root_come_back(staged_podman: Podman) -> None:
    """After a process that failed, too: new, changed and deleted files, modes and links."""
    staged_podman.text("create", "--name", "web", IMAGE, "sh", "-c", CHANGES)
    staged_podman.text("start", "web")
    assert staged_podman.wait("web") == 3
    with read_export(staged_podman, "web") as tar:
        names = tar.getnames()
        assert "etc/group" not in names
        new, passwd = tar.extractfile("root/new"), tar.extractfile("etc/passwd")
        assert new and new.read() == b"new\n"
        assert passwd and passwd.read().endswith(b"more\n")
        assert tar.getmember("srv/deep/er/file").mode & 0o777 == 0o750
        assert tar.getmember("srv/link").linkname == "/root/new"
    staged_podman.text("rm", "web")


def test_a_second_start_finds_what_the_first_left(staged_podman: Podman) -> None:
    """The container keeps its files from one job to the next, until it is removed."""
    script = (
        "cat /root/count 2>/dev/null; echo again >> /root/count; ls /etc/group; rm -f /etc/group"
    )
    staged_podman.text("create", "--name", "web", IMAGE, "sh", "-c", script)
    for _ in range(2):
        staged_podman.text("start", "web")
        staged_podman.wait("web")
    listing = staged_podman.logs("web").decode().splitlines()
    assert listing.count("again") == 1 and listing.count("/etc/group") == 1
    staged_podman.text("rm", "web")


@pytest.mark.engine_command(
    "podman",
    "cp",
    note="of a running one, what stage_in has made is seen, where it is on this machine, else the "
    "engine's copy",
)
def test_files_copied_in_are_the_processs(staged_podman: Podman, tmp_path: Path) -> None:
    """``podman cp`` before the start and after the end meet the same root."""
    cluster = staged_podman.cluster
    cluster.write_file("/home/alice/given", "given\n", owner="alice")
    script = "cat /root/given; echo taken > /root/taken"
    staged_podman.text("create", "--name", "web", IMAGE, "sh", "-c", script)
    staged_podman.text("cp", "/home/alice/given", "web:/root/given")
    staged_podman.text("start", "web")
    assert staged_podman.wait("web") == 0
    staged_podman.text("cp", "web:/root/taken", "/home/alice/taken")
    taken = cluster.root_path("/home/alice/taken")
    assert (staged_podman.logs("web"), taken.read_text()) == (b"given\n", "taken\n")
    for name in ("given", "taken"):
        cluster.root_path(f"/home/alice/{name}").unlink()
    staged_podman.text("rm", "web")


# The manual's script makes copies of volumes in the root.
@pytest.mark.parametrize("staged_podman", ["shared", "rsync", "rsync to nodes"], indirect=True)
def test_a_volume_of_a_running_container_is_copied_to(staged_podman: Podman) -> None:
    """And from, and what it holds outlives the container."""
    cluster = staged_podman.cluster
    volume = cluster.write_file("/home/alice/volume/file", "from outside\n", owner="alice").parent
    cluster.write_file("/home/alice/given", "given\n", owner="alice")
    volumes = ("-v", "/home/alice/volume:/mnt/a volume", "-v", "/home/alice/volume:/fixed:ro")
    staged_podman.run_detached("echo up; exec sleep 100", "--name", "web", *volumes)
    staged_podman.wait_for_log("web", b"up\n")
    staged_podman.text("cp", "/home/alice/given", "web:/mnt/a volume/given")
    staged_podman.text("cp", "web:/mnt/a volume/file", "/home/alice/taken")
    seen = staged_podman("exec", "web", "cat", "/mnt/a volume/given")
    refused = staged_podman("cp", "/home/alice/given", "web:/fixed/more")
    staged_podman("rm", "-f", "-t", "0", "web", check=True)
    assert refused.returncode and b"read-only file system" in refused.stderr
    assert (seen.stdout, seen.stderr) == (b"given\n", b"")
    assert (volume / "given").read_text() == "given\n"
    assert (volume / "file").read_text() == "from outside\n"
    assert cluster.root_path("/home/alice/taken").read_text() == "from outside\n"
    cluster.run(["rm", "-r", "/home/alice/volume", "/home/alice/given", "/home/alice/taken"])


@pytest.mark.engine_command("podman", "run --volume")
def test_a_volume_can_be_read(staged_podman: Podman) -> None:
    """What ``-v`` names is in the container; a script may copy it, as the manual's does."""
    path = "/home/alice/volume/file"
    file = staged_podman.cluster.write_file(path, "from outside\n", owner="alice")
    find = ["find", "/data", "-type", "f", "-exec", "cat", "{}", "+"]
    done = staged_podman("run", "--rm", "-v", "/home/alice/volume:/data", IMAGE, *find)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"from outside\n", b"")
    file.unlink()
    file.parent.rmdir()
