"""The plugins' scripts here and in a real slurmctld: the same script, the same answers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scrun.lua.plugin_fields import read_fields
from scrun.lua.plugin_options import read_options
from scrun.workbench.catalog import VERSIONS
from scrun.workbench.plugins import Inputs, Result, run
from tests.py.cluster.errors import ClusterUnavailable
from tests.py.cluster.sandboxed import SandboxCluster

pytestmark = pytest.mark.slurm

DATA = Path(__file__).parents[2] / "data" / "plugins"
DIALECT = "5.1"  # what Debian builds Slurm with
NAMES, OUT = "/tmp/plugin-names.lua", "/tmp/{}-out.txt"
SCRIPT = "#!/bin/sh\nexit 0\n"
SCRIPT_PATH = "/home/alice/job.sh"

# What the clients and slurmctld fill in before the script, and nobody says in a plain job.
FILLED_IN = {"bitflags", "std_in", "alloc_node"}
# What scontrol does not show of a record, or slurmctld changes while it is read.
NOT_SHOWN = {
    *("argv", "best_switch", "direct_set_prio", "script", "spank_job_env", "tres_alloc_str"),
    *("tres_req_str", "wait4switch_start", "features", "site_factor", "user_name", "qos"),
    *("array_task_cnt", "orig_dependency", "curr_dependency", "restart_cnt", "gres_used"),
    *("std_err", "std_out", "max_nodes", "time_limit"),  # it shows what applies without one
}


class Site:
    """A cluster whose slurmctld has the script, and the same script on this machine."""

    def __init__(self, cluster: SandboxCluster, directory: Path) -> None:
        self.cluster = cluster
        self.directory = directory
        self.version = ".".join(cluster.slurm_version.split(".")[:2])
        if self.version not in VERSIONS:
            pytest.skip(f"the catalog has no Slurm {self.version}")
        self.fields = {
            record: [name for name, one in fields.items() if one.is_known(self.version)]
            for record, fields in read_fields().items()
        }
        self.options = list(read_options(self.version))
        # Without accounting, reading it ends slurmctld 24.11: SIGSEGV in _get_assoc_qos.
        self.fields["job_desc"].remove("assoc_qos")
        self.write(NAMES, _lua_names({**self.fields, "options": self.options}), self.directory)
        self.write(SCRIPT_PATH, SCRIPT)
        cluster.root_path(SCRIPT_PATH).chmod(0o755)

    def write(self, path: str, text: str, here: Path | None = None) -> None:
        """Write a file into the cluster, and one of the same name here."""
        self.cluster.root_path(path).write_text(text)
        if here is not None:
            (here / Path(path).name).write_text(text)

    def install(self, source: str, name: str, line: str) -> str:
        """Let Slurm load a script of tests/data; return the path of the one of this machine."""
        text = (DATA / source).read_text()
        self._out = OUT.format(name)  # each script is run by a user of its own
        there = text.replace("@OUT@", self._out).replace("@NAMES@", NAMES)
        self.write(f"/etc/slurm/{name}.lua", there)
        ours = self.directory / f"{name}.lua"
        here = {"@OUT@": str(self.directory / "out.txt")}
        here["@NAMES@"] = str(self.directory / Path(NAMES).name)
        for mark, path in here.items():
            text = text.replace(mark, path)
        ours.write_text(text)
        conf = self.cluster.root_path("/etc/slurm/slurm.conf")
        conf.write_text(conf.read_text() + f"{line}\n")
        self.cluster.restart_slurmctld()
        self.cluster.wait_for_nodes()
        return str(ours)

    def real(self, *argv: str, user: str = "alice") -> tuple[int, list[str]]:
        """Run a command there; return its status and what it said on stderr."""
        done = self.cluster.run(list(argv), user=user)
        return done.returncode, done.stderr.decode().splitlines()

    def real_dump(self) -> list[str]:
        """Return what the script wrote there."""
        return self.cluster.root_path(self._out).read_text().splitlines()

    def show(self, what: str) -> str:
        """Write ``scontrol --json show`` to a file; return its path."""
        done = self.cluster.run(["scontrol", "--json", "show", what], user="root", check=True)
        path = self.directory / f"show-{what}.json"
        path.write_bytes(done.stdout)
        return str(path)

    def ours(self, script: str, function: str, inputs: Inputs) -> tuple[Result, list[str]]:
        """Run a function here; return the result, and what the script wrote."""
        out = self.directory / "out.txt"
        out.unlink(missing_ok=True)
        result = run(script, function, inputs, version=self.version, dialect=DIALECT)
        there = f"/etc/slurm/{Path(script).name}"
        result.shown = [line.replace(script, there) for line in result.shown]
        return result, out.read_text().splitlines()

    def job(self, **fields: object) -> str:
        """Write a job as of ``sbatch job.sh`` by alice; return the file's path."""
        job = {
            "name": "job.sh",
            "script": SCRIPT,
            "environment": {"HOME": "/home/alice"},
            "argv": [SCRIPT_PATH],
            "work_dir": "/home/alice",
            "user_id": 1000,
            "group_id": 1000,
            "user_name": "alice",
            **fields,
        }
        path = self.directory / "job.json"
        path.write_text(json.dumps(job))
        return str(path)


