"""Where the commands of a run go: nowhere, to this machine, to a job of Slurm, to a cassette."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scrun import log
from scrun.anchor.container import Container
from scrun.cluster.backend import cluster_name, locate_slurm_conf, make_backend
from scrun.errors import ClusterError, ConfigError, ScrunError
from scrun.host.capture import capture
from scrun.lua.runtime import Runtime
from scrun.lua.search import SearchPath
from scrun.oci.config import Config
from scrun.oci.oci_conf import OciConf, read_beside
from scrun.settings import Settings
from scrun.workbench.run.attend import Attendant
from scrun.workbench.run.hosts import DryHost, LiveHost
from scrun.workbench.run.replay import ReplayHost

if TYPE_CHECKING:
    from scrun.cluster.backend import Backend
    from scrun.workbench.run.cassette import Places
    from scrun.workbench.run.hosts import Host
    from scrun.workbench.run.job import Job
    from scrun.workbench.run.options import Options

CANCELLED = 1


@dataclasses.dataclass
class Place:
    """An open backend.

    Attributes:
        status: for the job's accounting, where there is a job.
    """

    host: Host
    job_id: int
    nodes: str
    status: int = CANCELLED


@contextmanager
def open_place(
    options: Options,
    settings: Settings,
    container: Container,
    config: Config,
    job: Job,
    attendant: Attendant,
    search: SearchPath,
    places: Places,
) -> Iterator[Place]:
    """Have what ``options.backend`` names, and a job on Slurm for the time of this context.

    Raises:
        ScrunError: there is no such job.
    """
    slurm_conf = locate_slurm_conf(options.slurm_conf, container.environment)
    container.backend = "slurm" if options.backend == "slurm" else "local"
    oci_conf = read_beside(slurm_conf, log.warn)
    backend = _make_backend(settings, container, attendant, oci_conf)
    if options.backend == "slurm":
        container.pyslurm = settings.pyslurm
        container.command_timeout_s = settings.command_timeout_s
        live = LiveHost(container, cluster_name("slurm", slurm_conf), backend)
        live.in_anchor = False
        request = _request(options, settings, container, config, search)
        with _allocated(live, request, attendant) as place:
            backend.job_variables |= options.job_env
            yield place
        return
    backend.job_id = job.job_id
    backend.job_variables = job.environment()
    host: Host
    if options.cassette is not None:
        host = ReplayHost(container, backend, options.cassette, places)
    elif options.backend == "dry":
        host = DryHost(container, job.cluster_name, backend, options.answers)
    else:
        host = LiveHost(container, job.cluster_name, backend)
    container.job = {"job_id": job.job_id}
    yield Place(host, job.job_id, job.nodes)


def _make_backend(
    settings: Settings, container: Container, attendant: Attendant, oci_conf: OciConf | None
) -> Backend:
    return make_backend(
        container.backend,
        settings,
        loop=attendant.loop,
        container_id=container.id,
        step_name=container.step_name,
        spool_dir=container.directory,
        environment=container.environment,
        oci_conf=oci_conf,
        user=(container.user.name, container.user.uid),
    )


def _request(
    options: Options,
    settings: Settings,
    container: Container,
    config: Config,
    search: SearchPath,
) -> dict[str, object]:
    """Return what to ask Slurm for, as the verb ``create`` would.

    Raises:
        ScrunError: an annotation or a variable asks for what cannot be.
    """
    if options.job_id is not None:
        return {"job_id": options.job_id}
    runtime = Runtime("5.4", search=search)
    function = runtime.require("scrun.job.request")[b"from"]
    results = runtime.call(
        function, container.environment, config.raw, settings.table, container.id
    )
    request, message, code = ([runtime.to_python(value) for value in results] + [None] * 3)[:3]
    if not isinstance(request, dict):
        raise ConfigError(f"{message or 'job request refused'}", code=str(code or "BAD_CONFIG"))
    return request


@contextmanager
def _allocated(host: LiveHost, request: dict[str, object], attendant: Attendant) -> Iterator[Place]:
    backend = host.backend
    errors: list[ScrunError | None] = []

    def allocate(done: Callable[[], None]) -> None:
        def granted(error: ScrunError | None) -> None:
            errors.append(error)
            done()

        backend.allocate(request, granted)

    def lost() -> None:
        text = f"job {backend.job_id} ended during the run"
        attendant.stop(ClusterError(text, code="JOB_ENDED"))

    place: Place | None = None
    backend.on_lost = lost
    try:
        attendant.wait(allocate, backend.cancel)
        if attendant.reason is not None:
            raise attendant.reason
        if errors and errors[0] is not None:
            raise errors[0]
        nodes = backend.job_variables.get("SLURM_JOB_NODELIST") or _ask_nodes(backend)
        backend.job_variables.setdefault("SLURM_JOB_NODELIST", nodes)
        host.container.job = backend.record()
        place = Place(host, backend.job_id, nodes)
        yield place
    finally:
        status = place.status if place is not None else CANCELLED
        attendant.wait(lambda done: backend.finish(status, done), backend.cancel)


def _ask_nodes(backend: Backend) -> str:
    """Return the node list of an allocation that was there before.

    Raises:
        ClusterError: Slurm knows no such job, or it has no nodes.
    """
    argv = ["squeue", "--noheader", "--jobs", str(backend.job_id), "--format", "%N"]
    status, output, _ = capture(argv, os.environ)
    text = output.decode(errors="replace").strip()
    if status or not text:
        raise ClusterError(f"job {backend.job_id}: {text or 'it has no nodes'}")
    return text
