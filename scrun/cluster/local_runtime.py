"""Which OCI runtime of this machine runs containers without Slurm, and what it says it can do."""

from __future__ import annotations

import os

from scrun.errors import ClusterError, ConfigError, ScrunError
from scrun.host.process import find_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrun.host.loop import Loop
    from scrun.oci.oci_conf import OciConf

NO_CGROUPS = ("--cgroup-manager=disabled",)  # crun; a job's limits are not ours to set here
# Where systemd mounts version 2 beside version 1; crun refuses to run there, runc does not.
HYBRID_CGROUPS = "/sys/fs/cgroup/unified/cgroup.procs"


def choose_runtime(wanted: str | None, path: str | None, oci_conf: OciConf | None) -> list[str]:
    """Return program and first options; empty when oci.conf has whole command lines.

    Args:
        wanted: its name or path (setting ``local_runtime``); None: crun, else runc.
        path: where programs are looked for first, as in PATH.

    Raises:
        ClusterError: there is no runtime (code NO_RUNTIME).
        ConfigError: oci.conf has patterns that cannot be run here.
    """
    style = oci_conf.runtime_style() if oci_conf else None
    if style == "create":
        raise ConfigError(
            f"{oci_conf.path if oci_conf else ''}: the local backend needs "
            "RunTimeRun: RunTimeCreate and RunTimeStart are for slurmstepd only"
        )
    if style == "run":
        return []
    names = ["crun", "runc"]
    if os.path.exists(HYBRID_CGROUPS):
        names.reverse()
    for name in [wanted] if wanted else names:
        program = name if "/" in name else find_program(name, path) or find_program(name, None)
        if program and os.access(program, os.X_OK):
            options = NO_CGROUPS if os.path.basename(program) == "crun" else ()
            return [program, *options]
    if wanted:
        raise ClusterError(
            f'no OCI runtime "{wanted}" here (setting local_runtime)', code="NO_RUNTIME"
        )
    raise ClusterError(
        "no Slurm configuration, and neither crun nor runc on this machine",
        code="NO_RUNTIME",
        hint="install crun (apt-get install crun) or give a slurm.conf by -f",
    )


def ask_features(
    loop: Loop,
    runtime: list[str],
    environment: Mapping[str, str],
    answer: Callable[[str | None], None],
) -> None:
    """Ask a runtime for its features; ``answer`` gets the JSON, None from one that has none."""

    def told(status: int, output: bytes) -> None:
        answer(output.decode(errors="replace") if status == 0 else None)

    try:
        loop.capture([*runtime, "features"], environment, told)
    except ScrunError:
        answer(None)
