"""What of ``podman run``'s options reaches the container on its node, and what is refused."""

from __future__ import annotations

import pytest

from tests.py.cluster.sandboxed import SandboxCluster
from tests.py.engines.conftest import NODES_SETTINGS, RSYNC_SETTINGS
from tests.py.engines.engine import IMAGE
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

DISCARDED = "podman discards them where the container has the network of its host"
NOT_HERE = (
    "podman makes it on this machine, or says that it has no program for it; the container would "
    "have the node's network all the same"
)
ELSEWHERE = "the other container is on its own node; containers of a pod share a job"


def run(podman: Podman, *words: str) -> bytes:
    """Return what ``podman run --rm WORDS`` prints; it must succeed and complain of nothing."""
    done = podman("run", "--rm", *words)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    return done.stdout


@pytest.mark.engine_command("podman", "run --env")
@pytest.mark.engine_command("podman", "run --workdir")
@pytest.mark.engine_command("podman", "run --user")
@pytest.mark.engine_command("podman", "run --hostname", note="with `--uts=private`")
@pytest.mark.engine_command("podman", "run --read-only")
@pytest.mark.engine_command("podman", "run --tmpfs")
@pytest.mark.engine_command("podman", "run --cap-drop")
@pytest.mark.engine_command("podman", "run --umask")
@pytest.mark.engine_command("podman", "run --security-opt no-new-privileges")
@pytest.mark.engine_command("podman", "run --pid=private")
def test_what_makes_the_process(staged_podman: Podman) -> None:
    """All at once, since each way to stage is tried."""
    script = (
        "echo $A; pwd; id -u; hostname; umask; grep -c ' /scratch tmpfs' /proc/mounts; echo $$;"
        "grep -E '^(CapEff|NoNewPrivs)' /proc/self/status; : >/x"
    )
    options = ["--env=A=b", "--workdir=/root", "--user=0", "--uts=private", "--hostname=here"]
    options += ["--umask=027", "--tmpfs=/scratch", "--pid=private", "--cap-drop=ALL", "--read-only"]
    options += ["--security-opt=no-new-privileges"]
    done = staged_podman("run", "--rm", *options, IMAGE, "sh", "-c", script)
    assert done.stdout.decode().split("\n")[:7] == ["b", "/root", "0", "here", "0027", "1", "1"]
    assert b"CapEff:\t0000000000000000\nNoNewPrivs:\t1\n" in done.stdout
    assert b"Read-only file system" in done.stderr and done.returncode != 0


@pytest.mark.engine_command(
    "podman", "run --volume", note="the files of the node, or a script's copies"
)
@pytest.mark.parametrize("option", ["-v", "--mount"])
def test_a_volume_can_be_written_where_it_is_shared(podman: Podman, option: str) -> None:
    """With the stager that copies nothing, and with ``ro`` not even then."""
    podman.cluster.root_path(f"{podman.cluster.site_dir()}/scrun.lua").unlink()
    keep = podman.cluster.write_file("/home/alice/kept/file", "old\n", owner="alice")
    source = "/home/alice/kept"
    given = f"{source}:/data" if option == "-v" else f"type=bind,src={source},dst=/data"
    run(podman, option, given, IMAGE, "sh", "-c", "echo new >/data/file")
    assert keep.read_text() == "new\n"
    done = podman("run", "--rm", "-v", f"{source}:/data:ro", IMAGE, "touch", "/data/more")
    assert done.returncode == 1 and b"Read-only file system" in done.stderr
    keep.unlink()
    keep.parent.rmdir()


@pytest.mark.engine_command(
    "podman", "run --dns", note="with the shipped stagers; with `rsync` to nodes it is the node's"
)
@pytest.mark.engine_command("podman", "run --shm-size", note="with the shipped stagers")
@pytest.mark.parametrize(
    ("settings", "server"),
    [("", "192.0.2.1"), (RSYNC_SETTINGS, "192.0.2.1"), (NODES_SETTINGS, "192.0.2.2")],
    ids=["shared", "rsync", "rsync to nodes"],
)
def test_name_servers_and_shared_memory(podman: Podman, settings: str, server: str) -> None:
    """podman writes the one after `create`, and has mounted the other before."""
    podman.cluster.root_path(f"{podman.cluster.site_dir()}/scrun.lua").unlink()
    if settings:
        podman.cluster.override("settings", settings)
    if not isinstance(podman.cluster, SandboxCluster):
        pytest.skip("only in a cluster of ours may a test change the nodes' name servers")
    podman.cluster.write_file("/etc/resolv.conf", "nameserver 192.0.2.2\n")
    script = "cat /etc/resolv.conf; df -k /dev/shm | tail -n 1"
    options = ("--dns=192.0.2.1", "--shm-size=3m")
    shown = run(podman, *options, IMAGE, "sh", "-c", script).decode().split()
    podman.cluster.write_file("/etc/resolv.conf", "")
    assert (shown[:2], shown[3]) == (["nameserver", server], "3072")


