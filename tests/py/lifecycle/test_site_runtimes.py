"""Runtimes that do not know OCI, as in Slurm's examples for Singularity, Charliecloud and Enroot.

A command is run in a root filesystem, and known by the number of its process alone.
Source: Slurm, containers.html, "Example configurations for various OCI Runtimes"; oci.conf(5).
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.py.lifecycle.conftest import local
from tests.py.lifecycle.console import Console, with_terminal
from tests.py.lifecycle.foreign import DELETE, Site, UserRuntime, clean_slurm
from tests.py.lifecycle.runtimes import Bundle, LocalRuntime
from tests.py.lifecycle.test_crash import alive, kill_anchor, processes

WAIT = "while :; do sleep 0.05; done"
# Without single quotes: slurmstepd does not quote them right for the shell (_pattern_argv).
TRAP = f'trap "echo usr1; exit 3" USR1; trap "echo term" TERM; echo up; {WAIT}'


@pytest.fixture(
    params=["local", *(pytest.param(n, marks=pytest.mark.slurm) for n in ("slurm", "local-user"))]
)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Such a site, without Slurm (also as an ordinary user) and with it; nothing may be left."""
    if request.param == "local":
        for runtime in local(tmp_path_factory.mktemp("site")):
            site = Site(runtime)
            site.write()
            yield site
        return
    if request.param == "local-user":
        user = UserRuntime(request.getfixturevalue("scrun_cluster"))
        site = Site(user)
        site.write()
        yield site
        user.check_nothing_left()
        return
    with clean_slurm(request) as slurm:
        site = Site(slurm)
        site.write()
        yield site


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    """Such a site without Slurm."""
    for runtime in local(tmp_path):
        site = Site(runtime)
        site.write()
        yield site


@pytest.mark.parametrize("name", ["USR1", "TERM", "HUP"])
def test_a_signal_reaches_the_process(site: Site, name: str) -> None:
    """RunTimeKill is `kill -s SIGTERM %p`: the process gets the signal that was asked for."""
    runtime = site.runtime
    bundle = runtime.run("web", TRAP.replace("echo term", "echo term; exit 4"))
    runtime.wait_output(bundle, "up\n")
    assert runtime("kill", "web", name).returncode == 0
    runtime.wait_status("web", "stopped")
    told = {"USR1": ["usr1"], "TERM": ["term"], "HUP": []}[name]
    assert bundle.read("stdout").splitlines() == ["up", *told]
    assert runtime("delete", "web").returncode == 0


def test_signals_one_after_the_other(site: Site) -> None:
    """The process is looked for each time."""
    runtime = site.runtime
    bundle = runtime.run("web", TRAP)
    runtime.wait_output(bundle, "up\n")
    for count in (1, 2, 3):
        assert runtime("kill", "web", "TERM").returncode == 0
        runtime.wait_output(bundle, "up\n" + count * "term\n")
    assert runtime.state("web")["status"] == "running"
    assert runtime("kill", "web", "KILL").returncode == 0
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_a_running_container_is_deleted_by_force(site: Site) -> None:
    """With all that it runs."""
    runtime = site.runtime
    bundle = runtime.run("web", f"sleep 4720 & echo up; {WAIT}")
    runtime.wait_output(bundle, "up\n")
    assert runtime("delete", "--force", "web").returncode == 0
    runtime.check_nothing_left()


def test_a_wrapper_that_waits_for_the_container(site: Site) -> None:
    """KILL ends the wrapper alone; the container's process does not stay behind."""
    site.write(execs=False)
    runtime = site.runtime
    bundle = runtime.run("web", f"sleep 4721 & echo up; {WAIT}")
    runtime.wait_output(bundle, "up\n")
    assert runtime("kill", "web", "KILL").returncode == 0
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0
    runtime.check_nothing_left()


def test_arguments_and_exit_status(site: Site) -> None:
    """`%@` is the command, each word whole, its program looked up in the image."""
    runtime = site.runtime
    words = ["sh", "-c", 'printf "<%s>" "$0" "$@"; exit 7', "it is", 'a "b" $c', ""]
    expected = '<it is><a "b" $c><>'
    if runtime.name == "local":  # as for TRAP
        words.append("it's")
        expected += "<it's>"
    bundle = runtime.make_bundle("")
    bundle.edit(lambda config: config["process"].update(args=words))
    runtime.create("web", bundle)
    assert runtime("start", "web").returncode == 0
    runtime.wait_status("web", "stopped")
    assert bundle.read("stdout") == expected, bundle.read("stderr")
    assert runtime("delete", "web").returncode == 0


# Without Slurm.


