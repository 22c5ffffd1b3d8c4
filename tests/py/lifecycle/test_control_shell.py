"""The shell of the control step, by itself: what it answers, and how it is let go."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scrun.cluster.control import LEARN, SCRIPT, ControlStep
from scrun.cluster.node_script import NODE_FUNCTIONS
from scrun.host.loop import Loop
from tests.py.waiting import run_until

KNOWN = "state_of_task() { echo '{\"pid\": 1}'; }"
UNKNOWN = "state_of_task() { false; }"
DEAF = ["/bin/sh", "-c", "exec sleep 60"]  # in the place of srun: one that reads nothing


def ask(control: ControlStep, command: str, definitions: str = KNOWN) -> list[tuple[int, bytes]]:
    """Ask it; the answer comes into the list."""
    answers: list[tuple[int, bytes]] = []
    control.ask(definitions, command, lambda status, text: answers.append((status, text)))
    return answers


def feed(lines: str, *shell: str, **environment: str) -> list[str]:
    """Return what the shell answers to some lines."""
    argv = [*(shell or ("/bin/sh",)), "-c", SCRIPT]
    told = subprocess.run(
        argv, input=lines, capture_output=True, text=True, check=True, env=os.environ | environment
    )
    return told.stdout.splitlines()


def test_one_answer_for_each_line() -> None:
    """Output comes in front of the status, and cannot be taken for it."""
    assert feed("false\n+echo =7; (exit 3)\ntrue\n") == ["=1", "+=7", "+3", "=0", "=0"]


@pytest.mark.parametrize("options", ["errexit", "noglob", "nounset", "noclobber"])
def test_options_of_the_callers_bash(options: str) -> None:
    """Of a node whose sh is bash: SHELLOPTS of the caller comes along."""
    lines = "false\necho /proc/[0-9]* | grep -q ' '\n[ \"$nobody_set\" ]\ntrue\n"
    answers = feed(lines, "bash", "--posix", SHELLOPTS=options)
    assert answers == ["=1", "=0", "=1", "=0"]


def test_lines_of_a_task_prolog() -> None:
    """What the site's TaskProlog prints is no answer."""
    loop = Loop()
    noisy = ["/bin/sh", "-c", 'echo Welcome; echo 5; exec "$@"', "prolog"]
    control = ControlStep(loop, noisy, os.environ)
    control.start()
    first, second = ask(control, "echo one; (exit 4)"), ask(control, "echo two")
    run_until(loop, lambda: second)
    assert (first, second) == ([(4, b"one")], [(0, b"two")])
    control.close()


def test_where_the_runtime_cannot_be_asked_nobody_waits_for_it(tmp_path: Path) -> None:
    """Without RunTimeQuery nothing tells the container's process: the next in line is a signal."""
    loop, asked = Loop(), tmp_path / "asked"
    control = ControlStep(loop, [], os.environ)
    control.start()
    blind = f"blind=1; state_of_task() {{ echo x >>{asked}; false; }}"
    answers = ask(control, ":", blind)
    run_until(loop, lambda: answers)
    assert answers == [(0, b"")] and not asked.exists()
    control.close()


def test_to_begin_with_nobody_waits_for_the_runtime(tmp_path: Path) -> None:
    """It is looked once: of a query that tells no process a signal is not held up for seconds."""
    loop, asked = Loop(), tmp_path / "asked"
    control = ControlStep(loop, [], os.environ)
    control.start()
    early = f"blind=; kill_by_runtime() {{ :; }}; state_of_task() {{ echo x >>{asked}; false; }}"
    told, delivered = ask(control, LEARN, early), list[int]()
    control.deliver(early, 15, delivered.append)
    run_until(loop, lambda: delivered)
    assert (told, delivered) == ([(1, b"")], [0])
    assert len(asked.read_text().split()) < 5
    told = ask(control, LEARN)
    run_until(loop, lambda: told)
    assert told == [(0, b"")]
    control.close()


@pytest.mark.parametrize("blind", ["", "1"])
def test_a_terminal_of_a_runtime_that_cannot_be_asked(tmp_path: Path, blind: str) -> None:
    """Its size is not waited for where nothing will tell of the process."""
    loop, asked, fitted = Loop(), tmp_path / "asked", list[int]()
    control = ControlStep(loop, [], os.environ)
    control.start()
    definitions = f"blind={blind}; state_of_task() {{ echo x >>{asked}; false; }}"
    control.fit(definitions, fitted.append)
    run_until(loop, lambda: fitted)
    assert fitted == [1]
    assert (len(asked.read_text().split()) < 5) == bool(blind)
    control.close()


def test_one_that_still_waits_for_the_runtime_is_ended() -> None:
    """Its container ended first: it would not see the end of its input for seconds."""
    loop, gone = Loop(), list[bool]()
    control = ControlStep(loop, [], os.environ)
    control.start()
    answers = ask(control, ":", UNKNOWN)
    control.close()
    control.when_gone(lambda: gone.append(True))
    run_until(loop, lambda: gone and answers)
    assert answers == [(-1, b"")]


def test_one_that_ends_by_itself() -> None:
    """The usual case; and where none was begun nobody waits."""
    loop, gone = Loop(), list[bool]()
    control = ControlStep(loop, [], os.environ)
    control.when_gone(lambda: gone.append(True))
    assert gone == [True]
    control.start()
    answers = ask(control, "echo hi")
    run_until(loop, lambda: answers)
    control.close()
    control.when_gone(lambda: gone.append(True))
    run_until(loop, lambda: len(gone) == 2)
    assert answers == [(0, b"hi")]


def test_it_can_be_begun_again() -> None:
    """Those who waited for the first hear of its end; the second answers what it is asked."""
    loop = Loop()
    control = ControlStep(loop, [], os.environ)
    control.start()
    lost = ask(control, ":", UNKNOWN)
    control.close()
    control.start()
    answers = ask(control, "echo hi")
    run_until(loop, lambda: answers)
    assert (lost, answers) == ([(-1, b"")], [(0, b"hi")])
    control.close()


def test_one_that_reads_nothing_holds_nobody_up() -> None:
    """While slurmctld is down srun takes no line; who asks hears that it does not answer."""
    loop = Loop()
    control = ControlStep(loop, DEAF, os.environ)
    control.start()
    every = [ask(control, f": {'x' * 500}") for _ in range(300)]
    assert every[0] == every[200] == [(-1, b"")]
    gone: list[bool] = []
    control.when_gone(lambda: gone.append(True))
    run_until(loop, lambda: gone)


def test_directories_of_strangers_are_not_looked_at(tmp_path: Path) -> None:
    """On a node they would lie in /tmp, where anybody makes them."""
    if os.geteuid() != 0:
        pytest.skip("only root can make somebody else's directory")
    own, stranger = tmp_path / "exec-1", tmp_path / "exec-2"
    with subprocess.Popen(["sleep", "60"]) as mine, subprocess.Popen(["sleep", "60"]) as other:
        for directory, process in ((own, mine), (stranger, other)):
            directory.mkdir()
            (directory / "pid").write_text(str(process.pid))
        os.chown(stranger, 1001, 1001)
        script = f"{NODE_FUNCTIONS}\npid=$$ tasks=0\nis_there() {{ :; }}\nmembers {tmp_path}/exec-"
        argv = ["/bin/sh", "-c", script]
        listed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
        mine.kill()
        other.kill()
    assert str(mine.pid) in listed
    assert str(other.pid) not in listed