@pytest.mark.engine_command("podman", "volume")
def test_a_named_volume_keeps_its_files(podman: Podman) -> None:
    podman.cluster.root_path(f"{podman.cluster.site_dir()}/scrun.lua").unlink()
    podman.text("volume", "create", "kept")
    run(podman, "-v", "kept:/data", IMAGE, "sh", "-c", "echo it >/data/file")
    assert run(podman, "-v", "kept:/data", IMAGE, "cat", "/data/file") == b"it\n"
    podman.text("volume", "rm", "kept")


@pytest.mark.engine_command("podman", "run --init", note="with an init program of the image's kind")
def test_an_init_is_the_first_process(podman: Podman) -> None:
    """podman binds a program of this machine, which stays the parent of the command."""
    program = '#!/bin/sh\nshift\necho init $$\n"$@"\n'
    podman.cluster.write_file("/home/alice/init", program, owner="alice", mode=0o755)
    options = ("--init", "--init-path=/home/alice/init", "--pid=private")
    assert run(podman, *options, IMAGE, "sh", "-c", "echo $PPID") == b"init 1\n1\n"
    podman.cluster.root_path("/home/alice/init").unlink()


@pytest.mark.engine_command("podman", "run --device", note="of the node, with the shipped stagers")
def test_a_device_is_the_nodes(podman: Podman) -> None:
    podman.cluster.root_path(f"{podman.cluster.site_dir()}/scrun.lua").unlink()
    assert b"fuse" in run(podman, "--device=/dev/fuse", IMAGE, "ls", "/dev").split()


@pytest.mark.engine_command("podman", "run --network=host", note="the network is the node's")
def test_the_network_of_the_host_is_the_nodes(podman: Podman) -> None:
    shown = run(podman, "--network=host", IMAGE, "cat", "/proc/net/dev")
    assert len(shown.splitlines()) > 3


@pytest.mark.engine_command("podman", "run --network=none")
def test_no_network_is_none_on_the_node_either(podman: Podman) -> None:
    shown = run(podman, "--network=none", IMAGE, "cat", "/proc/net/dev").splitlines()
    assert [line.split(b":")[0].strip() for line in shown[2:]] == [b"lo"]


@pytest.mark.engine_command("podman", "run --network=bridge", refused=NOT_HERE)
@pytest.mark.engine_command("podman", "run --network=slirp4netns", refused=NOT_HERE)
@pytest.mark.engine_command("podman", "run --network=pasta", refused=NOT_HERE)
@pytest.mark.parametrize("mode", ["bridge", "slirp4netns", "pasta"])
def test_a_network_of_this_machine_is_refused(podman: Podman, mode: str) -> None:
    """podman says so before it asks for a job."""
    done = podman("run", "--rm", f"--network={mode}", IMAGE, "true")
    assert done.returncode != 0
    assert b"can't be configured" in done.stderr


@pytest.mark.engine_command("podman", "run --publish", note=f"but no port is: {DISCARDED}")
def test_ports_are_discarded(podman: Podman) -> None:
    """The container runs, and nobody listens here."""
    podman.run_detached("exec sleep 60", "--name", "web", "-p", "8080:80")
    assert podman.inspect("web")["NetworkSettings"]["Ports"] in ({}, None)
    podman.text("rm", "-f", "-t", "0", "web")


@pytest.mark.engine_command(
    "podman", "run --gpus", refused="ask Slurm: `-e SCRUN_GPUS=1`; podman knows none of the node's"
)
def test_gpus_are_slurms(podman: Podman) -> None:
    done = podman("run", "--rm", "--gpus=all", IMAGE, "true")
    assert done.returncode != 0 and b"unresolvable CDI devices" in done.stderr