def test_the_environment_file(here: Site) -> None:
    """CreateEnvFile=newline: process.env, but for what has a line break; for nobody else."""
    runtime = here.runtime
    bundle = runtime.make_bundle(f"env; echo up; {WAIT}")
    entries = ["PATH=/bin", "WORDS=a 'b' c", "TWO=1\n2", "SECRET=x"]
    bundle.edit(lambda config: config["process"].update(env=entries))
    here.write(more='EnvExclude="^SECRET="\n')
    runtime.create("web", bundle)
    assert runtime("start", "web").returncode == 0
    runtime.wait_output(bundle, "up\n")
    lines = bundle.read("stdout").splitlines()
    assert "WORDS=a 'b' c" in lines and "PATH=/bin" in lines
    assert any(line.startswith("SCRUN_BUNDLE=") for line in lines)
    assert not any(line.startswith(("TWO=", "SECRET=")) for line in lines)
    (file,) = Path(runtime.root, "web").rglob("environment")
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700
    assert runtime("kill", "web", "KILL").returncode == 0
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0
    assert not file.exists()


@pytest.mark.parametrize("value", ["null", "disabled"])
def test_other_environment_files(here: Site, value: str) -> None:
    """null: each variable ends in NUL, and may have line breaks. disabled: there is none."""
    runtime = here.runtime
    here.write(more=f"CreateEnvFile={value}\n")
    bundle = runtime.make_bundle("")
    where = "exec 2>&1; cat /environment"
    args = ["sh", "-c", where]
    bundle.edit(lambda config: config["process"].update(args=args, env=["PATH=/bin", "TWO=1\n2"]))
    wrapper = Path(runtime.home, "wrapper")
    wrapper.write_text(
        '#!/bin/sh\nroot=$2 file=$3\nshift 4\n[ -e "$file" ] && cp "$file" "$root/environment"\n'
        'exec /usr/sbin/chroot "$root" "$@"\n'
    )
    runtime.create("web", bundle)
    assert runtime("start", "web").returncode == 0
    runtime.wait_status("web", "stopped")
    text = bundle.read("stdout")
    if value == "null":
        assert text.startswith("PATH=/bin\0TWO=1\n2\0") and text.endswith("\0")
    else:
        assert "No such file" in text
    assert runtime("delete", "web").returncode == 0


def test_the_root_is_where_config_json_says(here: Site) -> None:
    """`%r` is root.path, absolute or below the bundle under any name."""
    runtime = here.runtime
    for place in ("other root", f"{runtime.home}/elsewhere"):
        bundle = runtime.make_bundle("echo up")
        (bundle.outside / "rootfs").rename(bundle.outside / place)
        bundle.edit(lambda config, place=place: config["root"].update(path=place))  # type: ignore[misc]
        runtime.create("web", bundle)
        assert runtime("start", "web").returncode == 0
        runtime.wait_status("web", "stopped")
        assert bundle.read("stdout") == "up\n", bundle.read("stderr")
        assert runtime("delete", "web").returncode == 0


def test_a_terminal(here: Site) -> None:
    """The command has it, and its hang-up or our signal ends all that it started."""
    runtime = here.runtime
    bundle = runtime.make_bundle(f"sleep 4722 & echo up; {TRAP}")
    with_terminal(bundle)
    with Console(runtime) as console:
        assert (
            runtime(
                "create", "--bundle", bundle.path, "--console-socket", console.path, "web"
            ).returncode
            == 0
        )
        terminal = console.accept()
        assert runtime("start", "web").returncode == 0
        terminal.expect("up\r?\n")
        terminal.expect("up\r?\n")
        assert runtime("kill", "web", "USR1").returncode == 0
        terminal.expect("usr1\r?\n")
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_nothing_is_removed_by_number_once_it_has_ended(here: Site) -> None:
    """RunTimeDelete with `%p` is not run when there is no process: the number may be another's."""
    runtime = here.runtime
    runtime.run("web", "true")
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0
    runtime.create("web", runtime.make_bundle("true"))
    assert runtime("delete", "--force", "web").returncode == 0
    runtime.create("web", runtime.make_bundle("true"))
    kill_anchor(runtime)
    assert runtime.state("web")["status"] == "stopped"
    assert runtime("delete", "web").returncode == 0
    assert here.deletes == []


@pytest.mark.parametrize(
    "delete", [DELETE, "kill -s SIGKILL %p", "kill -s TERM %p", "/bin/false %p"], ids=range(4)
)
@pytest.mark.parametrize("execs", [True, False], ids=["exec", "wait"])
def test_the_guard_ends_the_process_of_a_dead_anchor(here: Site, delete: str, execs: bool) -> None:
    """By RunTimeDelete, and what that leaves: dash knows no SIGKILL, and TERM may be ignored."""
    here.write(delete=delete, execs=execs)
    runtime = here.runtime
    bundle = runtime.run("web", f"trap '' TERM; sleep 4723 & echo up; {WAIT}")
    runtime.wait_output(bundle, "up\n")
    kill_anchor(runtime)
    runtime.wait_until(
        lambda: all(line.startswith("/") for line in runtime.leftovers()), "only files are left"
    )
    runtime.wait_until(lambda: not processes(runtime, "^sleep 4723$"), "its child is gone")
    if delete == DELETE:
        assert len(here.deletes) == 1
    assert runtime("delete", "web").returncode == 0


