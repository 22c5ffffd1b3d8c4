"""The local backend's anchor is killed while the OCI runtime still makes the container."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.py.lifecycle.conftest import local
from tests.py.lifecycle.console import Console, with_terminal
from tests.py.lifecycle.runtimes import Bundle, ClusterRuntime, Runtime
from tests.py.lifecycle.test_crash import kill_anchor
from tests.py.lifecycle.test_local import find_runtime

# Says what it is about to do, and makes the container only when it is told to.
SLOW = """\
#!/bin/sh
case " $* " in
*" run "*)
  echo >{here}/making
  until [ -e {here}/go-on ]; do sleep 0.01; done ;;
*" delete "*) echo >{here}/deleting ;;
esac
PATH=$PATH:/usr/sbin
exec {name} "$@"
"""
SETTINGS = """\
local settings = require 'luastd.settings'
settings.backend, settings.local_runtime = 'local', '{program}'
return settings
"""


@pytest.fixture(params=["local", pytest.param("local-user", marks=pytest.mark.slurm)])
def runtime(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    """The local backend, on this machine and as an ordinary user; nothing may be left."""
    if request.param == "local":
        yield from local(tmp_path_factory.mktemp("guard"))
        return
    ours = ClusterRuntime(request.getfixturevalue("scrun_cluster"), "local")
    yield ours
    ours.check_nothing_left()


class SlowRuntime:
    """An OCI runtime that begins to make a container, and goes on when it is told to.

    Args:
        console: the container's terminal, if it has one.
    """

    def __init__(self, runtime: Runtime, console: Console | None) -> None:
        self._runtime = runtime
        self._console = console
        name = "crun" if isinstance(runtime, ClusterRuntime) else find_runtime().split()[0]
        here = f"{runtime.home}/slow"
        program = f"{here}/{name}"  # a crun is known by its name
        self._directory = runtime.outside(here)
        self._directory.mkdir()
        self._directory.chmod(0o777)  # for the notes of whoever runs it
        script = runtime.outside(program)
        script.write_text(SLOW.format(here=here, name=name))
        script.chmod(0o755)
        runtime.write_site("scrun.d/settings.lua", SETTINGS.format(program=program))

    def run(self, script: str) -> Bundle:
        """Create and start ``web``, where no oci.conf names another runtime."""
        bundle = self._runtime.make_bundle(script)
        options = ["--bundle", bundle.path]
        if self._console is not None:
            with_terminal(bundle)
            options += ["--console-socket", self._console.path]
        create = self._runtime.popen(
            self._runtime.argv("create", *options, "web"),
            env={"SLURM_CONF": f"{self._runtime.home}/slow/slurm.conf"},
            stdin=subprocess.DEVNULL,
            stdout=(bundle.outside / "stdout").open("wb"),
            stderr=(bundle.outside / "stderr").open("wb"),
        )
        assert create.wait(60) == 0, bundle.read("stderr")
        if self._console is not None:
            self._console.accept()
        assert self._runtime("start", "web").returncode == 0
        return bundle

    def wait_for(self, note: str) -> None:
        """Wait until it has noted that it is ``making`` or ``deleting``."""
        self._runtime.wait_until((self._directory / note).exists, f"the runtime is {note}")

    def go_on(self) -> None:
        """Let it make the container."""
        (self._directory / "go-on").touch()


@pytest.fixture(params=[False, True], ids=["streams", "terminal"])
def slow(request: pytest.FixtureRequest, runtime: Runtime) -> Iterator[SlowRuntime]:
    """A slow runtime; with a terminal it leads a session, and is not of its anchor's."""
    if not request.param:
        yield SlowRuntime(runtime, None)
        return
    with Console(runtime) as console:
        yield SlowRuntime(runtime, console)


def wait_until_over(runtime: Runtime) -> None:
    """Wait until no process is left of the container, nor of what ran it."""
    runtime.wait_until(
        lambda: all(line.startswith("/") for line in runtime.leftovers()), "only files are left"
    )


def test_a_container_made_after_its_anchors_death_is_removed(
    runtime: Runtime, slow: SlowRuntime
) -> None:
    """Nobody has to ask: what watches over the container waits for the runtime's end."""
    slow.run("exec sleep 4713")
    slow.wait_for("making")
    kill_anchor(runtime)
    slow.wait_for("deleting")  # too early: there is nothing yet
    slow.go_on()
    wait_until_over(runtime)
    assert runtime("delete", "web").returncode == 0


def test_a_verb_that_finds_the_runtime_at_it_ends_it(runtime: Runtime, slow: SlowRuntime) -> None:
    """`state` says stopped, and stopped it stays: no process of the user's begins after that."""
    bundle = slow.run("echo ran >/root/ran; exec sleep 4714")
    slow.wait_for("making")
    kill_anchor(runtime)
    assert runtime.state("web")["status"] == "stopped"
    slow.go_on()
    wait_until_over(runtime)
    assert runtime("delete", "web").returncode == 0
    assert bundle.read("rootfs/root/ran") == ""
