"""The Slurm backend by its commands: salloc holds the job, srun runs steps in it.

The job is held by a shell under salloc that hands over the job's environment by one FIFO and
waits on another for the exit status; so accounting has the container's own, and the job ends
when the anchor dies (end of file). Signals go through a step to the node's OCI runtime:
``scancel --signal`` would reach the runtime, not the container. Sources: salloc(1), srun(1),
oci.conf(5).
"""

from __future__ import annotations

import os

from scrun.errors import ClusterError
from scrun.host.process import Process, spawn
from scrun.oci.signals import NUMBERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scrun.oci.oci_conf import OciConf

HOLDER = 'env -0 > "$1"; read -r rc < "$2"; exit "${rc:-1}"'
NULL_PATH = "/dev/null"
# slurmstepd's values of the patterns of oci.conf, where the node itself has to tell them.
ON_NODE = {"n": '"$SLURMD_NODENAME"', "t": '"$SLURM_PROCID"', "%": "%"}


class CommandsBackend:
    """One job, and the container's step in it.

    Args:
        directory: the container's; it gets the FIFOs and salloc's messages.
        environment: of the caller of ``create``.
        oci_conf: of this machine; its RunTimeKill says how the node's runtime is told a signal.
        user: name and number of the job's user, as Slurm knows them.
    """

    name = "slurm"

    def __init__(
        self,
        directory: str,
        environment: Mapping[str, str],
        oci_conf: OciConf | None,
        user: tuple[str, int],
    ) -> None:
        self.directory = directory
        self.environment = dict(environment)
        self.oci_conf = oci_conf
        self.user = user
        self.job_id = 0
        self.job_environment: dict[str, str] = {}
        self.adopted = False
        self._holder: Process | None = None
        self._status_fd = -1

    def adopt(self, job_id: int) -> None:
        """Use an existing allocation (SLURM_JOB_ID), which is then neither finished nor ended."""
        self.adopted = True
        self.job_id = job_id
        self.job_environment = {
            name: value for name, value in self.environment.items() if name.startswith("SLURM_")
        }

    def hold(self, options: Sequence[str]) -> tuple[Process, int]:
        """Start salloc with ``options``.

        Returns:
            The holder, to be watched for its end, and a descriptor that brings the job's
            environment and then its end of file; the caller closes it.
        """
        environment_path = f"{self.directory}/job-environment"
        status_path = f"{self.directory}/exit-status"
        os.mkfifo(environment_path, 0o600)
        os.mkfifo(status_path, 0o600)
        reader = os.open(environment_path, os.O_RDONLY | os.O_NONBLOCK)
        # Read and write: the holder's open must not wait, nor see an end before we are gone.
        self._status_fd = os.open(status_path, os.O_RDWR)
        argv = ["salloc", "--no-bell", "--kill-command=TERM", *options]
        argv += ["--", "/bin/sh", "-c", HOLDER, "holder", environment_path, status_path]
        messages = os.open(self._messages_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        null = os.open(NULL_PATH, os.O_RDWR)
        try:
            self._holder = spawn(argv, self.environment, stdio=(null, null, messages))
        finally:
            os.close(messages)
            os.close(null)
        return self._holder, reader

    def take_environment(self, data: bytes) -> None:
        """Take what the holder sent: NAME=value entries, each ended by NUL.

        Raises:
            ClusterError: it has no job.
        """
        entries = data.decode("utf-8", "surrogateescape").split("\0")
        pairs = (entry.partition("=") for entry in entries if "=" in entry)
        self.job_environment = {
            name: value for name, _, value in pairs if name.startswith("SLURM_")
        }
        number = self.job_environment.get("SLURM_JOB_ID", "")
        if not number.isdecimal():
            raise ClusterError("salloc gave no job")
        self.job_id = int(number)

    def refusal(self) -> ClusterError:
        """Say why there is no job, in Slurm's own words."""
        with open(self._messages_path, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
        errors = [line for line in lines if "error:" in line] or lines or ["salloc ended"]
        reason = errors[0].removeprefix("salloc: ").removeprefix("error: ")
        return ClusterError(f"allocation refused: {reason}", code="ALLOCATION_REFUSED")

    def run(self, argv: Sequence[str]) -> Process:
        """Start srun with ``argv`` and this process's stdio."""
        # Quiet: "Exited with exit code 7" is for people who run srun, not for the container.
        return spawn([*self._srun(), "--quiet", *argv], self._step_environment())

    def run_aside(self, argv: Sequence[str], stdio: tuple[int, int, int]) -> Process:
        """Start a step beside the container's, with the job's resources shared."""
        options = ["--jobid", str(self.job_id), "--overlap", "--no-kill", "--quiet"]
        return spawn([*self._srun(), *options, *argv], self._step_environment(), stdio=stdio)

    def remote_prefix(self) -> list[str]:
        """Return the command line of a step for commands of the site's script."""
        options = ["--jobid", str(self.job_id), "--no-kill", "--job-name", "lua-command", "--"]
        return [*self._srun(), *options]

    def list_steps(self, stdout_fd: int) -> Process:
        """Start a listing of the job's steps: a line ``JOB.STEP NAME`` each."""
        argv = ["squeue", "--noheader", "--steps", "--jobs", str(self.job_id)]
        null = os.open(NULL_PATH, os.O_RDWR)
        try:
            stdio = (null, stdout_fd, null)
            return spawn([*argv, "--format", "%i %j"], self.environment, stdio=stdio)
        finally:
            os.close(null)

    def signal_argv(self, step_id: str, number: int) -> list[str]:
        """Return the command of a step that has the node's runtime signal the container.

        Raises:
            ClusterError: oci.conf has no RunTimeKill.
        """
        pattern = self.oci_conf.runtime_kill if self.oci_conf else None
        if not pattern:
            raise ClusterError("oci.conf: RunTimeKill is missing", code="BAD_CONFIG")
        words = pattern.split()
        last = words[-1].upper().removeprefix("SIG")
        if last in NUMBERS or last.isdecimal():
            words.pop()
        script = self._expand(" ".join([*words, str(number)]), step_id)
        # The container comes up a little after its step.
        retry = f"i=0; until {script}; do i=$((i+1)); [ $i -lt 100 ] || exit 1; sleep 0.05; done"
        return ["--", "/bin/sh", "-c", retry]

    def cancel(self) -> Process:
        """Start the end of the job."""
        null = os.open(NULL_PATH, os.O_RDWR)
        try:
            argv = ["scancel", str(self.job_id)]
            return spawn(argv, self.environment, stdio=(null, null, null))
        finally:
            os.close(null)

    def finish(self, status: int) -> Process | None:
        """Let the job end with ``status``; returns the holder, which ends with it."""
        if self._status_fd >= 0:
            os.write(self._status_fd, b"%d\n" % status)
        return self._holder

    @property
    def _messages_path(self) -> str:
        return f"{self.directory}/salloc.log"

    def _srun(self) -> list[str]:
        conf = self.oci_conf
        return [conf.srun_path or "srun", *conf.srun_args] if conf else ["srun"]

    def _step_environment(self) -> dict[str, str]:
        return self.environment | self.job_environment

    def _expand(self, pattern: str, step_id: str) -> str:
        values = ON_NODE | {
            "j": str(self.job_id),
            "s": step_id,
            "u": self.user[0],
            "U": str(self.user[1]),
        }
        first, *rest = pattern.replace("%%", "%\0").split("%")
        text = first
        for piece in rest:
            letter = "%" if piece[:1] == "\0" else piece[:1]
            if letter not in values:
                raise ClusterError(f"oci.conf: RunTimeKill: no value for %{letter} here")
            text += values[letter] + piece[1:]
        return text


def find_slurm_conf(given: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the slurm.conf in force, None when this machine has none."""
    path = given or environment.get("SLURM_CONF") or "/etc/slurm/slurm.conf"
    return path if os.path.exists(path) else None


def read_capture(fd: int, collected: list[bytes], at_end: Callable[[bytes], None]) -> bool:
    """Read what a non-blocking pipe has; at its end call ``at_end`` with all; True then."""
    try:
        part = os.read(fd, 65536)
    except BlockingIOError:
        return False
    if part:
        collected.append(part)
        return False
    at_end(b"".join(collected))
    return True
