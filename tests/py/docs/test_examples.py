"""The example sites beyond what docs/admin.md shows of them; the demo; what `make` asks for."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrun.lua import DIALECTS
from tests.py.cluster.base import Cluster
from tests.py.docs.page import CHECKOUT
from tests.py.engines.conftest import leaving_nothing
from tests.py.engines.podman import Podman

EXAMPLES = CHECKOUT / "examples"
STRANGER = 12345
ANSWERS = "trap 'echo term; exit 5' TERM; trap 'echo usr1; exit 3' USR1; echo up; "
ANSWERS += "while :; do sleep 0.05; done"


@pytest.fixture
def podman(scrun_cluster: Cluster) -> Iterator[Podman]:
    """alice's podman at a site without files of its own."""
    with leaving_nothing(scrun_cluster) as podman:
        yield podman


def use(podman: Podman, example: str, *modules: str, **changed: str) -> None:
    """Make an example's modules the site's, all when none is named.

    Args:
        changed: what stands in the place of a word of theirs.
    """
    top = EXAMPLES / example / "scrun.d"
    found = {str(path.relative_to(top))[: -len(".lua")]: path for path in top.rglob("*.lua")}
    for name in [module.replace(".", "/") for module in modules] or found:
        text = found[name].read_text()
        for word, other in changed.items():
            text = text.replace(word, other)
        podman.cluster.override(name, text)


# What a user of an example is promised: specs, no complaint, a command that shows it.


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the examples, writable by us alone: a site's modules must be so."""
    directory = tmp_path_factory.mktemp("checkout")
    shutil.copytree(EXAMPLES, directory / "examples")
    for path in directory.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o022)
    return directory


