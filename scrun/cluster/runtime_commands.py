"""Command lines of the node's OCI runtime, by the patterns of oci.conf.

On a node some values are the node's to tell: they come in as shell variables that slurmstepd sets
for every step. Source: oci.conf(5), "OCI Pattern"; srun(1), OUTPUT ENVIRONMENT VARIABLES.
"""

from __future__ import annotations

from scrun.oci.patterns import PatternValues, expand_command
from scrun.oci.signals import NUMBERS

NODE_MARK = "@SLURMD_NODENAME@"  # needs no quotes, so a variable can take its place
NODE_VARIABLE = "${SLURMD_NODENAME}"


def kill_command(
    pattern: str,
    number: int,
    *,
    job_id: int,
    step_id: int,
    user: tuple[str, int],
    bundle: str,
) -> str:
    """Return a line of shell that has the node's runtime deliver a signal to task 0's container.

    RunTimeKill as slurmstepd uses it ends in the signal it sends, ``KILL``: ours takes its place.

    Raises:
        ConfigError: the pattern has a letter that means nothing.
    """
    values = PatternValues(
        bundle=bundle,
        rootfs=f"{bundle}/rootfs",
        spool_dir="",
        job_id=job_id,
        user=user[0],
        uid=user[1],
        node=NODE_MARK,
        step_id=step_id,
    )
    text = expand_command(with_signal(pattern, number), values)
    return text.replace(NODE_MARK, NODE_VARIABLE)


def with_signal(pattern: str, number: int) -> str:
    """Return a RunTimeKill pattern that sends ``number`` instead of its own last word."""
    words = pattern.rstrip().split(" ")
    last = words[-1].strip("'\"").upper().removeprefix("SIG")
    if last in NUMBERS or last.isdecimal():
        words.pop()
    return " ".join([*words, str(number)])
