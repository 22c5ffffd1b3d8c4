"""What every kind of answer keeps to: the promises of `scrun.cluster.queries.Queries`."""

import pytest

from tests.py.cluster_queries.sites import UNKNOWN_JOB, Site


def test_a_running_job(site: Site) -> None:
    """State, owner, partition and nodes are known; there is no reason and no exit status."""
    job = site.queries.job(site.running_job("main"))
    assert job
    assert (job.state, job.is_over, job.user_id) == ("RUNNING", False, site.user_id)
    assert job.partition and job.node_list
    assert (job.reason, job.exit_code, job.exit_signal) == ("", 0, 0)


def test_a_held_job(site: Site) -> None:
    """A job that waits has a reason and no nodes."""
    job = site.queries.job(site.pending_job())
    assert job
    assert (job.state, job.is_over) == ("PENDING", False)
    assert (job.reason, job.node_list) == ("JobHeldUser", "")


@pytest.mark.parametrize("code", [0, 3, 128, 137])
def test_a_finished_job_keeps_its_exit_code(site: Site, code: int) -> None:
    """All 256 codes are told apart: a container killed by the kernel has 137."""
    job = site.queries.job(site.finished_job(code))
    assert job
    assert (job.is_over, job.exit_code, job.exit_signal) == (True, code, 0)
    assert job.state == ("FAILED" if code else "COMPLETED")


def test_an_unknown_job_is_none(site: Site) -> None:
    """slurmctld forgets jobs after MinJobAge: not an error."""
    assert site.queries.job(UNKNOWN_JOB) is None
    assert site.queries.steps(UNKNOWN_JOB) == []


def test_steps_by_name(site: Site) -> None:
    """The step of a container is found by the name that its srun was given."""
    steps = {step.name: step for step in site.queries.steps(site.running_job("web|1 x"))}
    assert steps["web|1 x"].step_id == "0"
    assert steps["web|1 x"].node_list


def test_a_job_that_waits_has_no_steps(site: Site) -> None:
    """No steps is an answer."""
    assert site.queries.steps(site.pending_job()) == []


def test_cancel_ends_a_job_and_is_content_when_it_is_gone(site: Site) -> None:
    """Recovery may come twice, or late."""
    job_id = site.running_job("main")
    site.queries.cancel(job_id)
    site.wait_until_over(job_id)
    job = site.queries.job(job_id)
    assert job and (job.state, job.is_over) == ("CANCELLED", True)
    site.queries.cancel(job_id)
    site.queries.cancel(UNKNOWN_JOB)


def test_an_unknown_qos_has_no_priority(site: Site) -> None:
    """Nor has any where there is no accounting."""
    assert site.queries.qos_priority("no-such-qos") is None
