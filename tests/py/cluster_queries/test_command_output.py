"""What commands print, read: by commands that print what the versions of Slurm do."""

import os
from pathlib import Path

import pytest

from scrun.cluster.command_queries import CommandQueries, parse_exit_status
from scrun.errors import ClusterError


class Commands:
    """A directory of commands for PATH."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.queries = CommandQueries({"PATH": f"{directory}:{os.environ['PATH']}"}, 10)

    def add(self, name: str, stdout: str = "", *, stderr: str = "", status: int = 0) -> None:
        """Make a command that notes its arguments and prints this."""
        for stream, text in (("out", stdout), ("err", stderr)):
            (self.directory / f"{name}.{stream}").write_text(text)
        here = f"{self.directory}/{name}"
        script = (
            "#!/bin/sh\n"
            f"printf '%s\\n' \"$@\" > {here}.args\n"
            f"cat {here}.out; cat {here}.err >&2; exit {status}\n"
        )
        (self.directory / name).write_text(script)
        (self.directory / name).chmod(0o755)

    def arguments(self, name: str) -> list[str]:
        """Return what a command was last called with."""
        return (self.directory / f"{name}.args").read_text().splitlines()


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    """Commands of our own."""
    return Commands(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9:0", (9, 0)),
        ("0:15", (0, 15)),
        ("137:0", (137, 0)),
        ("2304", (9, 0)),  # 22.05: the status of wait(2)
        ("35072", (137, 0)),
        ("9", (0, 9)),
        ("4294967294", (0, 0)),  # NO_VAL
        ("-2", (0, 0)),
        ("", (0, 0)),
    ],
)
def test_exit_status_of_every_version(text: str, expected: tuple[int, int]) -> None:
    """squeue's exit_code is a number of the kernel's in 22.05, and CODE:SIGNAL in 24.11."""
    assert parse_exit_status(text) == expected


def test_a_task_of_an_array_is_found_among_the_others(commands: Commands) -> None:
    """``squeue --jobs`` of an array lists its tasks, each with its own number."""
    rows = "8|RUNNING|0:0|7|main|n2|None\n6|PENDING|0:0|7|main,long||Priority\n"
    commands.add("squeue", f"CLUSTER: dev\n{rows}")
    job = commands.queries.job(6)
    assert job and (job.state, job.partition, job.reason) == ("PENDING", "main,long", "Priority")
    assert commands.queries.job(7) is None


def test_a_reason_is_free_text(commands: Commands) -> None:
    """slurmctld's state_desc may hold what separates the fields before it."""
    commands.add("squeue", "6|FAILED|0:9|7|main|n1|launch failed | see log\n")
    job = commands.queries.job(6)
    assert job and (job.reason, job.exit_signal) == ("launch failed | see log", 9)


@pytest.mark.parametrize(
    "state", ["COMPLETING", "REQUEUED", "STAGE_OUT", "SUSPENDED", "SOMETHING_NEW"]
)
def test_what_is_not_known_to_be_over_is_not(commands: Commands, state: str) -> None:
    """A state that a later Slurm adds must not make us forget a job."""
    commands.add("squeue", f"6|{state}|0:0|7|main|n1|None\n")
    job = commands.queries.job(6)
    assert job and not job.is_over


@pytest.mark.parametrize("state", ["COMPLETED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY"])
def test_what_is_over(commands: Commands, state: str) -> None:
    """However it came to its end."""
    commands.add("squeue", f"6|{state}|0:0|7|main|n1|None\n")
    job = commands.queries.job(6)
    assert job and job.is_over


def test_priority_of_a_qos(commands: Commands) -> None:
    """sacctmgr(1), --parsable2; a name is compared as a whole."""
    commands.add("sacctmgr", "higher|5\nhigh|10\nodd|\n")
    assert commands.queries.qos_priority("high") == 10
    assert "name=high" in commands.arguments("sacctmgr")
    assert commands.queries.qos_priority("odd") is None
    assert commands.queries.qos_priority("low") is None


def test_an_unreachable_slurmdbd_is_an_error(commands: Commands) -> None:
    """Accounting is there but does not answer: not the same as no accounting."""
    commands.add("sacctmgr", stderr="sacctmgr: error: Unable to connect to database\n", status=1)
    with pytest.raises(ClusterError) as caught:
        commands.queries.qos_priority("high")
    assert caught.value.code == "ESLURM_DB_CONNECTION"


def test_version_of_debian_and_of_others(commands: Commands) -> None:
    """Debian says ``slurm-wlm``, all others ``slurm``."""
    commands.add("scontrol", "slurm-wlm 22.05.8\n")
    assert commands.queries.version() == "22.05.8"
    commands.add("scontrol", "slurm 26.05.0-0rc1\n")
    assert commands.queries.version() == "26.05.0-0rc1"
    commands.add("scontrol", "what?\n")
    with pytest.raises(ClusterError, match="unexpected answer"):
        commands.queries.version()


def test_the_complaint_is_one_line_without_the_command_s_name(commands: Commands) -> None:
    """The first that is an error, not the advice before it."""
    said = "squeue: retrying\nsqueue: error: Invalid user: carl\nsqueue: fatal: giving up\n"
    commands.add("squeue", stderr=said, status=1)
    with pytest.raises(ClusterError) as caught:
        commands.queries.job(6)
    assert caught.value.message == "query job 6: Invalid user: carl"


def test_a_command_that_fails_without_a_word(commands: Commands) -> None:
    """Then its status is all there is to tell."""
    commands.add("scancel", status=3)
    with pytest.raises(ClusterError) as caught:
        commands.queries.cancel(6)
    assert caught.value.message == "cancel job 6: scancel ended with status 3"


@pytest.mark.parametrize(
    "reason", ["Invalid job id specified", "Job/step already completing or completed"]
)
def test_cancelling_what_is_gone_is_done(commands: Commands, reason: str) -> None:
    """Older scancel complain of it, newer ones do not."""
    error = f"scancel: error: Kill job error on job id 6: {reason}\n"
    commands.add("scancel", stderr=error, status=1)
    commands.queries.cancel(6)
    assert commands.arguments("scancel") == ["6"]


def test_no_time_limit(commands: Commands) -> None:
    """The setting command_timeout_s = 0 means none."""
    commands.add("scontrol", "slurm 24.11.5\n")
    commands.queries.timeout_s = 0
    assert commands.queries.version() == "24.11.5"
