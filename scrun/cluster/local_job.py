"""The job that there is none of: what Slurm would set for it on one machine."""

from __future__ import annotations

import os


def describe_job(job_id: int, name: str, user: tuple[str, int]) -> dict[str, str]:
    """Return the variables that make sense here. Source: sbatch(1), OUTPUT ENVIRONMENT VARIABLES.

    Args:
        user: name and number.
    """
    node, cpus = os.uname().nodename, str(len(os.sched_getaffinity(0)))
    return {
        "SLURM_CLUSTER_NAME": "local",
        "SLURM_CPUS_ON_NODE": cpus,
        "SLURM_JOB_CPUS_PER_NODE": cpus,
        "SLURM_JOB_ID": str(job_id),
        "SLURM_JOBID": str(job_id),
        "SLURM_JOB_NAME": name,
        "SLURM_JOB_NODELIST": node,
        "SLURM_JOB_NUM_NODES": "1",
        "SLURM_JOB_PARTITION": "local",
        "SLURM_JOB_UID": str(user[1]),
        "SLURM_JOB_USER": user[0],
        "SLURM_NNODES": "1",
        "SLURM_NODELIST": node,
        "SLURM_NTASKS": "1",
        "SLURM_SUBMIT_DIR": os.getcwd(),
        "SLURM_SUBMIT_HOST": node,
        "SLURM_TASKS_PER_NODE": "1",
    }
