"""A cancelled script hears of it once, wherever it is, and can then clean up."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scrun.errors import ScriptError
from scrun.host.process import Process, spawn
from scrun.lua import LocalHost, SiteScript
from tests.py.lua.conftest import Host, Site

needs_rsync = pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")


class Cancelling(Host):
    """Cancels when a command that holds ``word`` is about to run, or is running."""

    def __init__(self, word: bytes, *, bundle: str) -> None:
        super().__init__(bundle=bundle)
        self.word = word
        self.script: SiteScript | None = None
        self.commands: list[list[bytes]] = []

    def run(self, argv: list[bytes], options: object) -> tuple[int, bytes, bytes | None]:
        self.commands.append(argv)
        if self.script is not None and any(self.word in word for word in argv):
            script, self.script = self.script, None
            script.cancel()
        return super().run(argv, options)  # type: ignore[arg-type]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_each_host_function_raises_once(site: Site) -> None:
    """Raised, not returned as ``nil, message``: a stat that says nil would mean "not there"."""
    calls = ("host.stat '/'", "host.read_file '/'", "host.run { 'true' }", "host.getenv 'A'")
    for call in (*calls, "slurm.allocator_command 'true'", "slurm.remote_command 'true'"):
        script = site.make(
            f"""
            local host = require 'host'
            function slurm_scrun_stage_out() return 0 end
            function slurm_scrun_stage_in(id, bundle)
              local ok, message = pcall(function() return {call} end)
              told = not ok and message
              second = pcall(function() return {call} end)
              return 0
            end
            """
        )
        script.cancel()
        with pytest.raises(ScriptError, match="cancelled") as caught:
            site.stage_in(script)
        assert caught.value.code == "CANCELLED", call
        told = script._runtime.get("told")
        assert told and told.endswith(b"scrun.lua:5: cancelled"), (call, told)
        assert script._runtime.get("second") is True, call


def test_a_running_command_is_interrupted(site: Site) -> None:
    """LocalHost.interrupt kills it, and the script hears "cancelled", not "status 137"."""
    script = site.make(
        """
        function slurm_scrun_stage_out() end
        function slurm_scrun_stage_in(id, bundle)
          slurm.allocator_command('touch ' .. bundle .. '/started; sleep 60; true')
          slurm.allocator_command('touch ' .. bundle .. '/went-on')
        end
        """
    )
    thread_error: list[ScriptError] = []

    def work() -> None:
        try:
            site.stage_in(script)
        except ScriptError as err:
            thread_error.append(err)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until((site.directory / "started").exists, "the command did not start")
    begun = time.monotonic()
    script.cancel()
    thread.join(60)
    assert not thread.is_alive() and time.monotonic() - begun < 40
    assert str(thread_error[0]) == f"{site.script}:4: cancelled"
    assert thread_error[0].code == "CANCELLED"
    assert not (site.directory / "went-on").exists()


def test_a_command_that_just_begins_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is there, and nobody knows of it yet; the next command is another matter."""
    host = LocalHost()

    def spawn_and_interrupt(*args: Any, **options: Any) -> Process:
        process = spawn(*args, **options)
        host.interrupt()
        return process

    with monkeypatch.context() as patch:
        patch.setattr("scrun.host.capture.spawn", spawn_and_interrupt)
        assert host.run([b"sleep", b"60"], {})[0] == 128 + signal.SIGKILL
    host.interrupt()
    assert host.run([b"true"], {})[0] == 0


def test_a_second_cancel_interrupts_the_cleaning_up(site54: Site) -> None:
    script = site54.make(
        """
        function slurm_scrun_stage_out() end
        function slurm_scrun_stage_in(id, bundle)
          while true do
            pcall(slurm.allocator_command, 'true')
            slurm.allocator_command('touch ' .. bundle .. '/cleaning')
          end
        end
        """
    )
    script.cancel()
    ended = threading.Event()

    def cancel_again() -> None:
        wait_until((site54.directory / "cleaning").exists, "it did not clean up")
        while not ended.wait(0.01):
            script.cancel()

    again = threading.Thread(target=cancel_again)
    again.start()
    try:
        with pytest.raises(ScriptError, match="cancelled"):
            site54.stage_in(script)
    finally:
        ended.set()
        again.join()


def test_success_after_a_cancellation_that_was_heard_is_none(site54: Site) -> None:
    script = site54.make(
        "function slurm_scrun_stage_out() end function slurm_scrun_stage_in() "
        "pcall(slurm.allocator_command, 'true') return 0 end"
    )
    script.cancel()
    with pytest.raises(ScriptError, match="cancelled"):
        site54.stage_in(script)
    script.clear_cancel()
    site54.stage_in(script)


