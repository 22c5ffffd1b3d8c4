"""The backends that show commands, or run them in a job of Slurm: those of `scrun.workbench.run`.

There is a job and a container of it, with a sample bundle, so that paths and environment are there.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scrun import log
from scrun.host.loop import Loop
from scrun.lua.runtime import Runtime
from scrun.lua.search import SearchPath
from scrun.settings import Settings
from scrun.workbench.repl.session import Make, Say, make_state
from scrun.workbench.run.attend import Attendant
from scrun.workbench.run.backends import open_place
from scrun.workbench.run.bundle import make_bundle
from scrun.workbench.run.cassette import Places
from scrun.workbench.run.events import Command, Event, Journal, Logged, Told
from scrun.workbench.run.files import Files
from scrun.workbench.run.hosts import WatchedHost
from scrun.workbench.run.job import Job, find_user, make_container
from scrun.workbench.run.options import Options, Site
from scrun.workbench.run.script import WatchedScript

ID = "lua-repl"
SPOOL, SCRATCH, FILES = "spool", "scratch", "files"
REMOTE = ("remote_command", "run_remote")


@dataclass(frozen=True)
class Backend:
    """An open backend: what makes states on it, and what it is, for people."""

    host: WatchedHost
    make: Make
    about: str


@contextmanager
def open_backend(
    kind: Literal["dry", "slurm"],
    settings: Settings,
    search: SearchPath,
    *,
    dialect: str,
    slurm_conf: str | None,
    say: Say,
    show: Callable[[str], None],
) -> Iterator[Backend]:
    """Have a backend; with ``slurm`` a job, for the time of this context.

    Args:
        say: gets level and text of what scripts log.
        show: gets each command that is not run.

    Raises:
        ScrunError: Slurm gives no job.
    """

    def hear(event: Event) -> None:
        if isinstance(event, Logged):
            say(event.level, event.text.removeprefix("lua: "))
        elif isinstance(event, Told):
            say(log.INFO, event.text)
        elif isinstance(event, Command) and not event.ran:
            where = " on the nodes" if event.kind in REMOTE else ""
            show(f"would run{where}: {event.text}")

    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="scrun-repl-"))
        for name in (SPOOL, SCRATCH, FILES):
            os.mkdir(f"{directory}/{name}", 0o700)
        bundle = make_bundle(f"{directory}/bundle")
        user = find_user(None)
        job = Job(ID, nodes=os.uname().nodename, user=user.name, uid=user.uid, gid=user.gid)
        environment = {"SLURM_CONF": os.path.abspath(slurm_conf)} if slurm_conf else {}
        container = make_container(job, bundle.config, f"{directory}/{SPOOL}", user, environment)
        options = Options(Site("", None), backend=kind, container_id=ID, slurm_conf=slurm_conf)
        attendant = Attendant(Loop())
        with attendant.signals():
            place = stack.enter_context(
                open_place(
                    *(options, settings, container, bundle.config, job),
                    *(attendant, search, Places({})),
                )
            )
        place.status = 0  # of the job, when its user leaves
        host = WatchedHost(place.host, Journal(hear))
        memory_bytes = settings.lua_memory_bytes
        if kind == "slurm":
            make = make_state(host, search, dialect, memory_bytes)
            yield Backend(host, make, f"commands run in job {place.job_id} on {place.nodes}")
            return

        def make_dry(_guard: Callable[[], None]) -> Runtime:
            return DryScript(host, search, dialect, memory_bytes, directory).runtime

        yield Backend(host, make_dry, "commands are shown, not run")


class DryScript(WatchedScript):
    """A state in which nothing is changed: ``os.execute``, ``io.popen`` and files do not, either.

    What is printed stays on the terminal.
    """

    def __init__(
        self,
        host: WatchedHost,
        search: SearchPath,
        dialect: str,
        memory_bytes: int,
        directory: str,
    ) -> None:
        private = [f"{directory}/{name}" for name in (SPOOL, SCRATCH)]
        super().__init__(
            host,
            script=ID,
            search=search,
            dialect=dialect,
            memory_bytes=memory_bytes,
            files=Files(f"{directory}/{FILES}", private),
            scratch_dir=f"{directory}/{SCRATCH}",
        )
        self._runtime.call(self._restore)

    @property
    def runtime(self) -> Runtime:
        """The state."""
        return self._runtime

    def _offer(self, hooks: Any, files: Files) -> None:
        # Before watch.lua takes the standard streams away.
        source = Path(__file__).with_name("streams.lua").read_bytes()
        self._restore: Any = self._runtime.lua.compile(source, name=b"=[host]")()
        super()._offer(hooks, files)
