"""The site's script and overrides at work: what they get, and what their mistakes do."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time

import pytest

from tests.py.lifecycle.runtimes import Bundle, ClusterRuntime, Runtime

WAIT = "while :; do sleep 0.05; done"
NO_STAGING = "function slurm_scrun_{}() return slurm.SUCCESS end\n"


def script(stage_in: str, stage_out: str = "return slurm.SUCCESS") -> str:
    """Return a scrun.lua with these bodies."""
    return (
        "function slurm_scrun_stage_in(id, bundle, spool_dir, config_file, job_id, user_id,"
        " group_id, job_env)\n"
        f"{stage_in}\nend\n"
        "function slurm_scrun_stage_out(id, bundle, orig_bundle, root_path, orig_root_path,"
        " spool_dir, config_file, job_id, user_id, group_id)\n"
        f"{stage_out}\nend\nreturn slurm.SUCCESS\n"
    )


def fail_create(runtime: Runtime, bundle: Bundle) -> str:
    """Create a container that must fail; returns the one line that says why."""
    answer = runtime("create", "--bundle", bundle.path, "web")
    assert answer.returncode == 1 and answer.stdout == ""
    assert answer.stderr.count("\n") == 1, answer.stderr
    runtime.check_nothing_left()
    return answer.stderr


@pytest.mark.parametrize("how", [("kill", "web", "9"), ("delete", "--force", "web")])
def test_a_creation_that_stages_can_be_ended(runtime: Runtime, how: tuple[str, ...]) -> None:
    """While stage_in blocks, state answers at once, and kill or delete --force ends it all."""
    marker = f"{runtime.home}/staging"
    runtime.write_site("scrun.lua", script(f"os.execute('echo > {marker}; sleep 500')\nreturn 0"))
    bundle = runtime.make_bundle("exit 0")
    create = runtime.start_create("web", bundle)
    runtime.wait_until(runtime.outside(marker).exists, "stage_in runs")
    began = time.monotonic()
    assert runtime.state("web")["status"] == "creating"
    refused = runtime("delete", "web")
    assert refused.returncode == 1 and "it is creating" in refused.stderr
    assert runtime(*how).returncode == 0
    assert create.wait(60) == 1
    assert time.monotonic() - began < 90  # and not 500
    assert "killed by SIGKILL while it was being created" in bundle.read("stderr")
    assert runtime("state", "web").returncode == 1
    assert not [line for line in runtime.leftovers() if "sleep 500" in line]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_creation_ends_with_its_caller(runtime: Runtime, number: signal.Signals) -> None:
    """A create that is interrupted or killed leaves nothing, whatever stage_in does."""
    marker = f"{runtime.home}/staging"
    runtime.write_site(
        "scrun.lua",
        script(f"slurm.allocator_command('echo > {marker}; sleep 510')\nreturn slurm.SUCCESS"),
    )
    create = runtime.start_create("web", runtime.make_bundle("exit 0"))
    runtime.wait_until(runtime.outside(marker).exists, "stage_in runs")
    create.send_signal(number)
    status = create.wait(60)
    assert status in (-number, 128 + number)
    runtime.check_nothing_left()


def test_the_functions_get_what_the_manual_says(runtime: Runtime) -> None:
    """The arguments of stage_in and stage_out, of scrun(1), "scrun.lua"."""
    told = f"{runtime.home}/told"
    write = (
        "local file = io.open('{}', 'a')\n"
        "file:write(table.concat({{{}}}, '|'), '\\n')\nfile:close()\nreturn slurm.SUCCESS"
    )
    arguments = "id, bundle, spool_dir, config_file, job_id, user_id, group_id, #job_env > 10 and 1"
    last = "id, bundle, orig_bundle, root_path, orig_root_path, spool_dir, config_file, job_id"
    runtime.write_site("scrun.lua", script(write.format(told, arguments), write.format(told, last)))
    bundle = runtime.make_bundle("true")
    if runtime.name == "slurm":  # nobody else makes it fit for an ordinary user
        bundle.edit(lambda config: config["process"].update(args=["/bin/true"]))
    runtime.create("web", bundle)
    assert runtime("start", "web").returncode == 0
    runtime.wait_status("web", "stopped")
    first, second = runtime.outside(told).read_text().splitlines()
    spool_dir, config = f"{runtime.root}/web", f"{bundle.path}/config.json"
    given = first.split("|")
    assert given[:4] == ["web", bundle.path, spool_dir, config]
    assert int(given[4]) > 0 and given[5].isdigit() and given[6].isdigit() and given[7] == "1"
    rootfs = f"{bundle.path}/rootfs"
    paths = ["web", bundle.path, bundle.path, rootfs, rootfs, spool_dir, config, given[4]]
    assert second.split("|") == paths
    assert runtime("delete", "web").returncode == 0


def test_commands_of_the_script_have_the_jobs_variables(runtime: Runtime) -> None:
    """allocator_command runs here, remote_command on the nodes; both have SCRUN_* and SLURM_*."""
    runtime.write_site(
        "scrun.lua",
        script(
            "local line = 'echo $SCRUN_CONTAINER_ID $SLURM_JOB_ID ${HOME:+home} ${PATH:+path}'\n"
            "local here, text = slurm.allocator_command(line .. '; exit 3')\n"
            "local there, remote = slurm.remote_command(line)\n"
            "slurm.user_msg(('%d %s %d %s'):format(here, text, there, remote))\n"
            "return slurm.ERROR"
        ),
    )
    answer = runtime("create", "--bundle", runtime.make_bundle("true").path, "web")
    assert answer.returncode == 1
    first, second = (line.split() for line in answer.stderr.splitlines()[:2])
    assert first[:3] == ["scrun:", "3", "web"] and first[4:] == ["home", "path"]
    assert second[:2] == ["0", "web"] and second[2:] == [first[3], "home", "path"]


def test_a_syntax_error_is_told_before_there_is_a_job(runtime: Runtime) -> None:
    """File and line of the site's script, in one line."""
    path = runtime.write_site("scrun.lua", "local x = = 1\n")
    assert f"{path}:1:" in fail_create(runtime, runtime.make_bundle("true"))


