"""What else podman does with a container: looks at it, copies, renames, commits, pauses it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator

import pytest

from tests.py.engines.engine import IMAGE, TRAPS, only_line
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

NO_CGROUP_V2 = "refused by rootless podman itself on a machine with cgroups v1"


@pytest.fixture(scope="module")
def podman(lasting_podman: Podman) -> Podman:
    """What is done with a container here leaves it as it was."""
    return lasting_podman


@pytest.fixture(scope="module")
def web(podman: Podman) -> Iterator[str]:
    """A container that runs, and wrote a file into its root."""
    podman.run_detached(f"echo new >/new; {TRAPS}", "--name", "web", "--label", "a=b")
    podman.wait_for_log("web", b"up\n")
    yield "web"
    podman("rm", "-f", "-t", "0", "web", check=True)


@pytest.fixture(scope="module")
def ended(podman: Podman) -> Iterator[str]:
    """A container that has ended, its changes staged out."""
    podman("run", "--name", "ended", IMAGE, "sh", "-c", "echo new >/new; rm /etc/group", check=True)
    yield "ended"
    podman("rm", "ended", check=True)


@pytest.mark.engine_command("podman", "inspect")
def test_inspect_tells_runtime_and_paths(podman: Podman, web: str) -> None:
    found = podman.inspect(web)
    assert found["OCIRuntime"] == "slurm"
    assert found["State"]["Running"] and found["State"]["Pid"] > 0
    assert found["Config"]["Labels"]["a"] == "b"
    assert found["HostConfig"]["NetworkMode"] == "host"


@pytest.mark.engine_command("podman", "diff")
def test_diff_shows_what_came_home(podman: Podman, ended: str) -> None:
    lines = podman.text("diff", ended).splitlines()
    assert {"A /new", "D /etc/group"} <= set(lines)


@pytest.mark.engine_command("podman", "commit")
def test_commit_makes_an_image_of_it(podman: Podman, ended: str) -> None:
    podman.text("commit", "-q", ended, "localhost/committed")
    assert podman.text("run", "--rm", "localhost/committed", "cat", "/new") == "new"
    podman.text("rmi", "localhost/committed")


@pytest.mark.engine_command("podman", "export")
def test_export_has_its_files(podman: Podman, ended: str) -> None:
    data = podman("export", ended, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        names = archive.getnames()
    assert "new" in names and "etc/group" not in names


@pytest.mark.engine_command("podman", "rename")
def test_a_new_name_is_the_same_container(podman: Podman, web: str) -> None:
    podman.text("rename", web, "other")
    podman.text("kill", "-s", "USR1", "other")
    podman.wait_for_log("other", b"usr1\n")
    podman.text("rename", "other", web)


@pytest.mark.engine_command("podman", "init")
def test_init_creates_and_start_runs(podman: Podman) -> None:
    """Between the two it has a job, and nothing runs."""
    container_id = podman.text("create", "--name", "new", IMAGE, "echo", "ran")
    podman.text("init", "new")
    assert podman.state("new")["Status"] == "initialized"
    assert podman.job(container_id).state == "RUNNING"
    assert podman.logs("new") == b""
    assert podman.text("start", "--attach", "new") == "ran"
    podman.text("rm", "new")


@pytest.mark.engine_command("podman", "events")
def test_events_tell_of_its_life(podman: Podman) -> None:
    podman("run", "--name", "brief", "--rm", IMAGE, "true", check=True)
    podman_events = podman.text(
        *("events", "--stream=false", "--filter", "container=brief", "--format", "{{.Status}}")
    )
    seen = podman_events.split()
    assert [s for s in seen if s in ("create", "init", "start", "died", "remove")][-5:] == [
        *("create", "init", "start", "died", "remove")
    ]


@pytest.mark.engine_command("podman", "port")
def test_port_lists_none(podman: Podman, web: str) -> None:
    assert podman.text("port", web) == ""


@pytest.mark.engine_command(
    "podman",
    "top",
    note="with options of ps(1), as in `top NAME -ef`, and those are the node's processes; its own "
    "columns list none, since podman looks into this machine's /proc and asks no runtime",
)
def test_top_asks_the_nodes_ps(podman: Podman, web: str) -> None:
    """Nothing rather than this machine's processes where it looks by itself."""
    assert podman.text("top", web, "args") == "COMMAND"
    assert "sleep 0.05" in podman.text("top", web, "-o", "pid,args")


@pytest.mark.engine_command("podman", "stats", note=NO_CGROUP_V2)
@pytest.mark.engine_command("podman", "pause", note=NO_CGROUP_V2)
@pytest.mark.engine_command("podman", "unpause", note=NO_CGROUP_V2)
@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("stats", "--no-stream"), "stats is not supported in rootless mode without cgroups v2"),
        (("pause",), "can not pause containers on rootless containers with cgroup V1"),
        (("unpause",), "unpause is not supported for cgroupv1 rootless containers"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_podman_itself_refuses(
    podman: Podman, web: str, command: tuple[str, ...], reason: str
) -> None:
    """It says why, does not call the runtime, and the container goes on."""
    done = podman(*command, web)
    assert done.returncode == 125 and reason in only_line(done.stderr)
    assert podman.state(web)["Status"] == "running"


@pytest.mark.engine_command(
    "podman", "checkpoint", refused="podman has it for root alone; Slurm has no such thing"
)
def test_checkpoint_is_refused(podman: Podman, web: str) -> None:
    done = podman("container", "checkpoint", web)
    assert done.returncode == 125 and "requires root" in only_line(done.stderr)


@pytest.mark.engine_command("podman", "kube generate")
def test_kube_generate_describes_it(podman: Podman, web: str) -> None:
    assert "hostNetwork: true" in podman.text("kube", "generate", web)


@pytest.mark.engine_command("podman", "info")
def test_info_names_the_runtime(podman: Podman) -> None:
    host = json.loads(podman.text("info", "--format", "json"))["host"]
    assert host["ociRuntime"]["version"].startswith("scrun version ")


@pytest.mark.engine_command(
    "podman",
    "cp",
    note="of a running one, a volume is seen where this machine has it (Python 3.12 or newer); "
    "what is on a tmpfs is not seen, and what is copied there is lost",
)
def test_cp_of_a_running_container(podman: Podman, web: str) -> None:
    """Its own files, not this machine's; and what is copied in the process sees."""
    cluster = podman.cluster
    podman.text("cp", f"{web}:/new", "/home/alice/out")
    out = cluster.root_path("/home/alice/out")
    assert out.read_text() == "new\n"
    podman.text("cp", "/home/alice/out", f"{web}:/root/in")
    assert podman.text("exec", web, "cat", "/root/in") == "new"
    out.unlink()
    done = podman("cp", f"{web}:/home/alice", "/home/alice/out")
    assert done.returncode != 0, "this machine's /home"
