"""Sixty-four containers at once on the cluster: each lives its whole life, and nothing is left."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from tests.py.lifecycle.runtimes import ClusterRuntime

pytestmark = pytest.mark.slurm

MANY = 64
TIMEOUT_S = 600
T = TypeVar("T")


def at_once(deed: Callable[[int], T]) -> list[T]:
    """Do a deed for each container, all at the same time; returns what they gave, in order."""
    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(deed, range(MANY)))


def failures(calls: Iterable[subprocess.CompletedProcess[str]]) -> list[str]:
    """Return what calls complained of; none may."""
    return [
        f"{call.args}: {call.returncode} {call.stderr}"
        for call in calls
        if call.returncode or call.stderr
    ]


def test_all_are_up_at_the_same_time(slurm: ClusterRuntime) -> None:
    """Sixty-four calls of each verb at a time, with all containers in one state.

    Each gets a signal that its own trap answers, and ends with its own exit code.
    """
    script = "trap 'exit {}' TERM; echo up; while :; do sleep 0.5; done"
    bundles = [slurm.make_bundle(script.format(number)) for number in range(MANY)]

    def create(number: int) -> int:
        process = slurm.start_create(f"many{number}", bundles[number])
        return process.wait(TIMEOUT_S)

    def call(verb: str, *rest: str) -> list[str]:
        return failures(at_once(lambda number: slurm(verb, f"many{number}", *rest)))

    assert at_once(create) == [0] * MANY, [bundle.read("stderr") for bundle in bundles]
    job_ids = {job.job_id for job in slurm.jobs()}
    assert len(job_ids) == MANY
    assert not call("start")
    slurm.wait_until(
        lambda: all(bundle.read("stdout") == "up\n" for bundle in bundles), "all are up", TIMEOUT_S
    )
    assert len(list(slurm.outside(slurm.root).iterdir())) == MANY
    assert not call("kill", "TERM")
    for number in range(MANY):
        slurm.wait_status(f"many{number}", "stopped", TIMEOUT_S)
    records = [slurm.cluster.completed_job(job_id, timeout_s=TIMEOUT_S) for job_id in job_ids]
    ended = [record["ExitCode"] for record in records]
    assert sorted(ended) == sorted(f"{number}:0" for number in range(MANY))
    assert not call("delete")


def test_each_at_its_own_pace(slurm: ClusterRuntime) -> None:
    """Whole lives beside each other, with an exec in every other: no verb waits for the others."""
    bundles = [slurm.make_bundle("exec sleep 100") for _ in range(MANY)]

    def live(number: int) -> list[str]:
        name = f"many{number}"
        status = slurm.start_create(name, bundles[number]).wait(TIMEOUT_S)
        if status:
            return [f"create {name}: {status} {bundles[number].read('stderr')}"]
        verb = ("exec", name, "true") if number % 2 else ("state", name)
        calls = [slurm("start", name), slurm(*verb), slurm("kill", name, "KILL")]
        slurm.wait_status(name, "stopped", TIMEOUT_S)
        return failures([*calls, slurm("delete", name)])

    assert [line for lines in at_once(live) for line in lines] == []
