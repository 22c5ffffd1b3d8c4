"""The OCI lifecycle, the same on every backend (runtime-spec, "Lifecycle" and "Operations")."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess

import pytest

from tests.py.lifecycle.runtimes import Runtime

WAIT = "while :; do sleep 0.05; done"


def test_from_create_to_delete(runtime: Runtime) -> None:
    """created has run nothing; the document stays until delete; then nothing is left."""
    bundle = runtime.make_bundle("echo out; echo err >&2; exit 7")
    bundle.edit(lambda config: config.update(annotations={"org.example.note": "kept"}))
    pid = runtime.create("web", bundle)
    created = runtime.state("web")
    assert (created["status"], created["pid"], created["id"]) == ("created", pid, "web")
    assert created["bundle"] == bundle.path
    assert created["annotations"] == {"org.example.note": "kept"}
    assert (bundle.read("stdout"), bundle.read("stderr")) == ("", "")
    start = runtime("start", "web")
    assert (start.returncode, start.stdout, start.stderr) == (0, "", "")
    runtime.wait_status("web", "stopped")
    assert (bundle.read("stdout"), bundle.read("stderr")) == ("out\n", "err\n")
    assert runtime.state("web")["pid"] == 0
    delete = runtime("delete", "web")
    assert (delete.returncode, delete.stdout, delete.stderr) == (0, "", "")
    assert runtime("state", "web").returncode == 1


def test_no_code_of_the_user_runs_before_start(runtime: Runtime) -> None:
    """Create: "the user-specified program MUST NOT be run at this time"."""
    bundle = runtime.make_bundle("echo ran > /tmp/ran; echo ran")
    runtime.create("web", bundle)
    assert runtime.state("web")["status"] == "created"
    assert not list(bundle.outside.glob("rootfs/tmp/*")) and bundle.read("stdout") == ""
    assert runtime("delete", "--force", "web").returncode == 0
    assert not list(bundle.outside.glob("rootfs/tmp/*"))


def test_the_anchor_ends_with_the_containers_status(runtime: Runtime) -> None:
    """Engines reap the process of the pid file and take its status for the container's."""
    bundle = runtime.make_bundle("exit 7")
    # The caller is the subreaper that conmon is: the anchor is handed to it.
    script = (
        "import ctypes, os, subprocess, sys\n"
        "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
        "pid_file, split = sys.argv[1], sys.argv.index('--')\n"
        "subprocess.run(sys.argv[2:split], check=True)\n"
        "subprocess.run(sys.argv[split + 1:], check=True)\n"
        "pid = int(open(pid_file).read())\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    create = runtime.argv("create", "-b", bundle.path, "--pid-file", f"{bundle.path}/pid", "web")
    argv = ["python3", "-c", script, f"{bundle.path}/pid"]
    process = runtime.popen(
        [*argv, *create, "--", *runtime.argv("start", "web")], stdout=subprocess.PIPE
    )
    assert process.communicate(timeout=60)[0] == b"7\n"
    assert runtime("delete", "web").returncode == 0


def test_a_caller_that_hears_of_no_child(runtime: Runtime) -> None:
    """SIGCHLD ignored, as Perl's programs like to have it, is inherited by us (execve(2))."""
    bundle = runtime.make_bundle("exit 3")
    argv = ["env", "--ignore-signal=CHLD", *runtime.argv("run", "-b", bundle.path, "web")]
    process = runtime.popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 3


def test_kill_reaches_the_trap_of_the_process(runtime: Runtime) -> None:
    """Kill: the signal is for the container's process, whose own handler runs."""
    bundle = runtime.run("web", f"trap 'echo got; exit 9' USR1; echo up; {WAIT}")
    runtime.wait_output(bundle, "up\n")
    kill = runtime("kill", "web", "USR1")
    assert (kill.returncode, kill.stdout, kill.stderr) == (0, "", "")
    runtime.wait_status("web", "stopped")
    assert bundle.read("stdout") == "up\ngot\n"
    assert runtime("delete", "web").returncode == 0


@pytest.mark.parametrize("signal", ["TERM", "SIGTERM", "15", None])
def test_signals_go_by_name_and_number(runtime: Runtime, signal: str | None) -> None:
    """A signal is given by name, SIGname or number; without one it is TERM (scrun(1))."""
    bundle = runtime.run("web", f"trap 'echo term; exit 0' TERM; echo up; {WAIT}")
    runtime.wait_output(bundle, "up\n")
    assert runtime("kill", "web", *([signal] if signal else [])).returncode == 0
    runtime.wait_output(bundle, "term\n")
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_many_signals_all_arrive(runtime: Runtime) -> None:
    """Each signal that kill has confirmed was seen by the process."""
    trap = f"n=0; trap 'n=$((n+1)); echo usr1 $n' USR1; trap 'exit 3' TERM; echo up; {WAIT}"
    bundle = runtime.run("web", trap)
    runtime.wait_output(bundle, "up\n")
    for number in range(1, 6):
        assert runtime("kill", "web", "USR1").returncode == 0
        runtime.wait_output(bundle, f"usr1 {number}\n")
    assert runtime("kill", "web", "0").returncode == 0
    assert runtime("kill", "--all", "web", "9").returncode == 0
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_kill_needs_a_container_that_is_not_stopped(runtime: Runtime) -> None:
    """Kill: "if the container is neither created nor running … MUST generate an error"."""
    runtime.run("web", "exit 0")
    runtime.wait_status("web", "stopped")
    late = runtime("kill", "web", "TERM")
    assert late.returncode == 1 and "container not running" in late.stderr
    assert runtime("kill", "--all", "web", "9").returncode == 0  # as runc has it
    assert runtime("delete", "web").returncode == 0


def test_kill_of_a_created_container_ends_it(runtime: Runtime) -> None:
    """A container may be killed before it was started: it is stopped, and never ran."""
    bundle = runtime.make_bundle("echo ran")
    runtime.create("web", bundle)
    assert runtime("kill", "web", "WINCH").returncode == 0  # ends no process
    assert runtime.state("web")["status"] == "created"
    assert runtime("kill", "web", "KILL").returncode == 0
    runtime.wait_status("web", "stopped")
    refused = runtime("start", "web")
    assert refused.returncode == 1 and "it is stopped" in refused.stderr
    assert runtime("delete", "web").returncode == 0
    assert bundle.read("stdout") == ""


def test_an_unknown_signal_is_refused(runtime: Runtime) -> None:
    """A typing error must not end the container."""
    runtime.run("web", WAIT)
    answer = runtime("kill", "web", "NOSUCH")
    assert answer.returncode == 1 and 'unknown signal "NOSUCH"' in answer.stderr
    assert runtime.state("web")["status"] == "running"
    assert runtime("delete", "--force", "web").returncode == 0


def test_delete_of_a_running_container_needs_force(runtime: Runtime) -> None:
    """Delete: "if it is not stopped … MUST generate an error"; --force kills it first."""
    runtime.run("web", "sleep 60")
    refused = runtime("delete", "web")
    assert refused.returncode == 1 and "it is running" in refused.stderr
    assert runtime.state("web")["status"] == "running"
    assert runtime("delete", "--force", "web").returncode == 0
    assert runtime("state", "web").returncode == 1


def test_delete_of_a_created_container_needs_force(runtime: Runtime) -> None:
    """Delete: created is not stopped either; --force ends it, and its process never ran."""
    bundle = runtime.make_bundle("echo ran")
    runtime.create("web", bundle)
    refused = runtime("delete", "web")
    assert refused.returncode == 1 and "it is created" in refused.stderr
    assert runtime.state("web")["status"] == "created"
    assert runtime("delete", "--force", "web").returncode == 0
    assert bundle.read("stdout") == ""


def test_delete_force_of_nobody_succeeds(runtime: Runtime) -> None:
    """Engines clean up twice: crun and runc exit 0, without a word."""
    answer = runtime("delete", "--force", "nobody")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_start_needs_a_created_container(runtime: Runtime) -> None:
    """Start: "if it is not created … MUST generate an error"."""
    runtime.run("web", "sleep 60")
    again = runtime("start", "web")
    assert again.returncode == 1 and "it is running" in again.stderr
    assert runtime("delete", "-f", "web").returncode == 0


def test_a_second_create_leaves_the_first_alone(runtime: Runtime) -> None:
    """Create: "if the ID is not unique … MUST generate an error"."""
    bundle = runtime.make_bundle("exit 0")
    runtime.create("web", bundle)
    again = runtime("create", "--bundle", bundle.path, "web")
    assert again.returncode == 1 and "already exists" in again.stderr
    assert runtime.state("web")["status"] == "created"
    assert runtime("delete", "--force", "web").returncode == 0


@pytest.mark.parametrize("verb", ["state", "start", "kill", "delete"])
def test_an_unknown_id_is_an_error(runtime: Runtime, verb: str) -> None:
    """Every operation on an ID that does not exist fails, with one line."""
    answer = runtime(verb, "nobody")
    assert answer.returncode == 1 and answer.stdout == ""
    assert answer.stderr == 'scrun: container "nobody" does not exist\n'


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a b", ".", "x" * 300])
def test_bad_ids_are_refused_and_make_nothing(runtime: Runtime, name: str) -> None:
    """An ID becomes a directory's name: only safe characters."""
    bundle = runtime.make_bundle("exit 0")
    answer = runtime("create", "--bundle", bundle.path, name)
    assert answer.returncode != 0 and answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("missing", "config.json is missing"),
        ("broken", "config.json"),
        ("no rootfs", "does not exist"),
        ("no args", "process.args"),
        ("no command", "executable file not found in $PATH"),
    ],
)
def test_broken_bundles_are_refused(runtime: Runtime, damage: str, reason: str) -> None:
    """One line says what and where, on stderr and as one JSON object in --log."""
    bundle = runtime.make_bundle("exit 0")
    config = bundle.outside / "config.json"
    if damage == "missing":
        config.unlink()
    elif damage == "broken":
        config.write_text('{"ociVersion": ')
    elif damage == "no rootfs":
        bundle.edit(lambda config: config["root"].update(path="nowhere"))
    elif damage == "no args":
        bundle.edit(lambda config: config["process"].pop("args"))
    else:
        bundle.edit(lambda config: config["process"].update(args=["nosuch"]))
    log = f"{runtime.home}/log"
    answer = runtime("--log", log, "--log-format", "json", "create", "-b", bundle.path, "web")
    assert answer.returncode == 1
    assert reason in answer.stderr and answer.stderr.count("\n") == 1
    entry = json.loads(runtime.outside(log).read_text())
    assert entry["level"] == "error" and reason in entry["msg"]
    runtime.outside(log).unlink()