def test_an_error_in_stage_in_names_its_line(runtime: Runtime) -> None:
    """A Lua error in the script ends the creation, with the script's file and line."""
    path = runtime.write_site("scrun.lua", script("local x\nx.y = 1"))
    text = fail_create(runtime, runtime.make_bundle("true"))
    assert f"stage in: {path}:3: attempt to index a nil value" in text


def test_a_refusal_of_stage_in_ends_the_creation(runtime: Runtime) -> None:
    """stage_in "must return SLURM.success or job will be cancelled" (scrun(1))."""
    runtime.write_site("scrun.lua", script("return slurm.ERROR"))
    assert "slurm_scrun_stage_in returned -1" in fail_create(runtime, runtime.make_bundle("true"))


def test_a_missing_function_is_told(runtime: Runtime) -> None:
    """Both functions must be there (scrun(1))."""
    runtime.write_site("scrun.lua", NO_STAGING.format("stage_in"))
    text = fail_create(runtime, runtime.make_bundle("true"))
    assert "slurm_scrun_stage_out" in text


def test_a_failed_stage_out_fails_the_container(runtime: Runtime) -> None:
    """Results that did not come back are no success, whatever the process returned."""
    runtime.write_site("scrun.lua", script("return slurm.SUCCESS", "return slurm.ERROR"))
    bundle = runtime.make_bundle("true")
    bundle.edit(lambda config: config["process"].update(args=["/bin/true"]))
    log = f"{runtime.home}/log"
    argv = runtime.argv("--log", log, "create", "-b", bundle.path, "web")
    assert runtime.popen(argv, stdin=subprocess.DEVNULL).wait(60) == 0
    assert runtime("start", "web").returncode == 0
    runtime.wait_status("web", "stopped")
    assert "stage out web: " in runtime.outside(log).read_text()
    assert runtime("delete", "web").returncode == 0
    runtime.outside(log).unlink()


def test_staging_has_a_time_limit(runtime: Runtime) -> None:
    """The setting stage_timeout_s ends a stage_in that hangs, and what it waits for."""
    settings = "local s = require 'luastd.settings'\ns.stage_timeout_s = 0.5\n"
    if runtime.name == "local":
        settings += "s.backend = 'local'\n"
    runtime.write_site("scrun.d/settings.lua", settings + "return s\n")
    runtime.write_site("scrun.lua", script("os.execute('sleep 52')\nreturn 0"))
    text = fail_create(runtime, runtime.make_bundle("true"))
    assert "took longer than 0.5 s (setting stage_timeout_s)" in text