def scrun(checkout: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a tool above the examples, as somebody without Slurm."""
    return subprocess.run(
        [sys.executable, "-m", "scrun", *args],
        cwd=checkout,
        env={
            **os.environ,
            "PYTHONPATH": str(CHECKOUT),
            "SLURM_CONF": f"{checkout}/none/slurm.conf",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


def sites() -> list[str]:
    """Return the examples that are a site's directory."""
    marks = ("scrun.lua", "scrun.d", "job_submit.lua")
    found = [path for path in EXAMPLES.iterdir() if any((path / mark).exists() for mark in marks)]
    return sorted(path.name for path in found)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_specs(checkout: Path, dialect: str, tmp_path: Path) -> None:
    """Every example does in every dialect what its specs say."""
    report = tmp_path / "junit.xml"
    done = scrun(checkout, "lua", "test", "examples", "--lua", dialect, "--junit", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    suites = {suite.get("name", "") for suite in xml.parse(report).iter("testsuite")}
    cases = list(xml.parse(report).iter("testcase"))
    assert len(sites()) >= 6 and len(cases) > 35
    assert all(any(f"examples/{site}/spec/" in name for name in suites) for site in sites())
    assert all(not len(case) for case in cases)  # none is pending either


@pytest.mark.parametrize("options", [["--all-dialects"], ["--lua", "5.1"], ["--lua", "5.5"]])
def test_nothing_is_found_in_them(checkout: Path, options: list[str]) -> None:
    """``scrun lua check`` has not even a note."""
    done = scrun(checkout, "lua", "check", *options, "examples")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def shown_commands() -> list[str]:
    """Return the commands that the examples' own comments tell to try."""
    shown = []
    for path in sorted(EXAMPLES.rglob("*.lua")):
        text = path.read_text().replace("\\\n---", "")
        shown += re.findall(r"^---     scrun (lua run .*)$", text, re.MULTILINE)
    return shown


@pytest.mark.parametrize("command", shown_commands(), ids=lambda command: command.split()[2])
def test_a_command_in_a_comment_runs(checkout: Path, command: str) -> None:
    """It shows the example at work, without a cluster."""
    done = scrun(checkout, *shlex.split(command))
    assert done.returncode == 0, done.stdout + done.stderr


def test_commands_are_shown() -> None:
    """The three examples that are about more than one file or a plugin say how to try them."""
    shown = " ".join(shown_commands())
    assert all(f"examples/{name}" in shown for name in ("partitions", "gpu", "job_submit"))


def test_job_submit_routes_its_job(checkout: Path) -> None:
    """What the command in its comment shows: the partition that was chosen, and the verdict."""
    (command,) = [one for one in shown_commands() if "job_submit" in one]
    done = json.loads(scrun(checkout, *shlex.split(command), "--json").stdout)
    assert done["verdict"]["accepted"] is True
    (change,) = done["changes"]
    assert (change["field"], change["after"]) == ("partition", "gpu")


# On a cluster.


@pytest.mark.slurm
@pytest.mark.parametrize(("sent", "status"), [("TERM", 5), ("QUIT", 5), ("USR1", 3)])
def test_signals_without_an_annotation(podman: Podman, sent: str, status: int) -> None:
    """examples/signals: QUIT arrives as TERM, every other signal as itself."""
    use(podman, "signals", "verbs.kill")
    podman.run_detached(ANSWERS, "--name", "web")
    podman.wait_for_log("web", b"up\n")
    podman.text("kill", "--signal", sent, "web")
    assert podman.wait("web") == status
    podman.text("rm", "web")


@pytest.mark.slurm
def test_a_site_that_brings_nothing_back(podman: Podman) -> None:
    """examples/scratch: the container runs from a copy, which goes without a trace."""
    use(podman, "scratch", "settings")
    make = ["install", "-d", "-m", "0700", "-o", "alice", "-g", "alice", "/scratch/alice"]
    podman.cluster.run(make, user="root", check=True)
    podman.text("create", "--name", "web", "busy", "sh", "-c", "echo $SLURM_CONTAINER >/home/file")
    podman.text("start", "--attach", "web")
    assert b"could not be found" in podman("cp", "web:/home/file", "-").stderr
    assert podman.cluster.run(["ls", "/scratch/alice/scrun"], check=True).stdout == b""
    podman.text("rm", "web")


@pytest.mark.slurm
def test_a_site_that_copies_nothing(podman: Podman) -> None:
    """examples/shared: changes are there at once; the edited config.json goes at the end."""
    podman.cluster.site_script(EXAMPLES / "shared" / "scrun.lua")
    script = "echo $SLURM_CONTAINER >/home/file; " + ANSWERS
    podman.run_detached(script, "--name", "web")
    podman.wait_for_log("web", b"up\n")
    staged = staged_bundle(podman)
    assert sorted(os.listdir(staged)) == ["config.json", "files"]
    podman.text("stop", "web")
    assert podman.wait("web") == 5
    assert not staged.exists()
    assert b"/.scrun-" in podman("cp", "web:/home/file", "-", check=True).stdout
    podman.text("rm", "web")


@pytest.mark.slurm
def test_a_partition_with_disks_of_its_own(podman: Podman) -> None:
    """examples/partitions: where the table says so the image is copied to the nodes, else not."""
    make = ["install", "-d", "-m", "0700", "-o", "alice", "-g", "alice", "/local/alice"]
    podman.cluster.run(make, user="root", check=True)
    script = ("run", "--rm", "busy", "sh", "-c", "echo $SLURM_CONTAINER")
    use(podman, "partitions")
    assert "/.scrun-" in podman.text(*script)
    use(podman, "partitions", nvme="main")
    assert podman.text(*script).startswith("/local/alice/scrun/")
    assert podman.cluster.run(["ls", "/local/alice/scrun"], check=True).stdout == b""


@pytest.mark.slurm
def test_a_partition_that_wants_to_know(podman: Podman) -> None:
    """examples/partitions: a refusal in words of the site, before there is a job."""
    use(podman, "partitions", bigmem="main")
    before = podman.job_ids()
    ask = ["run", "--rm", "--annotation", "slurm.job.partition=main"]
    done = podman(*ask, "busy", "true")
    assert b"partition main: say what the container needs, by --annotation slurm.job.mem=" in (
        done.stderr
    )
    assert (done.returncode, podman.job_ids()) == (126, before)
    ask += ["--annotation", "slurm.job.mem=100", "--annotation", "slurm.job.time=1"]
    assert podman.text(*ask, "busy", "echo", "hi") == "hi"


CDI = """
{ "devices": [
    { "name": "0", "containerEdits": { "deviceNodes": [
      { "path": "/dev/gpu0", "hostPath": "/dev/zero" } ] } },
    { "name": "1", "containerEdits": { "deviceNodes": [
      { "path": "/dev/gpu1", "hostPath": "/dev/full" } ] } } ],
  "containerEdits": {
    "env": [ "DRIVER=555" ],
    "mounts": [ { "hostPath": "/etc/cdi", "containerPath": "/usr/driver", "options": [
      "ro", "bind" ] } ] } }
"""


@pytest.mark.slurm
def test_a_job_with_a_gpu(podman: Podman) -> None:
    """examples/gpu: the granted device, the node's driver, and no other device.

    The cluster has no GPU, so the grant is not Slurm's; the devices and the rest are real.
    """
    podman.cluster.write_file("/etc/cdi/nvidia.json", CDI)
    use(podman, "gpu", **{"gpu = true": "main = true", "$SLURM_STEP_GPUS": "0"})
    script = "ls -d /dev/gpu*; head -c 1 /dev/gpu0 | od -An -b; ls /usr/driver; echo $DRIVER"
    shown = podman.text("run", "--rm", "busy", "sh", "-c", script)
    assert shown.split() == ["/dev/gpu0", "000", "nvidia.json", "555"]
    podman.cluster.root_path("/etc/cdi/nvidia.json").unlink()
    refused = podman("run", "--rm", "busy", "true")
    assert refused.returncode == 126
    assert b"has no /etc/cdi/nvidia.json that can be read" in refused.stderr


def staged_bundle(podman: Podman) -> Path:
    """Return where the container's edited config.json lies, as this machine sees it."""
    bundle = Path(podman.inspect("web")["OCIConfigPath"]).parent
    (staged,) = podman.cluster.root_path(str(bundle)).glob(".scrun-*")
    return staged


# make demo


def demo(
    tmp_path: Path, path: str = f"{Path(sys.executable).parent}:/usr/bin:/bin"
) -> subprocess.Popen[str]:
    """Start the demo with a TMPDIR of its own."""
    return subprocess.Popen(
        ["sh", EXAMPLES / "demo.sh"],
        env={"PATH": path, "TMPDIR": str(tmp_path), "SCRUN_DEBUG": "nonsense"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_demo_shows_a_life_and_cleans_up(tmp_path: Path) -> None:
    """Four verbs, what the container said, nothing left; the user's own variables do no harm."""
    running = demo(tmp_path)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (0, "")
    verbs = [line.split()[2] for line in out.splitlines() if line.startswith("$ scrun ")]
    assert verbs == ["create", "state", "start", "kill", "delete"]
    assert "the container: running as pid 1" in out and "the container: got USR1" in out
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_demo_cleans_up(tmp_path: Path) -> None:
    running = demo(tmp_path)
    assert running.stdout
    for line in running.stdout:
        if line.startswith("$ scrun start"):
            break
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == 130
    assert list(tmp_path.iterdir()) == []


# .ci/need


def need(*wants: str) -> subprocess.CompletedProcess[str]:
    """Ask for programs as somebody who cannot install any."""
    return subprocess.run(
        ["sh", "-s", "--", "demo", *wants],
        stdin=(CHECKOUT / ".ci" / "need").open(),
        capture_output=True,
        text=True,
        user=STRANGER if os.getuid() == 0 else None,
    )


def test_what_is_there_is_not_asked_for() -> None:
    done = need("sh=dash", "nosuch,sh=dash", "py:os=python3", "/bin/s?=dash", "?nosuch=extra")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_missing_is_named_in_one_line() -> None:
    """A user reads which packages to install, and learns of all at once."""
    done = need("nosuch,nosuch2=one", "sh=dash", "py:nosuch=two", "/nosuch/*=three")
    assert done.returncode == 1
    assert done.stderr.startswith("make demo: missing here: one two three. ")
    assert done.stderr.count("\n") == 1
