"""The caller's environment as Slurm's commands may have it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Options of these commands by the caller's environment, such as SQUEUE_USERS, SCANCEL_INTERACTIVE.
OPTION_PREFIXES = ("SQUEUE_", "SCANCEL_", "SCONTROL_", "SACCTMGR_")


def without_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what would change the answers of Slurm's commands."""
    return {n: value for n, value in environment.items() if not n.startswith(OPTION_PREFIXES)}
