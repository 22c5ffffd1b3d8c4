"""Slurm's errors by name, number and text: what a question to Slurm can meet.

Source: Slurm 22.05 to 26.05, slurm_errno.h (the numbers) and slurm_errno.c (the texts); neither
has changed for these.
"""

from __future__ import annotations

from scrun.errors import ClusterError

ERRORS = (
    ("SLURM_COMMUNICATIONS_CONNECTION_ERROR", 1001, "Communication connection failure"),
    ("SLURM_PROTOCOL_VERSION_ERROR", 1005, "Incompatible versions of client and server code"),
    ("SLURM_PROTOCOL_AUTHENTICATION_ERROR", 1007, "Protocol authentication error"),
    (
        *("SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR", 1800),
        "Unable to contact slurm controller (connect failure)",
    ),
    (
        *("SLURMCTLD_COMMUNICATIONS_SEND_ERROR", 1801),
        "Unable to contact slurm controller (send failure)",
    ),
    (
        *("SLURMCTLD_COMMUNICATIONS_RECEIVE_ERROR", 1802),
        "Unable to contact slurm controller (receive failure)",
    ),
    (
        *("SLURMCTLD_COMMUNICATIONS_SHUTDOWN_ERROR", 1803),
        "Unable to contact slurm controller (shutdown failure)",
    ),
    ("ESLURM_ACCESS_DENIED", 2002, "Access/permission denied"),
    ("ESLURM_USER_ID_MISSING", 2010, "Invalid user id"),
    ("ESLURM_INVALID_JOB_ID", 2017, "Invalid job id specified"),
    (
        *("ESLURM_TRANSITION_STATE_NO_UPDATE", 2020),
        "Job can not be altered now, try again later",
    ),
    ("ESLURM_ALREADY_DONE", 2021, "Job/step already completing or completed"),
    ("ESLURM_JOB_PENDING", 2024, "Job is pending execution"),
    ("ESLURM_IN_STANDBY_MODE", 2027, "Slurm backup controller in standby mode"),
    ("SLURM_PROTOCOL_SOCKET_IMPL_TIMEOUT", 5004, "Socket timed out on send/recv operation"),
    ("SLURM_PROTOCOL_SOCKET_ZERO_BYTES_SENT", 5005, "Zero Bytes were transmitted or received"),
    ("ESLURM_DB_CONNECTION", 7000, "Unable to connect to database"),
)
FIRST_NUMBER = 1000  # smaller ones are errno values of the system
CODES_BY_NUMBER = {number: name for name, number, _ in ERRORS}
MISSING = ("ESLURM_INVALID_JOB_ID", "ESLURM_ALREADY_DONE")  # of a job that is gone


def error_from_output(operation: str, output: str, otherwise: str) -> ClusterError:
    """Return the error that a command's messages tell of.

    Args:
        operation: what was asked, such as ``query job 7``.
        output: the command's stderr.
        otherwise: the reason when it said nothing.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in lines:
        for name, _, text in ERRORS:
            if text in line:
                return ClusterError(f"{operation}: {text}", code=name)
    complaints = [line for line in lines if "error:" in line or "fatal:" in line]
    reason = (complaints or lines or [otherwise])[0]
    for mark in ("fatal: ", "error: "):  # "squeue: error: Invalid user: x"
        reason = reason.rpartition(mark)[2]
    return ClusterError(f"{operation}: {reason}")
