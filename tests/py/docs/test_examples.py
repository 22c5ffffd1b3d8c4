"""The example sites beyond what docs/admin.md shows of them; the demo; what `make` asks for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def use(podman: Podman, example: str, module: str) -> None:
    """Make an example's module the site's."""
    path = EXAMPLES / example / "scrun.d" / f"{module.replace('.', '/')}.lua"
    podman.cluster.override(module, path.read_text())


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
