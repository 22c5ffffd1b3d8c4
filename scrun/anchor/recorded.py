"""Stage out a container by its record alone: the anchor that staged it in is dead."""

from __future__ import annotations

from scrun import log
from scrun.anchor.container import recorded
from scrun.anchor.policy import Policy
from scrun.anchor.stage_host import StageHost
from scrun.anchor.staging import Staging
from scrun.cluster.backend import cluster_name, locate_slurm_conf, make_backend
from scrun.host.loop import Loop
from scrun.lua.search import site_search
from scrun.oci.oci_conf import read_beside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scrun.errors import ScrunError


def stage_out(record: dict[str, Any], directory: str) -> None:
    """Run the site's stage_out; of a creation that was cut short, only a stager's clean-up.

    Raises:
        ScrunError: it failed, or cannot be loaded.
    """
    loop = Loop()
    container = recorded(record, directory)
    slurm_conf = locate_slurm_conf(None, container.environment)
    search = site_search(container.environment, slurm_conf)
    settings = Policy(search).settings()
    backend = make_backend(
        container.backend,
        settings,
        loop=loop,
        container_id=container.id,
        step_name=container.step_name,
        spool_dir=directory,
        environment=container.environment,
        oci_conf=read_beside(slurm_conf, log.warn),
        user=(container.user.name, container.user.uid),
    )
    if container.job:
        backend.restore(container.job)
    host = StageHost(container, cluster_name(container.backend, slurm_conf))
    host.backend, host.in_anchor = backend, False
    staging = Staging(loop, container, host, search=search, settings=settings)
    answers: list[ScrunError | None] = []
    staging.begin()
    staging.load(answers.append)
    while not answers:
        loop.run_once()
    if answers[0] is None:
        run = staging.stage_out if container.staged else staging.clean_up
        run(answers.append)
        while len(answers) < 2:
            loop.run_once()
    if answers[-1] is not None:
        raise answers[-1]