def test_a_failure_after_a_cancellation_has_its_code(site54: Site) -> None:
    """Whoever waits asks for the code: what a script makes of the message is its own."""
    script = site54.make(
        "function slurm_scrun_stage_out() end function slurm_scrun_stage_in() "
        "if not pcall(slurm.allocator_command, 'true') then error 'gave up' end end"
    )
    script.cancel()
    with pytest.raises(ScriptError, match="gave up") as caught:
        site54.stage_in(script)
    assert caught.value.code == "CANCELLED"


def test_clear_cancel(site54: Site) -> None:
    script = site54.make(
        "function slurm_scrun_stage_in() return 0 end "
        "function slurm_scrun_stage_out() return (slurm.allocator_command 'true') end"
    )
    script.cancel()
    script.clear_cancel()
    site54.stage_out(script)


# -- the shipped stagers, on real files -----------------------------------------------------------


def make_bundle(directory: Path) -> None:
    (directory / "rootfs" / "etc").mkdir(parents=True)
    (directory / "rootfs" / "etc" / "motd").write_text("hello\n")
    config = {"ociVersion": "1.0.0", "root": {"path": "rootfs"}, "process": {"env": []}}
    (directory / "config.json").write_text(json.dumps(config))


def stage(
    site: Site, stager: str, word: bytes, **settings: object
) -> tuple[SiteScript, Cancelling]:
    """Cancel a stage-in by the command that holds ``word``."""
    make_bundle(site.directory)
    (site.directory / "spool").mkdir(mode=0o700)
    host = Cancelling(word, bundle=str(site.directory))
    site.host = host
    script = SiteScript(host, stager=stager)
    host.script = script
    script.load()
    defaults = script._runtime.to_python(script._runtime.require("scrun.settings"))
    context = {"settings": defaults | settings}
    with pytest.raises(ScriptError, match="cancelled") as caught:
        site.stage_in(script, spool_dir=str(site.directory / "spool"), context=context)
    assert caught.value.code == "CANCELLED"
    return script, host


@needs_rsync
def test_rsync_removes_its_half_copy(site54: Site) -> None:
    """bundle.attempt's undo runs with working primitives, and nothing is left."""
    scratch = site54.directory / "scratch"
    scratch.mkdir()
    _, host = stage(site54, "rsync", b"rsync", rsync_dir=str(scratch))
    assert host.commands and host.commands[0][0] == b"rsync"
    assert list(scratch.iterdir()) == []
    assert not (site54.directory / "spool" / "stage-directory").exists()
    assert (site54.directory / "rootfs" / "etc" / "motd").read_text() == "hello\n"
    assert host.bundle == host.orig_bundle


@needs_rsync
def test_stage_out_after_clear_cancel_removes_a_whole_copy(site54: Site) -> None:
    """The cancellation came when all was copied: the caller asks the stager to clean up."""
    scratch = site54.directory / "scratch"
    scratch.mkdir()
    make_bundle(site54.directory)
    spool = site54.directory / "spool"
    spool.mkdir(mode=0o700)
    script = SiteScript(site54.host, stager="rsync")
    script.load()
    defaults = script._runtime.to_python(script._runtime.require("scrun.settings"))
    context = {"settings": defaults | {"rsync_dir": str(scratch)}}
    site54.stage_in(script, spool_dir=str(spool), context=context)
    assert len(list(scratch.iterdir())) == 1
    script.cancel()
    with pytest.raises(ScriptError, match="cancelled"):
        site54.stage_out(script, spool_dir=str(spool), context=context)
    script.clear_cancel()
    site54.stage_out(script, spool_dir=str(spool), context=context)
    assert list(scratch.iterdir()) == []


def test_shared_removes_its_bundle(site54: Site) -> None:
    """The cancellation comes while the nodes are asked whether they see the files."""
    make_bundle(site54.directory)
    shared = site54.directory / "shared"
    shared.mkdir()
    spool = site54.directory / "spool"
    spool.mkdir(mode=0o700)
    host = Cancelling(b"-d", bundle=str(site54.directory))
    site54.host = host
    script = SiteScript(host, stager="shared")
    script.load()
    host.script = script
    defaults = script._runtime.to_python(script._runtime.require("scrun.settings"))
    wanted = {"shared_check": True, "shared_dir": str(shared)}
    context = {"settings": defaults | wanted, "backend": "slurm", "rootless": False}
    with pytest.raises(ScriptError, match="cancelled"):
        site54.stage_in(script, spool_dir=str(spool), context=context)
    assert [command[0] for command in host.commands] == [b"test"]
    assert list(shared.iterdir()) == [] and os.listdir(spool) == []