def test_recovery_spares_another_process_of_that_number(here: Site) -> None:
    """Anchor, guard and process are dead, and the number is another's: that one lives on."""
    runtime = here.runtime
    bundle = runtime.run("web", "echo up; exec sleep 4724")
    runtime.wait_output(bundle, "up\n")
    note = Path(runtime.root, "web", "runtime-process")
    for pid in processes(runtime, f"scrun-guard .*{runtime.root}"):
        os.kill(pid, signal.SIGKILL)
    kill_anchor(runtime)
    number, began = note.read_text().split()
    os.kill(int(number), signal.SIGKILL)
    with subprocess.Popen(["sleep", "60"], process_group=0) as stranger:
        note.write_text(f"{stranger.pid} {began}\n")
        try:
            assert runtime.state("web")["status"] == "stopped"
            assert runtime("delete", "--force", "web").returncode == 0
            assert alive(stranger.pid)
        finally:
            stranger.kill()
    assert here.deletes == []


def test_recovery_ends_the_process(here: Site) -> None:
    """Anchor and guard are dead: a verb ends it, with what the wrapper started."""
    here.write(execs=False)
    runtime = here.runtime
    bundle = runtime.run("web", f"sleep 4725 & echo up; {WAIT}")
    runtime.wait_output(bundle, "up\n")
    for pid in processes(runtime, f"scrun-guard .*{runtime.root}"):
        os.kill(pid, signal.SIGKILL)
    kill_anchor(runtime)
    assert runtime.state("web")["status"] == "stopped"
    runtime.wait_until(lambda: not processes(runtime, "^sleep 4725$"), "its process is gone")
    assert runtime("delete", "web").returncode == 0


def test_without_a_command_to_kill(here: Site) -> None:
    """IgnoreFileConfigJson lets RunTimeKill be missing: KILL works, and others say why not."""
    runtime = here.runtime
    assert isinstance(runtime, LocalRuntime)
    conf = f'IgnoreFileConfigJson=true\nRunTimeRun="{runtime.home}/wrapper %b %r - -- %@"\n'
    runtime.write_site("oci.conf", conf)
    bundle = runtime.run("web", f"echo up; {WAIT}")
    runtime.wait_output(bundle, "up\n")
    refused = runtime("kill", "web", "USR1")
    assert refused.returncode == 1 and "RunTimeKill is missing" in refused.stderr
    assert runtime("kill", "web", "KILL").returncode == 0
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


# With Slurm.


@pytest.mark.slurm
def test_a_process_that_is_not_found_gets_no_signal(request: pytest.FixtureRequest) -> None:
    """Where the node cannot tell the number: a failure for the caller; KILL ends the job."""
    with clean_slurm(request) as slurm:
        site = Site(slurm)
        site.write()
        slurm.cluster.write_file(
            f"{slurm.home}/bin/scontrol",
            '#!/bin/sh\n[ "$1" != listpids ] || exit 1\nexec /usr/bin/scontrol "$@"\n',
            mode=0o755,
            owner="alice",
        )
        bundle = slurm.make_bundle(TRAP)
        argv = slurm.argv("create", "--bundle", bundle.path, "web")
        path = f"{slurm.home}/bin:/usr/local/bin:/usr/bin:/bin"
        create = slurm.popen(
            argv,
            env={"PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=(bundle.outside / "stdout").open("wb"),
            stderr=(bundle.outside / "stderr").open("wb"),
        )
        assert create.wait(60) == 0, bundle.read("stderr")
        assert slurm("start", "web").returncode == 0
        slurm.wait_output(bundle, "up\n")
        refused = slurm("kill", "web", "USR1")
        assert refused.returncode == 1 and "the node did not deliver it" in refused.stderr
        assert slurm.state("web")["status"] == "running"
        assert bundle.read("stdout") == "up\n"
        assert slurm("kill", "web", "KILL").returncode == 0
        slurm.wait_status("web", "stopped")
        assert slurm("delete", "web").returncode == 0


def bundle_text(bundle: Bundle) -> list[str]:
    """Return the lines that a container wrote, in their order of the alphabet."""
    return sorted(bundle.read("stdout").splitlines())


@pytest.mark.slurm
def test_every_task_gets_the_signal(request: pytest.FixtureRequest) -> None:
    """Of three tasks on two nodes each is looked for on its own node."""
    with clean_slurm(request) as slurm:
        site = Site(slurm)
        site.write()
        bundle = slurm.make_bundle(TRAP)
        options = {"SCRUN_NUM_NODES": "2", "SCRUN_NTASKS": "3"}
        argv = slurm.argv("create", "--bundle", bundle.path, "web")
        create = slurm.popen(
            argv,
            env=options,
            stdin=subprocess.DEVNULL,
            stdout=(bundle.outside / "stdout").open("wb"),
            stderr=(bundle.outside / "stderr").open("wb"),
        )
        assert create.wait(60) == 0, bundle.read("stderr")
        assert slurm("start", "web").returncode == 0
        slurm.wait_until(lambda: bundle_text(bundle) == ["up"] * 3, "all are up")
        assert slurm("kill", "web", "USR1").returncode == 0
        slurm.wait_status("web", "stopped")
        assert bundle_text(bundle) == ["up"] * 3 + ["usr1"] * 3
        assert slurm("delete", "web").returncode == 0
