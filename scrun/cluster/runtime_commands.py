"""Command lines of the node's OCI runtime, by the patterns of oci.conf.

On a node its name is the node's to tell: it comes in as a shell variable that slurmstepd sets for
every step. Source: oci.conf(5), "OCI Pattern"; srun(1), OUTPUT ENVIRONMENT VARIABLES.
"""

from __future__ import annotations

from scrun.errors import ConfigError
from scrun.oci.patterns import PatternValues, expand_command
from scrun.oci.signals import NUMBERS

NODE_MARK = "@SLURMD_NODENAME@"  # needs no quotes, so a variable can take its place
NODE_VARIABLE = "${SLURMD_NODENAME}"
TASK_MARK = "@TASK@"


def node_command(
    pattern: str, *, job_id: int, step_id: int, user: tuple[str, int], bundle: str
) -> str:
    """Return a line of shell that runs a RunTime* pattern for the container of ``$task``.

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
        task_id=TASK_MARK,
    )
    text = expand_command(pattern, values).replace(NODE_MARK, NODE_VARIABLE)
    return text.replace(TASK_MARK, "${task}")


def exec_pattern(query: str | None, wanted: str | None) -> str:
    """Return the pattern that runs another process in a container.

    It is shell, and finds ``$process`` (a file with the process, config.md "Process"),
    ``$pid_file`` and ``$log`` (a file for the runtime's own complaint, as JSON).

    Args:
        query: RunTimeQuery of oci.conf; its verb gives way to ours.
        wanted: the setting ``runtime_exec``, which goes before.

    Raises:
        ConfigError: neither tells how.
    """
    if wanted:
        return wanted
    before, verb, after = f" {query or ''} ".partition(" state ")
    if not verb:
        raise ConfigError(
            'oci.conf: RunTimeQuery has no word "state", so nobody knows how to run a process '
            "in a container",
            hint="set runtime_exec in scrun.d/settings.lua",
        )
    options = '--log "$log" --log-format json exec --process "$process" --pid-file "$pid_file"'
    return f"{before.strip()} {options} $preserve {after.strip()}"


def update_pattern(query: str, path: str) -> str:
    """Return what changes a container's limits, by the command that prints its state.

    Args:
        path: of a file with ``linux.resources``, quoted.

    Raises:
        ConfigError: the command does not tell how.
    """
    before, verb, after = f" {query} ".partition(" state ")
    if not verb:
        raise ConfigError(
            'oci.conf: RunTimeQuery has no word "state", so nobody knows how to update'
        )
    return f"{before.strip()} update --resources {path} {after.strip()}"


def with_signal(pattern: str, signal: str) -> str:
    """Return a RunTimeKill pattern with another signal.

    As slurmstepd uses it, it ends in the signal that it sends, ``KILL``: ours takes its place.
    """
    words = pattern.rstrip().split(" ")
    last = words[-1].strip("'\"").upper().removeprefix("SIG")
    if last in NUMBERS or last.isdecimal():
        words.pop()
    return " ".join([*words, signal])
