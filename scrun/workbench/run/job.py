"""The job and the container that a script is told of when there is none, or of a real one."""

from __future__ import annotations

import dataclasses
import grp
import os
import pwd
from collections.abc import Mapping

from scrun.anchor.container import Container, submitted
from scrun.errors import ConfigError, UsageError
from scrun.host.user import Caller
from scrun.hot.parse import Command
from scrun.oci.config import Config
from scrun.workbench.run.nodes import expand_nodes

DEFAULT_JOB_ID = 1
DEFAULT_ID = "lua-run"


@dataclasses.dataclass
class Job:
    """What a script learns of its job.

    Attributes:
        nodes: as Slurm writes node lists.
        user, uid, gid: whose job it is.
        variables: more of the job's environment; these go before what would be there.
    """

    container_id: str = DEFAULT_ID
    job_id: int = DEFAULT_JOB_ID
    nodes: str = ""
    user: str = ""
    uid: int = 0
    gid: int = 0
    cluster_name: str = "local"
    variables: dict[str, str] = dataclasses.field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Return the variables that Slurm would set for such a job, and `variables`."""
        names = expand_nodes(self.nodes)
        count = str(len(names))
        each = "1" if len(names) == 1 else f"1(x{count})"
        given = {
            "SLURM_CLUSTER_NAME": self.cluster_name,
            "SLURM_JOB_CPUS_PER_NODE": each,
            "SLURM_JOB_GID": str(self.gid),
            "SLURM_JOB_ID": str(self.job_id),
            "SLURM_JOBID": str(self.job_id),
            "SLURM_JOB_NAME": f"scrun-{self.container_id}",
            "SLURM_JOB_NODELIST": self.nodes,
            "SLURM_JOB_NUM_NODES": count,
            "SLURM_JOB_PARTITION": "debug",
            "SLURM_JOB_UID": str(self.uid),
            "SLURM_JOB_USER": self.user,
            "SLURM_NNODES": count,
            "SLURM_NODELIST": self.nodes,
            "SLURM_SUBMIT_DIR": os.getcwd(),
            "SLURM_SUBMIT_HOST": os.uname().nodename,
            "SLURM_TASKS_PER_NODE": each,
        }
        return given | self.variables


def find_user(name: str | None) -> Caller:
    """Return a user by ``NAME`` or ``UID[:GID]``; None: who calls.

    Raises:
        UsageError: there is no such user, and it is no number either.
    """
    user = Caller()
    if not name:
        return user
    first, _, second = name.partition(":")
    try:
        entry = pwd.getpwuid(int(first)) if first.isdecimal() else pwd.getpwnam(first)
    except KeyError:
        if not first.isdecimal():
            raise UsageError(f"--user {name}: no such user", hint="UID:GID works as well") from None
        user.name, user.uid, user.gid, user.home = first, int(first), int(first), "/"
    else:
        user.name, user.home = entry.pw_name, entry.pw_dir
        user.uid, user.gid = entry.pw_uid, entry.pw_gid
    if second:
        if not second.isdecimal():
            raise UsageError(f"--user {name}: expected UID:GID")
        user.gid = int(second)
    user.privileged = user.uid == 0
    try:
        user.group = grp.getgrgid(user.gid).gr_name
    except KeyError:
        user.group = str(user.gid)
    return user


def read_variables(options: list[str], files: list[str]) -> dict[str, str]:
    """Return ``NAME=value`` entries of options, over those of files (one a line, ``#`` comments).

    Raises:
        UsageError: an entry without a name.
        ConfigError: a file cannot be read.
    """
    entries: list[tuple[str, str]] = []
    for path in files:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                lines = file.read().splitlines()
        except OSError as err:
            raise ConfigError(f"read {path}: {(err.strerror or str(err)).lower()}") from err
        entries += [(line, path) for line in lines if line.strip() and line.lstrip()[0] != "#"]
    entries += [(option, "--job-env") for option in options]
    variables = {}
    for entry, source in entries:
        name, equals, value = entry.partition("=")
        if not equals or not name:
            raise UsageError(f"{source}: {entry}: expected NAME=value")
        variables[name] = value
    return variables


def make_container(
    job: Job, config: Config, directory: str, user: Caller, environment: Mapping[str, str]
) -> Container:
    """Return the container as ``create`` would have it, in a spool directory ``directory``.

    Args:
        environment: of the caller; SLURM_CONF in it is the one in use.
    """
    command = Command("create", {}, {}, [job.container_id])
    container = submitted(command, directory, config, user, os.environ)
    container.environment |= environment
    return container
