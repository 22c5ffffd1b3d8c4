"""Where pyslurm's own ways show: what it cannot say, gets wrong, or lacks."""

import pytest

from scrun import log
from scrun.cluster.pyslurm_queries import PyslurmQueries
from scrun.errors import ClusterError
from tests.py.cluster_queries.sites import FakeSite

EAGAIN = 11


def test_its_answers_need_no_command(fake_site: FakeSite) -> None:
    """One call of the API each."""
    job_id = fake_site.running_job("main")
    fake_site.fake.qualities = {"high": 10}
    queries = fake_site.queries
    assert queries.job(job_id) and queries.steps(job_id)
    assert queries.qos_priority("high") == 10
    queries.cancel(job_id)
    assert fake_site.commands.asked == []
    assert queries.describe() == "fake"


@pytest.mark.parametrize("code", [3, 128, 137])
def test_exit_codes_are_left_to_the_command(fake_site: FakeSite, code: int) -> None:
    """pyslurm takes 128 off (utils/helpers.pyx): 137 would be 9, and 128 no failure."""
    job = fake_site.queries.job(fake_site.finished_job(code))
    assert job and job.exit_code == code
    assert fake_site.commands.asked == ["job"]


def test_death_by_signal_is_told_by_pyslurm(fake_site: FakeSite) -> None:
    """There nothing is lost."""
    job = fake_site.queries.job(fake_site.add("FAILED", status=15))
    assert job and (job.exit_code, job.exit_signal) == (0, 15)
    assert fake_site.commands.asked == []


def test_a_node_list_that_was_cut_is_whole_again(fake_site: FakeSite) -> None:
    """cstr.to_list() cuts ``n[1,3]`` in two."""
    job_id = fake_site.add("RUNNING", steps=[fake_site.fake.FakeStep(0, "x", nodes="n[1,3]")])
    assert fake_site.queries.steps(job_id)[0].node_list == "n[1,3]"


def test_a_refusal_of_slurm_is_final(fake_site: FakeSite) -> None:
    """Slurm has answered: a command would only hear the same."""
    job_id = fake_site.running_job("main")
    fake_site.fake.refusal = 2002
    for operation in (fake_site.queries.job, fake_site.queries.steps, fake_site.queries.cancel):
        with pytest.raises(ClusterError) as caught:
            operation(job_id)
        assert caught.value.code == "ESLURM_ACCESS_DENIED"
        assert caught.value.message.endswith(f"job {job_id}: Access/permission denied")
    assert fake_site.commands.asked == []


def test_a_rarer_error_has_pyslurm_s_name_for_it(fake_site: FakeSite) -> None:
    """Its constants are those of the Slurm it was built for."""
    fake_site.fake.refusal = 2037
    with pytest.raises(ClusterError) as caught:
        fake_site.queries.job(1)
    assert caught.value.code == "ESLURM_DISABLED"


def test_a_stale_errno_of_cancel_is_not_believed(fake_site: FakeSite) -> None:
    """job.pyx reads errno without looking at the call's result; cancelling twice is harmless."""
    job_id = fake_site.running_job("main")
    fake_site.fake.stale_errno = EAGAIN
    fake_site.queries.cancel(job_id)
    assert fake_site.commands.asked == ["cancel"]


def test_an_operation_that_is_lacking_is_tried_once(
    fake_site: FakeSite, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Another version may lack it: the command answers, one debug line says so, `describe` too."""
    monkeypatch.delattr("pyslurm.qos")
    log.configure(verbose=2)
    try:
        for _ in range(3):
            assert fake_site.queries.qos_priority("high") is None
    finally:
        log.configure()
    assert fake_site.commands.asked == ["qos_priority"] * 3
    assert capfd.readouterr().err.count("pyslurm: qos_priority by command: AttributeError") == 1
    assert "; qos_priority by command: AttributeError: " in fake_site.queries.describe()


def test_a_passing_failure_is_asked_of_pyslurm_again(fake_site: FakeSite) -> None:
    """slurmdbd may come up later."""
    assert fake_site.queries.qos_priority("high") is None
    fake_site.fake.qualities = {"high": 10}
    assert fake_site.queries.qos_priority("high") == 10
    assert fake_site.commands.asked == ["qos_priority"]


def test_a_pyslurm_without_its_error_class_is_none(fake_site: FakeSite) -> None:
    """An API that is another is found out at once, not at the first question."""
    with pytest.raises(AttributeError):
        PyslurmQueries(object())