@pytest.fixture(scope="module")
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A cluster of this module's own: its slurm.conf changes."""
    try:
        cluster = SandboxCluster.start(request.config.getoption("--cluster-suite"), name="plugins")
    except ClusterUnavailable as err:
        if request.config.getoption("--require-slurm"):
            pytest.fail(f"no cluster: {err}", pytrace=False)
        pytest.skip(f"no cluster: {err}")
    try:
        yield Site(cluster, tmp_path_factory.mktemp("plugins"))
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def job_submit(site: Site) -> str:
    """The path of job_submit.lua here; slurmctld has loaded the same."""
    return site.install("dump.lua", "job_submit", "JobSubmitPlugins=lua")


@pytest.fixture(scope="module")
def cli_filter(site: Site, job_submit: str) -> str:
    """The path of cli_filter.lua here, after the tests of job_submit: it refuses all jobs."""
    return site.install("options.lua", "cli_filter", "CliFilterPlugins=lua")


@pytest.mark.parametrize(
    "what",
    ["accept", "error", "account", "unknown", "errno", "nothing", "text", "digits", "fails"],
)
def test_verdict_and_messages_are_those_of_sbatch(site: Site, job_submit: str, what: str) -> None:
    """What sbatch prints and its status: src/plugins/job_submit/lua and sbatch.c."""
    status, said = site.real("sbatch", f"--comment={what}", "--hold", SCRIPT_PATH)
    result, _ = site.ours(job_submit, "slurm_job_submit", Inputs(job=site.job(comment=what)))
    assert result.shown == said
    assert result.verdict.accepted is (status == 0)
    assert result.exit_status == (1 if what == "fails" else status)


def test_salloc_and_srun_are_refused_in_their_words(site: Site, job_submit: str) -> None:
    """Each command has its own sentence for a refused job."""
    job = site.job(comment="account", script=None, environment=None)
    for command in ("salloc", "srun"):
        _, said = site.real(command, "--comment=account", "true")
        result, _ = site.ours(job_submit, "slurm_job_submit", Inputs(job=job, command=command))
        assert result.shown == said


def test_numbers_and_texts_are_cut_as_in_c(site: Site, job_submit: str) -> None:
    """Every assignment leaves what C leaves, and fails with its words."""
    site.real("sbatch", "--comment=assign", SCRIPT_PATH)
    _, ours = site.ours(job_submit, "slurm_job_submit", Inputs(job=site.job(comment="assign")))
    assert ours == site.real_dump()


def test_a_plain_job_reads_as_of_sbatch(site: Site, job_submit: str) -> None:
    """A job of a few Lua names reads as that of sbatch, in every field but those filled in."""
    site.real("sbatch", "--comment=dump", "--hold", SCRIPT_PATH)
    job = site.job(comment="dump", priority=0)
    _, ours = site.ours(job_submit, "slurm_job_submit", Inputs(job=job))
    real = _of(site.real_dump(), "job")
    assert _without(_of(ours, "job"), FILLED_IN) == _without(real, FILLED_IN)


def test_partitions_and_reservations_read_as_in_slurmctld(site: Site, job_submit: str) -> None:
    """What scontrol --json shows of them is what scripts read there."""
    created = (
        ("reservation=kept", "users=alice", "starttime=2038-01-01", "duration=90", "nodes=n1"),
        ("partition=small", "Nodes=n2", "MaxTime=60", "DefaultTime=10", "DefMemPerCPU=1000"),
        ("partition=odd", "Nodes=n1", "MaxMemPerNode=3000", "State=DRAIN", "DenyAccounts=a"),
    )
    for words in created:
        assert site.real("scontrol", "create", *words, user="root") == (0, [])
    site.real("sbatch", "--comment=dump", "--hold", SCRIPT_PATH)
    inputs = Inputs(
        job=site.job(comment="dump"),
        partitions=site.show("partition"),
        reservations=site.show("reservation"),
        default_partition="main",
    )
    _, ours = site.ours(job_submit, "slurm_job_submit", inputs)
    for title in ("part", "resv"):
        assert _of(ours, title) == _of(site.real_dump(), title), title


def test_jobs_read_as_in_slurmctld(site: Site, job_submit: str) -> None:
    """slurm.jobs of scontrol --json reads as there, but for what it does not show."""
    site.real("sbatch", "--hold", "-t30", "-n2", "-c3", "--mem=100", "--nice=5", SCRIPT_PATH)
    site.real("sbatch", "--hold", "--mem-per-cpu=50", "--array=1-3", "-wn1", SCRIPT_PATH)
    shown = site.show("job")
    number = max(job["job_id"] for job in json.loads(Path(shown).read_text())["jobs"])
    deadline = time.monotonic() + 60
    while True:  # slurmctld makes the table anew when a job has changed in another second
        site.real("sbatch", "--comment=dump", "--test-only", SCRIPT_PATH)
        if _of(site.real_dump(), f"rec {number}"):
            break
        assert time.monotonic() < deadline, f"slurm.jobs has no {number}"
    inputs = Inputs(job=site.job(comment="dump"), jobs=shown)
    _, ours = site.ours(job_submit, "slurm_job_submit", inputs)
    real = _without(_of(site.real_dump(), "rec"), NOT_SHOWN)
    assert _without(_of(ours, "rec"), NOT_SHOWN) == real


