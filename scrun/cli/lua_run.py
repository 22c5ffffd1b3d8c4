"""``scrun lua run``: run a site's script offline, or record and replay it."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

from scrun.cli.lua_run_plugin import HELP as PLUGIN_HELP
from scrun.cli.lua_run_plugin import is_plugin, plugin_options, run_plugin
from scrun.cli.lua_run_view import ContainerlessView
from scrun.cli.run_view import View
from scrun.errors import ScrunError, UsageError
from scrun.hot.parse import Command
from scrun.lua.engines import DIALECTS
from scrun.lua.search import SearchPath, site_search
from scrun.oci.ids import check_container_id
from scrun.settings import MOST_BYTES
from scrun.workbench.run.answers import Answers
from scrun.workbench.run.cassette import read_cassette
from scrun.workbench.run.job import DEFAULT_ID, read_variables
from scrun.workbench.run.options import (
    STAGES,
    STATUSES,
    VERBS,
    Options,
    Site,
    find_site,
    parse_verb,
)
from scrun.workbench.run.report import Report, one_line
from scrun.workbench.run.session import run as run_script
from scrun.workbench.run.site_settings import read_settings

HELP_NAMES = {"help_option_names": ["-h", "-?", "--help", "--usage"]}
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

HELP = """Run FUNCTION of FILE: of a site's script stage_in, stage_out, or both, the default.

The script gets what it would get in a container. Its modules are looked for beside it, as in a
site's directory. FILE may also be such a directory, or a module below its scrun.d: of stage/ it is
the stager that is run, of verbs/ the verb. Before a FUNCTION it may be left out: the site is then
the one in force (`scrun lua path`).

\b
--dry-run  Commands are shown and not run (the default). They end with status
           0 and no output, or as --answer has it. Files that the script
           writes go to a private directory, where it finds them again;
           directories that its commands would have made are taken as made.
           Nothing of yours is changed. C modules (lfs, posix) are not held
           back.
--local    Commands and files are real, on this machine. The script works on
           a copy of the bundle and its root filesystem, unless --in-place is
           given; other paths are the script's own affair.
--slurm    As --local, in a job of its own, or in one that you have
           (--job-id). The nodes see the copy of the bundle only if --work-dir
           is on a file system that they share.
--replay   Commands are answered from a cassette that --record has written,
           files as in a dry run. A command that is not the cassette's ends
           the run. Without --bundle config.json is the cassette's as well.

Without --bundle the bundle is a sample. What the script prints to standard output, which is the
container's in a real run, is shown as such.

FUNCTION may be a verb for a container: create, start, state, kill, delete, exec, pause, resume, ps,
events, update. ARGs are what follows the container's ID on its command line: `kill USR1`,
`exec -- ls /`, `update -- --memory 64M`. The module in force is run, and shown is each function of
`require 'host'` that it calls.

\b
--dry-run  Nothing is done; all goes well. In create the script runs dry.
           Commands (os.execute) and files of a module are as a script's.
--local, --slurm
           For real, by a container of its own, of a copy of --bundle: in the
           same process that guards every container, with each program that
           it starts, what the container prints and how it ends. What the verb
           needs is done before and not shown (--status says what else it is
           to find). The container is deleted afterwards, with no module of
           the site's. With --job-id it runs in that job.

FUNCTION may also be a verb that needs no container: features, spec, checkpoint, restore. It is
called as on the command line, and what it prints and its exit status are shown as well. So is the
config.json of spec, which is written only with --in-place: `spec --bundle DIR`, `spec --
--rootless`.