@pytest.mark.engine_command(
    "podman",
    "run --memory --cpus",
    note="the job's, where podman passes them on; without cgroups v2 it ignores them, and says so",
)
@pytest.mark.engine_command(
    "podman", "run --pids-limit", note="but limits nothing: a job has no such limit"
)
def test_limits_that_podman_keeps_to_itself(podman: Podman) -> None:
    options = ("--memory=64m", "--cpus=1", "--pids-limit=50")
    done = podman("run", "--rm", *options, IMAGE, "echo", "ran")
    assert done.stdout == b"ran\n" and b"Resource limits are not supported" in done.stderr


@pytest.mark.engine_command(
    "podman",
    "run --ulimit",
    note="but limits nothing: srun hands on the limits of this machine, as `ulimit -n 512` has set "
    "before `podman run`",
)
@pytest.mark.engine_command(
    "podman", "run --group-add", note="but adds none: the user's own count, as with `keep-groups`"
)
@pytest.mark.engine_command("podman", "run --oom-score-adj", note="but the node's stays")
@pytest.mark.engine_command(
    "podman", "run --preserve-fds", note="but hands on none: no descriptor goes to a node"
)
def test_what_a_node_does_not_give_a_user(podman: Podman) -> None:
    """It is left out: what podman asks for by itself would keep a container from running."""
    podman.cluster.root_path(f"{podman.cluster.site_dir()}/scrun.lua").unlink()
    script = "ulimit -n; id -G; cat /proc/self/oom_score_adj; ls /proc/self/fd/3"
    options = "--ulimit=nofile=300:300 --group-add=5 --oom-score-adj=500 --preserve-fds=1"
    command = f"ulimit -n 512; exec podman run --rm {options} {IMAGE} sh -c '{script}' 3</dev/null"
    done = podman.cluster.run(["sh", "-c", command], user=podman.user)
    assert done.stdout.split() == [b"512", b"0", b"0"]
    assert b"/proc/self/fd/3: No such file or directory" in done.stderr


@pytest.mark.engine_command("podman", "run --timeout", note="podman's own status is 255 then")
def test_a_timeout_ends_it(podman: Podman) -> None:
    """conmon kills what it takes for the container: that ends the job."""
    done = podman("run", "--rm", "--timeout=1", IMAGE, "sleep", "600")
    assert done.returncode == 255
    assert podman.wait_for_nothing() == []


@pytest.mark.engine_command("podman", "run --rm")
def test_rm_leaves_nothing(podman: Podman) -> None:
    run(podman, "--name=web", IMAGE, "true")
    assert podman("container", "exists", "web").returncode == 1
    assert podman.wait_for_nothing() == []


@pytest.mark.engine_command("podman", "run --pid=container:NAME", refused=ELSEWHERE)
@pytest.mark.engine_command("podman", "run --ipc=container:NAME", refused=ELSEWHERE)
def test_namespaces_of_another_container(podman: Podman) -> None:
    """Refused by name, before there is a job, and nothing is left of it."""
    podman.run_detached("echo up; exec sleep 100", "--name=web", "--pid=private", "--ipc=shareable")
    for option in ("--pid", "--ipc"):
        done = podman("run", "--rm", f"{option}=container:web", IMAGE, "true")
        assert done.returncode == 126
        assert f"is of this machine, and the container is on a node: leave {option} out" in (
            done.stderr.decode()
        )
    podman.text("rm", "-f", "-t", "0", "web")


@pytest.mark.engine_command(
    "podman",
    "run --userns=keep-id",
    note="with `rsync`; `shared` refuses it: the image's files belong to subordinate ids, which a "
    "node does not map",
)
def test_shifted_ids(podman: Podman) -> None:
    """Copies are the user's, whoever's the files are."""
    podman.cluster.root_path(f"{podman.cluster.site_dir()}/scrun.lua").unlink()
    options = ("run", "--rm", "--userns=keep-id", IMAGE, "id", "-u")
    done = podman(*options)
    assert done.returncode == 126 and b"belong to a subordinate id" in done.stderr
    podman.cluster.override("settings", RSYNC_SETTINGS)
    assert podman.text(*options) == str(podman.uid)