def test_changes_reach_the_job_as_reported(site: Site, job_submit: str) -> None:
    """What the report says was changed is what slurmctld then has of the job."""
    done = site.cluster.run(
        ["sbatch", "--parsable", "--comment=change", "--hold", SCRIPT_PATH], check=True
    )
    number = int(done.stdout)
    result, _ = site.ours(job_submit, "slurm_job_submit", Inputs(job=site.job(comment="change")))
    changed = {one.field: one.after for one in result.changes}
    jobs = json.loads(Path(site.show("job")).read_text())["jobs"]
    real = next(one for one in jobs if one["job_id"] == number)
    assert changed == {
        "begin_time": 2000000000,
        "comment": real["comment"],
        "environment.CHANGED": "yes",
        "mail_type": 2,
        "mail_user": real["mail_user"],
        "min_mem_per_node": real["memory_per_node"]["number"],
        "name": real["name"],
        "nice": real["nice"] + 0x80000000,
        "requeue": int(real["requeue"]),
        "time_limit": real["time_limit"]["number"],
    }
    assert real["mail_type"] == ["END"]
    assert real["eligible_time"]["number"] == 2000000000 or real["start_time"]["number"] >= 2e9


@pytest.mark.parametrize("what", ["refused", "taken"])
def test_a_change_of_a_job_reads_and_ends_as_with_scontrol(
    site: Site, job_submit: str, what: str
) -> None:
    """slurm_job_modify gets the change and the record, and scontrol says what we say."""
    done = site.cluster.run(["sbatch", "--parsable", "--hold", SCRIPT_PATH], check=True)
    number = int(done.stdout)
    shown = site.show("job")
    status, said = site.real("scontrol", "update", f"jobid={number}", f"comment={what}")
    change = site.directory / "change.json"
    change.write_text(json.dumps({"comment": what, "user_name": "alice"}))
    inputs = Inputs(job=str(change), job_rec=shown, job_id=number, uid=1000)
    result, ours = site.ours(job_submit, "slurm_job_modify", inputs)
    assert result.shown == said
    assert result.exit_status == status
    unlike = {*NOT_SHOWN, "bitflags", "group_id", "alloc_node", "job_id"}
    for title in ("job", "rec", "uid"):
        real = _without(_of(site.real_dump(), title), unlike)
        assert _without(_of(ours, title), unlike) == real, title


def test_the_log_is_that_of_slurmctld(site: Site, job_submit: str) -> None:
    """Lines of the script, and of the plugin itself, are worded as in slurmctld.log."""
    log = site.cluster.root_path("/var/log/slurm/slurmctld.log")
    before = len(log.read_text())
    site.real("sbatch", "--comment=fails", "--hold", SCRIPT_PATH)
    result, _ = site.ours(job_submit, "slurm_job_submit", Inputs(job=site.job(comment="fails")))
    ours = [str(line).replace(job_submit, "/etc/slurm/job_submit.lua") for line in result.log]
    deadline = time.monotonic() + 60
    while True:
        real = [line.partition("] ")[2] for line in log.read_text()[before:].splitlines()]
        if ours[-1] in real or time.monotonic() > deadline:
            break
    assert [line for line in real if line in ours] == ours


@pytest.mark.parametrize("command", ["sbatch", "salloc", "srun"])
def test_options_read_and_set_as_in_the_command(site: Site, cli_filter: str, command: str) -> None:
    """Every option reads unset as there, and after every setting."""
    argv = {"sbatch": [SCRIPT_PATH, "a"], "salloc": ["true"], "srun": ["true"]}[command]
    status, said = site.real(command, "--ntasks=1", *argv)
    given = site.directory / "options.json"
    given.write_text(json.dumps({"type": command, "ntasks": "1", "argv": argv}))
    inputs = Inputs(options=str(given))
    result, ours = site.ours(cli_filter, "slurm_cli_pre_submit", inputs)
    unlike = {"chdir", "job-name"}  # of the command's own surroundings
    assert _without(ours, unlike) == _without(site.real_dump(), unlike)
    assert (result.exit_status, result.verdict.accepted) == (status, False)
    assert result.shown == said


def _lua_names(names: Mapping[str, list[str]]) -> str:
    tables = (f"{record} = {{ {', '.join(map(repr, n))} }}" for record, n in names.items())
    return f"return {{ {', '.join(tables)} }}\n"


def _of(lines: list[str], title: str) -> list[str]:
    return [line for line in lines if line.startswith(f"{title} ")]


def _without(lines: list[str], names: set[str]) -> list[str]:
    """Leave out the lines ``... NAME = ...`` of some names."""
    return [line for line in lines if line.partition(" = ")[0].rpartition(" ")[2] not in names]
