"""The caller's environment as Slurm's commands may have it.

Slurm's commands read defaults of their options from it (srun(1), INPUT ENVIRONMENT VARIABLES):
``SLURM_LABELIO=1`` or ``SRUN_OUTPUT=file`` of a user's shell would change what a container's step
does. What is to count is asked for by SCRUN_*, see luastd/job/request.lua.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Options of these commands by the caller's environment, such as SQUEUE_USERS, SCANCEL_INTERACTIVE.
OPTION_PREFIXES = ("SQUEUE_", "SCANCEL_", "SCONTROL_", "SACCTMGR_")
# How to reach the cluster, which every command has to know.
ACCESS = frozenset(("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT"))
# Of a job on another cluster than this machine's (--clusters), "NAME:HOST:PORT:VERSION": srun goes
# there by it, and all others have to be told.
ELSEWHERE = "SLURM_WORKING_CLUSTER"
# What tells srun of the allocation that it is in; not how many tasks somebody else wanted there.
OF_A_JOB = (
    *("SLURM_JOB_", "SLURM_SUBMIT_", "SLURM_CLUSTER_NAME", "SLURM_NNODES", "SLURM_NODELIST"),
    ELSEWHERE,
)


def without_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what would change the answers of Slurm's commands."""
    return {n: value for n, value in environment.items() if not n.startswith(OPTION_PREFIXES)}


def without_defaults(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which salloc and srun find no options, but the way to Slurm."""
    return {
        name: value
        for name, value in without_options(environment).items()
        if name in ACCESS or not name.startswith(("SLURM_", "SRUN_", "SALLOC_"))
    }


def for_questions(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return a job's environment for squeue, scancel and scontrol: they go where the job is."""
    cluster = environment.get(ELSEWHERE, "").partition(":")[0]
    return {**environment, "SLURM_CLUSTERS": cluster} if cluster else environment


def of_job(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the environment says of the allocation that it is part of."""
    return {n: value for n, value in environment.items() if n.startswith(OF_A_JOB)}
