"""One run of a site's script: the bundle, the job, the functions in order, the report."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scrun.anchor.container import Container
from scrun.errors import ConfigError, ScriptError, ScrunError, UsageError
from scrun.host.loop import Loop
from scrun.host.user import Caller
from scrun.lua.search import SearchPath, check_owner
from scrun.settings import Settings
from scrun.workbench.run.answers import Answers
from scrun.workbench.run.attend import Attendant, Stuck
from scrun.workbench.run.backends import Place, open_place
from scrun.workbench.run.bundle import Bundle, copy_bundle, make_bundle, open_bundle
from scrun.workbench.run.cassette import Cassette, Places
from scrun.workbench.run.events import Began, Event, Journal
from scrun.workbench.run.files import Files
from scrun.workbench.run.hosts import WatchedHost
from scrun.workbench.run.job import DEFAULT_ID, DEFAULT_JOB_ID, Job, find_user, make_container
from scrun.workbench.run.replay import ReplayHost
from scrun.workbench.run.report import Report, write_cassette
from scrun.workbench.run.script import WatchedScript

STAGES = ("stage_in", "stage_out")
BACKENDS = ("dry", "local", "slurm", "replay")
_PLACE = re.compile(r"(?P<place>[^\n]*?:\d+: )", re.DOTALL)


@dataclasses.dataclass
class Options:
    """What is to be run, and on what; the options of ``scrun lua run``.

    Attributes:
        script: path of the site's script; its directory is where ``require`` looks.
        functions: of `STAGES`, in order.
        backend: one of `BACKENDS`.
        bundle: None: a sample.
        in_place: work on the bundle itself, on the backends that run commands.
        job_id: with the backend ``slurm`` an existing allocation.
        user: NAME or UID[:GID]; None: who calls.
        dialect, memory_bytes: None: the site's setting.
        staged_bundle, staged_root: what stage_in has set, for a stage_out alone.
        work_dir: where the run's own directory is made.
        keep: leave that directory.
        record: file of the cassette to write.
    """

    script: str
    functions: tuple[str, ...] = STAGES
    backend: str = "dry"
    bundle: str | None = None
    in_place: bool = False
    answers: Answers = dataclasses.field(default_factory=Answers)
    container_id: str = DEFAULT_ID
    job_id: int | None = None
    job_env: dict[str, str] = dataclasses.field(default_factory=dict)
    nodes: str | None = None
    user: str | None = None
    dialect: str | None = None
    timeout_s: float = 0.0
    memory_bytes: int | None = None
    staged_bundle: str | None = None
    staged_root: str | None = None
    work_dir: str | None = None
    keep: bool = False
    record: str | None = None
    cassette: Cassette | None = None
    slurm_conf: str | None = None


def run(
    options: Options,
    settings: Settings,
    search: SearchPath,
    listen: Callable[[Event], None] | None = None,
) -> Report:
    """Run a script; what goes wrong in it is in the report.

    Args:
        settings, search: of the site that the script belongs to.
        listen: hears of every event as it comes.

    Raises:
        ScrunError: the run could not begin: a wrong option, a broken bundle, no job.
    """
    check(options)
    with _work_directory(options) as directory:
        return Session(options, settings, search, directory, Journal(listen)).run()


def check(options: Options) -> None:
    """Refuse options that do not go together.

    Raises:
        UsageError: with what is wrong.
    """
    wrong = {
        "--in-place": options.in_place and options.backend not in ("local", "slurm"),
        "--in-place without --bundle": options.in_place and options.bundle is None,
        "--nodes": options.nodes is not None and options.backend in ("slurm", "replay"),
        "--user": options.user is not None and options.backend in ("slurm", "replay"),
        "--job-id": options.job_id is not None and options.backend == "replay",
        "--job-env": bool(options.job_env) and options.backend == "replay",
        "--record": options.record is not None and options.backend == "replay",
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            hint = {
                "replay": "the cassette says what the job is",
                "slurm": "SCRUN_* variables say what job to ask for",
            }.get(options.backend, "nothing is changed in a dry run")
            raise UsageError(f"{name} has no meaning here", hint=hint)
    if options.record and not os.path.isdir(os.path.dirname(os.path.abspath(options.record))):
        raise UsageError(f"--record {options.record}: there is no such directory")
    if not os.path.isfile(options.script):
        raise ConfigError(f"{options.script}: no such file")


@contextmanager
def _work_directory(options: Options) -> Iterator[str]:
    try:
        directory = tempfile.mkdtemp(prefix="scrun-run-", dir=options.work_dir)
    except OSError as err:
        raise ConfigError(f"--work-dir {options.work_dir}: {err.strerror}") from err
    try:
        for name in ("spool", "scratch", "files"):
            os.mkdir(f"{directory}/{name}", 0o700)
        yield os.path.realpath(directory)
    finally:
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)


class Session:
    """A run in its directory."""

    def __init__(
        self,
        options: Options,
        settings: Settings,
        search: SearchPath,
        directory: str,
        journal: Journal,
    ) -> None:
        self.options = options
        self.settings = settings
        self.search = search
        self.directory = directory
        self.journal = journal
        self.spool = f"{directory}/spool"
        self.loop = Loop()
        self.attendant = Attendant(self.loop)
        self._job_env: list[bytes] = []  # as stage_in, or the first function, got it

    def run(self) -> Report:
        """Run; see the function `run`."""
        options = self.options
        bundle = self._open_bundle()
        job, user = self._describe_job()
        container = make_container(job, bundle.config, self.spool, user, self._environment())
        places = self._name_places(bundle.path, bundle.config.root_path)
        self._places = places
        dialect = self._choose_dialect()
        script_path = os.path.abspath(options.script)
        with (
            self.attendant.signals(),
            open_place(
                options,
                self.settings,
                container,
                bundle.config,
                job,
                self.attendant,
                self.search,
                places,
            ) as place,
        ):
            host = WatchedHost(place.host, self.journal)
            files = None
            if not place.host.runs:
                private = [self.spool, f"{self.directory}/scratch"]
                files = Files(f"{self.directory}/files", private)
            script = WatchedScript(
                host,
                script=script_path,
                search=self.search,
                dialect=dialect,
                memory_bytes=self._memory_bytes(),
                files=files,
                scratch_dir=f"{self.directory}/scratch",
            )
            report = Report(
                script=script_path,
                dialect=dialect,
                backend=options.backend,
                container=container,
                job_id=place.job_id,
                nodes=place.nodes,
                cluster_name=place.host.cluster_name,
                bundle=bundle,
                events=self.journal.events,
                work_dir=self.directory if options.keep else None,
            )
            report.notes += _owner_notes(script_path)
            self._run_functions(script, place, report, files)
            place.status = report.exit_status
            if options.record:
                given = self._job_env or place.host.job_entries()
                entries = [places.hide(entry) for entry in given]
                write_cassette(report, options.record, entries, places)
        return report

    # -- the functions -----------------------------------------------------------------------

    def _run_functions(
        self, script: WatchedScript, place: Place, report: Report, files: Files | None
    ) -> None:
        container = place.host.container
        if "stage_in" not in self.options.functions:
            self._take_staged(container)
        for function in ("load", *self.options.functions):
            self._begin(function, place, container, report)
            failure = self._attend(function, script, place)
            if function == "stage_in":
                report.read_config(files)
            if failure is not None:
                report.fail(function, failure, place.host)
                break
        if files is not None:
            report.add_written(files, self.journal)

    def _attend(self, function: str, script: WatchedScript, place: Place) -> ScrunError | None:
        """Run one function; return its error."""
        timeout_s = self.options.timeout_s
        failures: list[ScrunError | None] = []

        def run() -> None:
            self._call(function, script, place.host.container)

        def work() -> None:
            failures.append(script.attend(function, run, self._explain))

        late = ScriptError(f"took longer than {timeout_s:g} s (--timeout)", code="ETIMEDOUT")
        try:
            self.attendant.run(
                work,
                cancel=script.cancel,
                interrupt=script.host.interrupt,
                late=late,
                timeout_s=timeout_s,
            )
        except Stuck as err:
            where = f"{self.options.script}: {function}"
            raise Stuck(f"{where}: {err.message}", code=err.code) from err
        failure = failures[0]
        if failure is None and isinstance(place.host, ReplayHost):
            try:
                place.host.check_end()
            except ScrunError as err:
                failure = err
        return failure

    def _call(self, function: str, script: WatchedScript, container: Container) -> None:
        if function == "load":
            script.load()
        elif function == "stage_in":
            script.stage_in(
                id=container.id,
                bundle=container.submission_bundle,
                spool_dir=container.directory,
                config_file=container.config_file,
                job_id=self._job_id,
                user_id=container.user.uid,
                group_id=container.user.gid,
                job_env=self._job_env,
            )
        else:
            script.stage_out(
                id=container.id,
                bundle=container.bundle,
                orig_bundle=container.submission_bundle,
                root_path=container.root_path,
                orig_root_path=container.submission_root_path,
                spool_dir=container.directory,
                config_file=container.config_file,
                job_id=self._job_id,
                user_id=container.user.uid,
                group_id=container.user.gid,
                job_env=self._job_env,
            )

    def _begin(self, function: str, place: Place, container: Container, report: Report) -> None:
        if isinstance(place.host, ReplayHost):
            place.host.begin(function)
        arguments: list[tuple[str, str]] = []
        if function != "load":
            self._job_id = place.job_id
            self._job_env = self._job_env or place.host.job_entries()
            arguments = _arguments(function, container, self._job_id, len(self._job_env))
        self.journal.add(Began(function, arguments))

    def _explain(self, failure: ScriptError | None) -> ScriptError | None:
        """Return a function's error, with the reason if it was ended."""
        reason, limit = self.attendant.reason, self.options.memory_bytes
        if failure is not None and failure.code == "ENOMEM" and limit is not None:
            failure.hint = f"--memory lets Lua have {limit} bytes"
        if reason is None or (failure is not None and failure.code == "REPLAY"):
            return failure
        match = _PLACE.match(failure.message) if failure is not None else None
        place = match["place"] if match else f"{self.options.script}: "
        return ScriptError(
            place + reason.message,
            code=reason.code,
            traceback=failure.traceback if failure is not None else "",
        )

    # -- what it runs on ---------------------------------------------------------------------

    def _open_bundle(self) -> Bundle:
        options = self.options
        if options.bundle is None:
            path, text = f"{self.directory}/bundle", None
            if options.cassette is not None:
                text = self._name_places(path, f"{path}/rootfs").show(options.cassette.config)
            return make_bundle(path, text)
        if options.in_place or options.backend in ("dry", "replay"):
            return open_bundle(options.bundle)
        return copy_bundle(options.bundle, self.directory)

    def _name_places(self, bundle: str, root: str) -> Places:
        """Return the names that a cassette has for what is elsewhere in every run."""
        return Places({"work": self.directory, "spool": self.spool, "bundle": bundle, "root": root})

    def _describe_job(self) -> tuple[Job, Caller]:
        options, cassette = self.options, self.options.cassette
        if cassette is not None:
            facts = {name: value for name, value in cassette.job.items() if name != "job_env"}
            job = Job(**facts)
            user = Caller()
            user.name, user.uid, user.gid = job.user, job.uid, job.gid
            return job, user
        user = find_user(options.user)
        job = Job(
            container_id=options.container_id,
            job_id=options.job_id or DEFAULT_JOB_ID,
            nodes=options.nodes or os.uname().nodename,
            user=user.name,
            uid=user.uid,
            gid=user.gid,
            variables=options.job_env,
        )
        return job, user

    def _environment(self) -> dict[str, str]:
        conf = self.options.slurm_conf
        return {"SLURM_CONF": os.path.abspath(conf)} if conf else {}

    def _choose_dialect(self) -> str:
        recorded = self.options.cassette.dialect if self.options.cassette else None
        return self.options.dialect or recorded or self.settings.dialect

    def _memory_bytes(self) -> int:
        given = self.options.memory_bytes
        return self.settings.lua_memory_bytes if given is None else given

    def _take_staged(self, container: Container) -> None:
        """Let stage_out find what stage_in would have set."""
        cassette = self.options.cassette
        staged = {
            name: os.fsdecode(self._places.show(os.fsencode(path)))
            for name, path in (cassette.staged if cassette is not None else {}).items()
        }
        container.bundle = self.options.staged_bundle or staged.get("bundle") or container.bundle
        container.root_path = self.options.staged_root or staged.get("root") or container.root_path


def _arguments(
    function: str, container: Container, job_id: int, entries: int
) -> list[tuple[str, str]]:
    """Return what the script's function gets, for people."""
    user = [("user_id", str(container.user.uid)), ("group_id", str(container.user.gid))]
    common = [
        ("spool_dir", container.directory),
        ("config_file", container.config_file),
        ("job_id", str(job_id)),
        *user,
    ]
    if function == "stage_in":
        first = [("id", container.id), ("bundle", container.submission_bundle)]
        return [*first, *common, ("job_env", f"{entries} entries")]
    return [
        ("id", container.id),
        ("bundle", container.bundle),
        ("orig_bundle", container.submission_bundle),
        ("root_path", container.root_path or "nil"),
        ("orig_root_path", container.submission_root_path),
        *common,
    ]


def _owner_notes(path: str) -> list[str]:
    """Return why a container would not be let run by this file, if it would not."""
    try:
        check_owner(path, os.stat(path))
    except ConfigError as err:
        return [f"as the site's script it would not do: {err}"]
    return []
