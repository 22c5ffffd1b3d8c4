"""RunTimeKill of oci.conf with the signal that was asked for, and the process that it names."""

from __future__ import annotations

import subprocess

import pytest

from scrun.cluster.runtime_commands import node_command, with_signal

PATTERNS = [
    ("kill -s SIGTERM %p", "kill -s 10 %p"),
    ("kill -SIGTERM %p", "kill -10 %p"),
    ("kill -TERM %p", "kill -10 %p"),
    ("/bin/kill -15 %p", "/bin/kill -10 %p"),
    ("kill -s 'SIGINT' -- -%p", "kill -s 10 -- -%p"),
    ("kill %p", "kill -10 %p"),
    ("sudo kill %p", "sudo kill -10 %p"),
    ("sudo -n kill %p", "sudo -n kill -10 %p"),
    ("sudo -u root kill %p", "sudo -u root kill -10 %p"),
    ("timeout 5 kill %p", "timeout 5 kill -10 %p"),
    ("kill -s 0 %p && kill -s TERM %p", "kill -s 0 %p && kill -s 10 %p"),
    ("crun kill %n 9 || true", "crun kill %n 10 || true"),
    ("kill -0 %p && kill -KILL %p", "kill -0 %p && kill -10 %p"),
    ("pkill -TERM -P %p", "pkill -10 -P %p"),
    ("crun kill %n.%j KILL", "crun kill %n.%j 10"),
    ("crun kill %n.%j SIGKILL", "crun kill %n.%j 10"),
    ("crun kill %n.%j 9", "crun kill %n.%j 10"),
    ("crun kill -a %n.%j", "crun kill -a %n.%j 10"),
    ("runc kill -a %n.%j || true", "runc kill -a %n.%j 10 || true"),
    ("crun kill %j KILL 2>/dev/null", "crun kill %j 10 2>/dev/null"),
    ("crun kill %j KILL || kill -9 %p", "crun kill %j 10 || kill -10 %p"),
    ("echo kill >>/log; crun kill %j TERM", "echo kill >>/log; crun kill %j 10"),
    ("rt kill --signal TERM %j", "rt kill --signal 10 %j"),
    ("rt kill --signal=TERM %j", "rt kill --signal=10 %j"),
    ('rt kill -s "TERM" %j', "rt kill -s 10 %j"),
    ("rt --root=/run -s 3 kill %j KILL", "rt --root=/run -s 3 kill %j 10"),
    ("apptainer instance stop %n", "apptainer instance stop %n 10"),
    ("/opt/oci/signal %j %p", "/opt/oci/signal %j %p 10"),
    ("sh -c 'crun kill %j KILL'", "sh -c 'crun kill %j 10'"),
]


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_the_signal_takes_the_place_of_the_one_that_is_named(pattern: str, expected: str) -> None:
    """Wherever a command names one; else it comes where the command takes one."""
    assert with_signal(pattern, "10") == expected


LISTING = """\
PID      JOBID    STEPID   LOCALID GLOBALID
@HELPER@ 7        0        -       -
@TASK@   7        0        1       3
"""


def run_on_node(command: str, listing: str) -> subprocess.CompletedProcess[str]:
    """Run a line as the control step does, where ``scontrol listpids 7.0 n1`` tells so."""
    fake = 'scontrol() { [ "$*" = "listpids 7.0 n1" ] && cat <<EOF\n' + listing + "EOF\n}\n"
    script = f"{fake}SLURMD_NODENAME=n1 task=1\nsend() {{ {command}; }}\nsend 10"
    return subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)


def make_command(run: str) -> str:
    """Return a line that prints what it would do."""
    pattern = with_signal("echo kill -s SIGTERM %p", '"$1"')
    return node_command(pattern, job_id=7, step_id=0, user=("a", 1), bundle="/b", run=run)


def test_the_process_is_that_of_the_task_on_its_node() -> None:
    """Not another of the step's; and inside the shell of RunTimeRun it is the command."""
    with subprocess.Popen(["/bin/sh", "-c", "true; echo up; sleep 60; true"], stdout=-1) as shell:
        assert shell.stdout is not None and shell.stdout.readline() == b"up\n"
        listing = LISTING.replace("@TASK@", str(shell.pid)).replace("@HELPER@", "1")
        with subprocess.Popen(["pgrep", "--parent", str(shell.pid)], stdout=-1) as pgrep:
            inner = pgrep.communicate()[0].decode().strip()
        try:
            told = run_on_node(make_command("true; echo %r %@"), listing)
            assert (told.returncode, told.stdout) == (0, f"kill -s 10 {inner}\n")
            told = run_on_node(make_command("singularity exec %r %@"), listing)
            assert (told.returncode, told.stdout) == (0, f"kill -s 10 {shell.pid}\n")
        finally:
            subprocess.run(["kill", inner, str(shell.pid)], check=False)


def test_nothing_is_sent_where_there_is_no_such_task() -> None:
    """The task has ended, or its node does not know the step: a status other than 0."""
    for listing in ("", LISTING.replace("1       3", "0       3").replace("@TASK@", "4711")):
        told = run_on_node(make_command("x %@"), listing)
        assert told.returncode != 0 and told.stdout == ""
