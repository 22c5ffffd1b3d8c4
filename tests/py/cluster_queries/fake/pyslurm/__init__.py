"""A pyslurm that has no Slurm: names, arguments, results and failures of pyslurm 25.11.2.

Each class names the source file it was read from. What tests arrange is in `fake_cluster`.
"""

from . import dlopen  # isort: skip
from . import db
from .deprecated import qos
from .error import PyslurmError, RPCError
from .job import Job, JobStep, JobSteps
from .version import __version__

# pydefines/slurm_errno_enums.pxi
SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR = 1800
ESLURM_ACCESS_DENIED = 2002
ESLURM_INVALID_JOB_ID = 2017
ESLURM_ALREADY_DONE = 2021
ESLURM_DISABLED = 2037

__all__ = [
    "ESLURM_ACCESS_DENIED",
    "ESLURM_ALREADY_DONE",
    "ESLURM_DISABLED",
    "ESLURM_INVALID_JOB_ID",
    "SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR",
    "Job",
    "JobStep",
    "JobSteps",
    "PyslurmError",
    "RPCError",
    "__version__",
    "db",
    "dlopen",
    "qos",
]
