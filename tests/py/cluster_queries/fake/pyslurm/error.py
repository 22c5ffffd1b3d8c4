"""core/error.pyx."""

import os

SLURM_ERROR = -1
TEXTS = {
    1800: "Unable to contact slurm controller (connect failure)",
    2002: "Access/permission denied",
    2017: "Invalid job id specified",
    2021: "Job/step already completing or completed",
    2037: "Requested operation is presently disabled",
}


class PyslurmError(Exception):
    """The base of all."""


class RPCError(PyslurmError):
    """A refusal; with ``msg`` alone its errno stays -1."""

    def __init__(self, errno: int = SLURM_ERROR, msg: str | None = None) -> None:
        self.errno = errno
        self.msg = msg or TEXTS.get(errno) or os.strerror(errno)
        super().__init__(self.msg)


def verify_rpc(errno: int) -> None:
    """Raise unless the call succeeded."""
    if errno:
        raise RPCError(errno)
