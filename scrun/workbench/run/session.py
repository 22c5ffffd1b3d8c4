"""One run of a site's script: the bundle, the job, the functions in order, the report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from scrun.anchor.container import Container
from scrun.errors import ConfigError
from scrun.host.loop import Loop
from scrun.host.user import Caller
from scrun.lua.search import SearchPath, check_owner
from scrun.settings import Settings
from scrun.workbench import scratch
from scrun.workbench.run.attend import Attendant
from scrun.workbench.run.backends import open_place
from scrun.workbench.run.bundle import Bundle, copy_bundle, make_bundle, open_bundle
from scrun.workbench.run.cassette import Places
from scrun.workbench.run.containerless import ContainerlessVerb
from scrun.workbench.run.events import Event, Journal
from scrun.workbench.run.files import Files
from scrun.workbench.run.hosts import DryHost, LiveHost, WatchedHost
from scrun.workbench.run.job import DEFAULT_JOB_ID, Job, find_user, make_container
from scrun.workbench.run.live import LiveVerb
from scrun.workbench.run.options import Options
from scrun.workbench.run.report import Report, write_cassette
from scrun.workbench.run.script import WatchedScript
from scrun.workbench.run.stages import Stages
from scrun.workbench.run.verbs import VerbRun

if TYPE_CHECKING:
    from scrun.workbench.run.hosts import Host


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
    options.check()
    with _work_directory(options) as directory:
        return Session(options, settings, search, directory, Journal(listen)).run()


@contextmanager
def _work_directory(options: Options) -> Iterator[str]:
    with ExitStack() as stack:
        made = scratch.directory("scrun-run-", options.work_dir, keep=options.keep)
        try:
            directory = stack.enter_context(made)
        except OSError as err:
            raise ConfigError(f"--work-dir {options.work_dir}: {err.strerror}") from err
        for name in ("spool", "scratch", "files"):
            os.mkdir(f"{directory}/{name}", 0o700)
        yield os.path.realpath(directory)


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

    def run(self) -> Report:
        """Run; see the function `run`."""
        options = self.options
        if options.is_containerless:
            return self._run_containerless()
        bundle = self._open_bundle()
        if options.is_live:
            return self._run_live(bundle)
        job, user = self._describe_job()
        container = make_container(job, bundle.config, self.spool, user, self._environment())
        places = self._name_places(bundle.path, bundle.config.root_path)
        dialect = self._choose_dialect()
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
            files = None
            if not place.host.runs:
                private = [self.spool, f"{self.directory}/scratch"]
                files = Files(f"{self.directory}/files", private)
            script = WatchedScript(
                WatchedHost(place.host, self.journal),
                script=options.site.script,
                stager=options.site.stager or self.settings.stage,
                search=self.search,
                dialect=dialect,
                memory_bytes=self._memory_bytes(),
                files=files,
                scratch_dir=f"{self.directory}/scratch",
            )
            stages = Stages(options, self.settings, script, place, places, self.attendant)
            report = Report(
                script=stages.name,
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
            if options.site.script is not None:
                report.notes += _owner_notes(options.site.script)
            if options.is_verb:
                self._run_verb(stages, report, files)
            else:
                self._run_stages(stages, report, files)
            if files is not None:
                report.add_written(files, self.journal)
            place.status = report.exit_status
            if options.record:
                given = stages.job_env or place.host.job_entries()
                entries = [places.hide(entry) for entry in given]
                write_cassette(report, options.record, entries, places)
        return report

    def _run_stages(self, stages: Stages, report: Report, files: Files | None) -> None:
        if "stage_in" not in self.options.functions:
            stages.take_staged()
        for function in ("load", *self.options.functions):
            failure = stages.attend(function)
            if function == "stage_in":
                report.read_config(files)
            if failure is not None:
                report.fail(function, failure, stages.place.host)
                if function == "stage_in" and stages.script.is_stager:
                    stages.clean_up()
                break

    def _run_verb(self, stages: Stages, report: Report, files: Files | None) -> None:
        (verb,) = self.options.functions
        scratch_dir = f"{self.directory}/scratch"
        called = VerbRun(stages, self.search, report.bundle.config, files, scratch_dir)
        failure = called.run(verb)
        if verb == "create" and failure is None:
            report.read_config(files)
        if failure is not None:
            report.fail(verb, failure)

    def _run_live(self, bundle: Bundle) -> Report:
        """Run a verb on a container that is there for it."""
        options, (verb,) = self.options, self.options.functions
        job = Job(container_id=options.container_id)
        container = make_container(job, bundle.config, self.spool, Caller(), self._environment())
        report = self._report_verb(container, bundle, self._choose_dialect())
        if options.site.script is not None:
            report.notes += _owner_notes(options.site.script)
        live = LiveVerb(
            options, self.search, bundle.config, self.directory, self.attendant, self.journal
        )

        def look() -> None:
            record = live.record
            container.bundle = record.get("bundle") or container.bundle
            container.root_path = record.get("root_path") or container.root_path
            report.job_id, report.nodes = live.job_id, live.nodes
            if verb == "create" and "bundle" in record:
                report.read_config(None)

        with self.attendant.signals():
            failure = live.run(look)
        report.notes += live.notes
        if failure is not None:
            report.fail(live.at, failure)
        return report

    def _report_verb(
        self, container: Container, bundle: Bundle, dialect: str, *, is_containerless: bool = False
    ) -> Report:
        """Return the report of a verb that has no job yet."""
        options = self.options
        return Report(
            script=f"scrun.verbs.{options.functions[0]}",
            dialect=dialect,
            backend=options.backend,
            container=container,
            job_id=0,
            nodes="",
            cluster_name="",
            bundle=bundle,
            events=self.journal.events,
            work_dir=self.directory if options.keep else None,
            is_containerless=is_containerless,
        )

    def _run_containerless(self) -> Report:
        """Run a verb that needs no container."""
        options, (verb,) = self.options, self.options.functions
        sample = make_bundle(f"{self.directory}/bundle")
        user = find_user(options.user)
        job = Job(container_id=options.container_id)
        container = make_container(job, sample.config, self.spool, user, self._environment())
        files: Files | None = None
        host: Host = LiveHost(container, "")
        if options.backend == "dry":
            files = Files(f"{self.directory}/files", [self.spool, f"{self.directory}/scratch"])
            host = DryHost(container, "", None, options.answers)
        called = ContainerlessVerb(
            *(options, self.search, self.directory, self.attendant, self.journal),
            host=host,
            files=files,
        )
        report = self._report_verb(container, sample, "5.4", is_containerless=True)
        with self.attendant.signals():
            failure = called.run()
        if called.target is not None and called.written is not None:
            report.take_spec(called.target, called.written)
        if files is not None:
            report.add_written(files, self.journal)
        if failure is not None:
            report.fail(verb, failure)
        return report

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


def _owner_notes(path: str) -> list[str]:
    """Return why a container would not be let run by this file, if it would not."""
    try:
        check_owner(path, os.stat(path))
    except ConfigError as err:
        return [f"as the site's script it would not do: {err}"]
    return []