\b
--dry-run  As on a machine with Slurm; nothing is started or written.
--local    As on a machine without: features asks the runtime of this one.
--slurm    As on a machine with Slurm. There is no job.
"""


@click.command(name="run", help=f"{HELP}\n{PLUGIN_HELP}", context_settings=HELP_NAMES)
@click.argument("file", metavar="FILE")
@click.argument("function", metavar="[FUNCTION]", required=False)
@click.argument("words", metavar="[ARG]...", nargs=-1, type=click.UNPROCESSED)
@click.option("-b", "--bundle", metavar="DIR", help="The bundle to work on.")
@click.option("--dry-run", is_flag=True, help="Show commands, do not run them (default).")
@click.option("--local", is_flag=True, help="Run commands on this machine.")
@click.option("--slurm", is_flag=True, help="Run commands in a job of Slurm.")
@click.option("--replay", metavar="FILE", help="Answer commands from a cassette.")
@click.option("--record", metavar="FILE", help="Write the commands' answers to a cassette.")
@click.option(
    *("--answer", "answers"),
    metavar="PATTERN=STATUS:OUTPUT",
    multiple=True,
    help="What a command answers in a dry run; PATTERN is a glob, the first that fits counts.",
)
@click.option(
    *("--answers", "answer_files"),
    metavar="FILE",
    multiple=True,
    help="TOML with [[answer]] tables: command, status, output, stderr.",
)
@click.option("--in-place", is_flag=True, help="Work on the bundle itself, not on a copy.")
@click.option("--work-dir", metavar="DIR", help="Where the copy and temporary files go.")
@click.option("--keep", is_flag=True, help="Keep them, and say where they are.")
@click.option("--id", "container_id", metavar="ID", default=DEFAULT_ID, help="Container id.")
@click.option("--job-id", metavar="N", type=click.IntRange(1), help="Job id; with --slurm a job.")
@click.option(
    "--job-env", metavar="NAME=VALUE", multiple=True, help="A variable of the job's environment."
)
@click.option("--job-env-file", metavar="FILE", multiple=True, help="The same, one a line.")
@click.option("--nodes", metavar="LIST", help="Nodes of the job, such as n[1-3].")
@click.option("--user", metavar="NAME", help="Whose job it is: a name, or UID[:GID].")
@click.option("--staged-bundle", metavar="DIR", help="For stage_out alone: what stage_in set.")
@click.option("--staged-root", metavar="DIR", help="For stage_out alone: what stage_in set.")
@click.option("--lua", "dialect", type=click.Choice(DIALECTS), help="Dialect of the script.")
@click.option("--timeout", metavar="SECONDS", type=float, default=0.0, help="For each function.")
@click.option("--memory", metavar="BYTES", help="What Lua may use; K, M and G are understood.")
@click.option("--status", type=click.Choice(STATUSES), help="That a verb is to find.")
@click.option("--signal", metavar="NAME", help="For kill. Default: TERM.")
@click.option("--all", "signal_all", is_flag=True, help="For kill.")
@click.option("--force", is_flag=True, help="For delete.")
@plugin_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("-v", "--verbose", count=True, help="Also tracebacks and whole outputs.")
def run(
    file: str,
    function: str | None,
    words: tuple[str, ...],
    bundle: str | None,
    dry_run: bool,
    local: bool,
    slurm: bool,
    replay: str | None,
    record: str | None,
    answers: tuple[str, ...],
    answer_files: tuple[str, ...],
    in_place: bool,
    work_dir: str | None,
    keep: bool,
    container_id: str,
    job_id: int | None,
    job_env: tuple[str, ...],
    job_env_file: tuple[str, ...],
    nodes: str | None,
    user: str | None,
    staged_bundle: str | None,
    staged_root: str | None,
    dialect: str | None,
    timeout: float,
    memory: str | None,
    status: str | None,
    signal: str | None,
    signal_all: bool,
    force: bool,
    as_json: bool,
    verbose: int,
    **plugin: Any,
) -> int:
    """Run a function of a script and show what happened."""
    globals_ = click.get_current_context().find_root().params
    verbose += int(globals_.get("verbose") or 0)
    if not 0 <= timeout < float("inf"):
        raise UsageError("--timeout: a number of seconds is expected")
    if file in (*STAGES, *VERBS):  # FILE was left out
        words = words if function is None else (function, *words)
        site, search = find_own_site(globals_.get("slurm_conf"))
        file, function = site.directory, file
    else:
        site = find_site(file)
        search = SearchPath(site.directory)
    if is_plugin(file, function, plugin):
        return run_plugin(
            file,
            function,
            plugin,
            job_id=job_id,
            dialect=dialect,
            timeout_s=timeout,
            memory_bytes=read_size(memory),
            settings=read_settings(search, timeout_s=timeout, runs=True),
            as_json=as_json,
            verbose=verbose,
        )
    chosen = {"dry": dry_run, "local": local, "slurm": slurm, "replay": replay is not None}
    backends = [name for name, is_chosen in chosen.items() if is_chosen] or ["dry"]
    if len(backends) > 1:
        raise UsageError("--dry-run, --local, --slurm and --replay exclude each other")
    if backends != ["dry"] and (answers or answer_files):
        raise UsageError("--answer and --answers are for a dry run")
    check_container_id(container_id)
    functions = choose_functions(function, site)
    options = Options(
        site=site,
        functions=functions,
        backend=backends[0],
        bundle=bundle,
        in_place=in_place,
        answers=Answers.read(answers, answer_files),
        container_id=container_id,
        job_id=job_id,
        job_env=read_variables(list(job_env), list(job_env_file)),
        nodes=nodes,
        user=user,
        dialect=dialect,
        timeout_s=timeout,
        memory_bytes=read_size(memory),
        staged_bundle=staged_bundle,
        staged_root=staged_root,
        work_dir=work_dir,
        keep=keep,
        record=record,
        cassette=None if replay is None else read_cassette(replay),
        slurm_conf=globals_.get("slurm_conf"),
        status=status,
        command=read_command(functions[0], words, signal, signal_all=signal_all, force=force),
    )
    runs = options.backend in ("local", "slurm")
    settings = read_settings(search, timeout_s=timeout, runs=runs)
    view = (ContainerlessView if options.is_containerless else View)(sys.stdout, verbose)
    report = run_script(options, settings, search, None if as_json else view.show)
    if as_json:
        click.echo(json.dumps(report.document(), indent=2))
    else:
        view.conclude(report)
    return _fail(report, verbose)


def find_own_site(slurm_conf: str | None) -> tuple[Site, SearchPath]:
    """Return the site whose modules containers of the caller get.

    Raises:
        ConfigError: it is refused.
    """
    search = site_search(os.environ, slurm_conf)
    return Site(os.path.abspath(search.site_dir or "."), search.script()), search


def choose_functions(function: str | None, site: Site) -> tuple[str, ...]:
    """Return the functions of the script, or the verb, that FUNCTION means.

    Raises:
        UsageError: none.
    """
    if function is None and site.verb is None:
        return STAGES
    if function is None and site.verb in VERBS:
        return (site.verb,)
    if function is None:
        known = ", ".join(VERBS)
        raise UsageError(f"lua run: {site.verb} is no verb of a module", hint=f"one of {known}")
    name = function.removeprefix("slurm_scrun_")
    if name not in (*STAGES, *VERBS):
        known = ", ".join((*STAGES, *VERBS))
        raise UsageError(f"lua run: unknown function {function}", hint=f"one of {known}")
    return (name,)


def read_command(
    verb: str, words: tuple[str, ...], signal: str | None, *, signal_all: bool, force: bool
) -> Command | None:
    """Return the verb as it is called; None: it is none.

    Raises:
        UsageError: what cannot be asked of it.
    """
    if verb not in VERBS:
        if words:
            raise UsageError(f"lua run {verb}: {' '.join(words)}: only verbs have arguments")
        return None
    options = {"--all": signal_all, "--force": force}
    given = [name for name, is_given in options.items() if is_given]
    if verb == "events" and "--interval" not in " ".join(words):
        given.append("--stats")
    if signal is not None and words:
        raise UsageError("--signal: the signal is given twice")
    return parse_verb(verb, [*given, *words, *([signal] if signal is not None else [])])


def read_size(text: str | None) -> int | None:
    """Return the bytes of a size such as ``64M``.

    Raises:
        UsageError: it is none.
    """
    if text is None:
        return None
    number = text.rstrip("KMGkmg")
    unit = UNITS.get(text[len(number) :].upper())
    if unit is None or not number.isdecimal():
        raise UsageError(f"--memory {text}: expected a number of bytes, such as 64M")
    return min(int(number) * unit, MOST_BYTES)


def _fail(report: Report, verbose: int) -> int:
    """Report the error that ended the run, if one did; return the exit status."""
    error = report.error
    if error is None:
        return 0
    traceback = getattr(error, "traceback", "")
    if verbose and traceback:
        click.echo(traceback, err=True)
    raise ScrunError(one_line(error.message), code=error.code, hint=error.hint)
