"""The OCI lifecycle on the local backend, with a real OCI runtime (runtime-spec, "Lifecycle")."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.py.lifecycle.conftest import Scrun, write_config


def test_lifecycle_from_create_to_delete(scrun: Scrun, bundle: Path) -> None:
    """created has run nothing; the document stays until delete; then nothing is left."""
    write_config(bundle, "echo out; echo err >&2; exit 7")
    scrun.create("web", bundle)
    created = scrun.state("web")
    assert created["status"] == "created"
    assert created["pid"] == int((bundle / "pid").read_text())
    assert created["annotations"] == {"org.example.note": "kept"}
    assert (bundle / "stdout").read_bytes() == b""
    start = scrun("start", "web")
    assert (start.returncode, start.stdout, start.stderr) == (0, "", "")
    scrun.wait_status("web", "stopped")
    assert (bundle / "stdout").read_bytes() == b"out\n"
    assert (bundle / "stderr").read_bytes() == b"err\n"
    assert scrun("delete", "web").returncode == 0
    assert list(scrun.root.iterdir()) == []
    assert scrun("state", "web").returncode == 1


def test_anchor_ends_with_the_exit_status_of_the_container(scrun: Scrun, bundle: Path) -> None:
    """Engines reap the pid of the pid file and take its status for the container's."""
    import ctypes

    pr_set_child_subreaper = 36
    assert ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0) == 0  # as conmon does
    scrun.create("web", bundle)
    pid = int((bundle / "pid").read_text())
    assert scrun("start", "web").returncode == 0
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert scrun("delete", "web").returncode == 0


def test_kill_reaches_the_trap_of_the_process(scrun: Scrun, bundle: Path) -> None:
    write_config(bundle, "trap 'echo got; exit 9' USR1; echo up; while :; do sleep 0.05; done")
    scrun.create("web", bundle)
    scrun("start", "web")
    deadline = time.monotonic() + 20
    while (bundle / "stdout").read_bytes() != b"up\n":
        assert time.monotonic() < deadline, (bundle / "stderr").read_text()
        time.sleep(0.02)
    assert scrun("kill", "web", "USR1").returncode == 0
    scrun.wait_status("web", "stopped")
    assert (bundle / "stdout").read_bytes() == b"up\ngot\n"
    late = scrun("kill", "web", "TERM")
    assert late.returncode == 1 and "container not running" in late.stderr
    assert scrun("delete", "web").returncode == 0


def test_delete_of_a_running_container_needs_force(scrun: Scrun, bundle: Path) -> None:
    write_config(bundle, "sleep 60")
    scrun.create("web", bundle)
    scrun("start", "web")
    refused = scrun("delete", "web")
    assert refused.returncode == 1 and "running" in refused.stderr
    assert scrun("delete", "--force", "web").returncode == 0
    assert list(scrun.root.iterdir()) == []


def test_created_container_may_be_deleted(scrun: Scrun, bundle: Path) -> None:
    scrun.create("web", bundle)
    assert scrun("delete", "web").returncode == 0
    assert list(scrun.root.iterdir()) == []
    assert (bundle / "stdout").read_bytes() == b""


def test_start_needs_a_created_container(scrun: Scrun, bundle: Path) -> None:
    write_config(bundle, "sleep 60")
    scrun.create("web", bundle)
    assert scrun("start", "web").returncode == 0
    again = scrun("start", "web")
    assert again.returncode == 1 and "it is running" in again.stderr
    assert scrun("delete", "-f", "web").returncode == 0


def test_second_create_of_an_id_leaves_the_first_alone(scrun: Scrun, bundle: Path) -> None:
    scrun.create("web", bundle)
    again = scrun("create", "--bundle", str(bundle), "web")
    assert again.returncode == 1 and "already exists" in again.stderr
    assert scrun.state("web")["status"] == "created"
    assert scrun("delete", "web").returncode == 0


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a b", "."])
def test_bad_ids_are_refused_and_make_nothing(scrun: Scrun, bundle: Path, name: str) -> None:
    answer = scrun("create", "--bundle", str(bundle), name)
    assert answer.returncode != 0 and answer.stderr.count("\n") == 1
    assert not scrun.root.exists() or list(scrun.root.iterdir()) == []


def test_broken_bundles_leave_nothing(scrun: Scrun, bundle: Path) -> None:
    """One line says what and where, on stderr and as one JSON object in --log."""
    log = bundle / "log"
    (bundle / "config.json").write_text('{"ociVersion": ')
    answer = scrun("--log", str(log), "--log-format", "json", "create", "-b", str(bundle), "web")
    assert answer.returncode == 1 and "config.json" in answer.stderr
    entry = json.loads(log.read_text())
    assert entry["level"] == "error" and "config.json" in entry["msg"]
    assert not scrun.root.exists() or list(scrun.root.iterdir()) == []


@pytest.mark.parametrize("verb", ["state", "start", "kill", "delete"])
def test_unknown_id_is_an_error(scrun: Scrun, verb: str) -> None:
    answer = scrun(verb, "nobody")
    assert answer.returncode == 1 and 'container "nobody" does not exist' in answer.stderr


def test_site_override_changes_a_verb(scrun: Scrun, site: Path, bundle: Path) -> None:
    """A file in scrun.d/verbs extends the shipped module: TERM is delivered as USR1."""
    override = site / "scrun.d" / "verbs" / "kill.lua"
    override.write_text(
        "local kill = require 'luastd.verbs.kill'\nkill.translate.TERM = 'USR1'\nreturn kill\n"
    )
    override.chmod(0o644)
    write_config(bundle, "trap 'echo usr1; exit 0' USR1; echo up; while :; do sleep 0.05; done")
    scrun.create("web", bundle)
    scrun("start", "web")
    deadline = time.monotonic() + 20
    while (bundle / "stdout").read_bytes() != b"up\n":
        assert time.monotonic() < deadline, (bundle / "stderr").read_text()
        time.sleep(0.02)
    assert scrun("kill", "web", "TERM").returncode == 0
    scrun.wait_status("web", "stopped")
    assert (bundle / "stdout").read_bytes() == b"up\nusr1\n"
    assert scrun("delete", "web").returncode == 0


def test_syntax_error_in_an_override_names_file_and_line(
    scrun: Scrun, site: Path, bundle: Path
) -> None:
    override = site / "scrun.d" / "verbs" / "create.lua"
    override.write_text("local M = {}\nM.run = = 1\nreturn M\n")
    override.chmod(0o644)
    answer = scrun("create", "--bundle", str(bundle), "web")
    assert answer.returncode == 1
    assert f"{override}:2:" in answer.stderr and answer.stderr.count("\n") == 1
    assert list(scrun.root.iterdir()) == []