@pytest.mark.parametrize("limit", ["3e6", "math.huge"])
def test_a_time_limit_of_any_length(runtime: Runtime, limit: str) -> None:
    """25 days and more than poll(2) can wait for, or none, of all that is limited."""
    settings = (
        f"s.stage_timeout_s, s.command_timeout_s, s.lua_memory_bytes = {limit}, {limit}, 1e300"
    )
    if runtime.name == "local":
        settings += "\ns.backend = 'local'"
    text = f"local s = require 'luastd.settings'\n{settings}\nreturn s\n"
    runtime.write_site("scrun.d/settings.lua", text)
    command = f"slurm.allocator_command('echo hi', {{ timeout = {limit} }})"
    check = f"local status, output = {command}\nassert(status == 0 and output == 'hi\\n')"
    runtime.write_site("scrun.lua", script(f"{check}\nreturn 0", f"{check}\nreturn 0"))
    bundle = runtime.run("web", "echo ran")
    runtime.wait_status("web", "stopped")
    assert bundle.read("stdout") == "ran\n", bundle.read("stderr")
    assert runtime("delete", "web").returncode == 0


def test_a_stage_in_that_returns_no_number_is_warned_of(runtime: Runtime) -> None:
    """slurm.FAIL is nil: success as in C, said in a log file unasked, and not on stderr."""
    site = runtime.write_site("scrun.lua", script("return slurm.FAIL"))
    log = f"{runtime.home}/log"
    bundle = runtime.make_bundle("exit 0")
    argv = runtime.argv("--log", log, "create", "-b", bundle.path, "web")
    with (bundle.outside / "stderr").open("wb") as file:
        created = runtime.popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file
        )
    assert (created.wait(60), bundle.read("stderr")) == (0, "")
    told = f"error: warning: {site}: slurm_scrun_stage_in returned nil, which is no number"
    assert told in runtime.outside(log).read_text()
    assert runtime("delete", "--force", "web").returncode == 0
    runtime.outside(log).unlink()


def test_a_new_bundle_is_what_runs(runtime: Runtime) -> None:
    """After set_bundle_path the container is the one in the new bundle; the old one is told of."""
    other = f"{runtime.home}/other"
    runtime.write_site(
        "scrun.lua",
        script(
            f"assert(os.execute('mkdir {other}'))\n"
            "local json = require 'json'\n"
            "local config = json.decode(io.open(config_file, 'rb'):read('*a'))\n"
            "config.root.path = bundle .. '/rootfs'\n"
            "config.process.env[#config.process.env + 1] = 'ADDED=yes'\n"
            f"local file = io.open('{other}/config.json', 'wb')\n"
            "file:write(json.encode(config))\nfile:close()\n"
            f"assert(slurm.set_bundle_path('{other}') == bundle)\n"
            "return slurm.SUCCESS",
            "assert(bundle ~= orig_bundle)\nos.execute('rm -r ' .. bundle)\nreturn slurm.SUCCESS",
        ),
    )
    bundle = runtime.run("web", "echo $ADDED $SCRUN_BUNDLE")
    runtime.wait_status("web", "stopped")
    assert bundle.read("stdout").split()[0] == "yes", bundle.read("stderr")
    assert not runtime.outside(other).exists()
    assert runtime.state("web")["bundle"] == bundle.path
    assert runtime("delete", "web").returncode == 0


def test_a_site_extends_a_shipped_verb(runtime: Runtime) -> None:
    """One file in scrun.d/verbs takes the shipped module and changes a field: TERM is USR1."""
    runtime.write_site(
        "scrun.d/verbs/kill.lua",
        "local kill = require 'luastd.verbs.kill'\nkill.translate.TERM = 'USR1'\nreturn kill\n",
    )
    bundle = runtime.run("web", f"trap 'echo usr1; exit 0' USR1; echo up; {WAIT}")
    runtime.wait_output(bundle, "up\n")
    assert runtime("kill", "web", "TERM").returncode == 0
    runtime.wait_status("web", "stopped")
    assert bundle.read("stdout") == "up\nusr1\n"
    assert runtime("delete", "web").returncode == 0