def test_the_pid_file_is_locked_by_the_anchor(runtime: Runtime) -> None:
    """scrun(1), --pid-file: "the file to lock and populate with process ID"."""
    bundle = runtime.make_bundle("exit 0")
    runtime.create("web", bundle)

    def locked() -> bool:
        with (bundle.outside / "pid").open("r+") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    runtime.wait_until(locked, "the anchor has the lock")
    assert runtime("delete", "--force", "web").returncode == 0
    runtime.wait_until(lambda: not locked(), "it goes with the anchor")


def test_streams_arrive_whole_and_apart(runtime: Runtime) -> None:
    """stdin reaches the container to its end; stdout and stderr come out as two streams."""
    data = os.urandom(5_000_000)
    (runtime.outside(runtime.home) / "input").write_bytes(data)
    bundle = runtime.make_bundle("cat; sha256sum </dev/null >&2")
    with (runtime.outside(runtime.home) / "input").open("rb") as file:
        runtime.create("web", bundle, stdin=file)
    assert runtime("start", "web").returncode == 0
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0
    out = (bundle.outside / "stdout").read_bytes()
    assert hashlib.sha256(out).hexdigest() == hashlib.sha256(data).hexdigest()
    assert bundle.read("stderr").split() == [hashlib.sha256(b"").hexdigest(), "-"]