def test_a_site_adds_to_the_state_document(runtime: Runtime) -> None:
    """verbs/state.lua makes it; what the spec has in it stays a fact."""
    runtime.write_site(
        "scrun.d/verbs/state.lua",
        "local state = require 'luastd.verbs.state'\n"
        "function state.document(facts)\n"
        "  facts.site = { name = 'north', racks = { 1, 2 } }\n"
        "  facts.status = 'dreaming'\n  return facts\nend\nreturn state\n",
    )
    runtime.create("web", runtime.make_bundle("true"))
    document = runtime.state("web")
    assert document["site"] == {"name": "north", "racks": [1, 2]}
    assert (document["status"], document["id"]) == ("created", "web")
    assert runtime("delete", "--force", "web").returncode == 0


@pytest.mark.parametrize("verb", ["create", "state", "start", "kill", "delete"])
def test_a_broken_override_starts_nothing(runtime: Runtime, verb: str) -> None:
    """A syntax error in any verb is one line with file and line, and no container half-way."""
    path = runtime.write_site(f"scrun.d/verbs/{verb}.lua", "local M = {}\nM.run = = 1\nreturn M\n")
    assert f"{path}:2:" in fail_create(runtime, runtime.make_bundle("echo ran"))


def test_a_wrong_setting_is_named(runtime: Runtime) -> None:
    """A value of the wrong kind is told by its name before anything begins."""
    text = f"return {{ backend = '{runtime.name}', stage_timeout_s = 'long' }}\n"
    runtime.write_site("scrun.d/settings.lua", text)
    text = fail_create(runtime, runtime.make_bundle("true"))
    assert "settings.lua: stage_timeout_s: expected a number" in text


def test_a_misspelt_setting_is_named(runtime: Runtime) -> None:
    """A word that means nothing must not mean the default."""
    text = f"return {{ backend = '{runtime.name}', rsync_scratch = 'noeds' }}\n"
    runtime.write_site("scrun.d/settings.lua", text)
    text = fail_create(runtime, runtime.make_bundle("true"))
    assert "settings.lua: rsync_scratch: expected one of shared, nodes, found 'noeds'" in text


def test_the_record_is_readable_by_nobody_else(runtime: Runtime) -> None:
    """Files 0600, directories 0700: the environment in the record may hold secrets."""
    runtime.create("web", runtime.make_bundle("true"))
    directory = runtime.outside(f"{runtime.root}/web")
    assert directory.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o077 for path in directory.iterdir()}
    assert {"record.cbor", "state.json", "lock"} <= set(modes)
    assert not any(mode for name, mode in modes.items() if name != "anchor.sock")
    json.loads((directory / "state.json").read_text())
    assert runtime("delete", "--force", "web").returncode == 0


NODES = """\
local settings = require 'luastd.settings'
settings.stage, settings.rsync_scratch, settings.rsync_dir = 'rsync', 'nodes', '/tmp/scratch-%j'
return settings
"""


@pytest.mark.slurm
def test_changes_on_the_node_of_a_job_that_is_over_are_told_of(slurm: ClusterRuntime) -> None:
    """scancel: no step reaches the node any more, so nothing is fetched, nor removed there."""
    cluster = slurm.cluster
    slurm.outside(slurm.write_site("scrun.lua", "")).unlink()  # the stager's turn; comes back
    slurm.write_site("scrun.d/settings.lua", NODES)
    bundle = slurm.run("web", "echo new >/root/new; echo up; while :; do sleep 0.05; done")
    slurm.wait_output(bundle, "up\n")
    (job,) = slurm.jobs()
    cluster.run(["scancel", str(job.job_id)], check=True)
    slurm.wait_status("web", "stopped")
    directory = f"/tmp/scratch-{job.job_id}/web.{job.job_id}"
    assert f"the changes stay in {directory} on n" in bundle.read("stderr")
    assert cluster.root_path(f"{directory}/rootfs/root/new").read_text() == "new\n"
    assert slurm("delete", "web").returncode == 0
    shutil.rmtree(cluster.root_path(directory).parent)