def test_a_failing_step_says_nothing_of_its_own(runtime: Runtime) -> None:
    """The container's stderr is the container's alone."""
    bundle = runtime.run("web", "exit 3")
    runtime.wait_status("web", "stopped")
    assert (bundle.read("stdout"), bundle.read("stderr")) == ("", "")
    assert runtime("delete", "web").returncode == 0


def test_the_job_is_in_the_environment(runtime: Runtime) -> None:
    """The process gets SLURM_JOB_ID and our SCRUN_* variables (scrun(1), OUTPUT)."""
    names = "$SLURM_JOB_ID $SCRUN_CONTAINER_ID $SCRUN_SUBMISSION_BUNDLE $SCRUN_BUNDLE"
    bundle = runtime.run("web", f"echo {names}")
    runtime.wait_status("web", "stopped")
    job_id, container, submitted, staged = bundle.read("stdout").split()
    assert int(job_id) > 0
    assert (container, submitted) == ("web", bundle.path)
    assert staged != submitted  # of the stager, which has set another bundle
    assert runtime("delete", "web").returncode == 0


def test_verbs_need_nothing_of_the_callers_environment(runtime: Runtime) -> None:
    """podman calls kill and delete with XDG_RUNTIME_DIR alone: no PATH, no HOME."""
    bundle = runtime.run("web", f"trap 'echo term; exit 0' TERM; echo up; {WAIT}")
    runtime.wait_output(bundle, "up\n")
    bare = ["env", "-i", "XDG_RUNTIME_DIR=/run", *(["PYTHONPATH=" + os.getcwd()])]
    for verb in (("state",), ("kill",)):
        process = runtime.popen(
            [*bare, *runtime.argv(verb[0], "web")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b""), out
    runtime.wait_status("web", "stopped")
    assert runtime("delete", "web").returncode == 0


def test_files_written_in_the_root_are_in_the_engines_rootfs(runtime: Runtime) -> None:
    """After the end what the container changed is in the submitted rootfs."""
    bundle = runtime.run("web", "echo new > /root/file")
    runtime.wait_status("web", "stopped")
    assert (bundle.outside / "rootfs/root/file").read_text() == "new\n"
    assert runtime("delete", "web").returncode == 0
