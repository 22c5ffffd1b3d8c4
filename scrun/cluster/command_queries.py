"""Questions to Slurm answered by its commands: squeue, scancel, scontrol, sacctmgr.

Only what is stable from Slurm 22.05 to 26.05 is read: fields asked for by name, with a separator
after each and the free text last. Sources: squeue(1), scancel(1), scontrol(1), sacctmgr(1).
"""

from __future__ import annotations

import os

from scrun import log
from scrun.cluster.environment import without_options
from scrun.cluster.queries import Job, Step
from scrun.cluster.slurm_errors import MISSING, error_from_output
from scrun.errors import ClusterError
from scrun.host.capture import TIMED_OUT, capture
from scrun.host.process import find_program
from scrun.oci.patterns import SAFE, quote_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# With a suffix a field is neither padded nor cut.
JOB_FORMAT = "JobID:|,State:|,exit_code:|,UserID:|,Partition:|,NodeList:|,Reason:"
STEP_FORMAT = "%i|%N|%j"
NO_ACCOUNTING = "not running a supported accounting_storage plugin"
LARGEST_STATUS = 0xFFFF  # of wait(2); what is above stands for "none" (NO_VAL)


class CommandQueries:
    """Answers by running a command each.

    Args:
        environment: of the commands; its PATH finds them.
        timeout_s: for each command; 0: as long as it likes.
        why: why commands, for `describe`.
    """

    name = "commands"

    def __init__(self, environment: Mapping[str, str], timeout_s: float, why: str = "") -> None:
        self.environment = without_options(environment)
        self.timeout_s = timeout_s
        self.why = why

    def describe(self) -> str:
        """See `Queries.describe`."""
        return f"Slurm's commands ({self.why})" if self.why else "Slurm's commands"

    def version(self) -> str:
        """Return the version of the installed Slurm, such as ``24.11.5``."""
        words = self._run("ask for Slurm's version", ["scontrol", "--version"]).split()
        if not words or not words[-1][:1].isdigit():  # "slurm 24.11.5"; Debian: "slurm-wlm 24.11.5"
            raise ClusterError(f"ask for Slurm's version: unexpected answer {' '.join(words)!a}")
        return words[-1]

    def cluster_name(self) -> str | None:
        """Return ClusterName as slurmctld has it; None when it has none."""
        output = self._run("ask for the cluster's name", ["scontrol", "show", "config"])
        for line in output.splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "ClusterName":
                name = value.strip()
                return None if name in ("", "(null)") else name
        return None

    def qos_priority(self, name: str) -> int | None:
        """See `Queries.qos_priority`."""
        argv = ["sacctmgr", "--noheader", "--parsable2", "show", "qos", f"name={name}"]
        try:
            output = self._run(f"query QOS {name}", [*argv, "format=Name,Priority"])
        except ClusterError as err:
            if NO_ACCOUNTING not in err.message and err.code != "ENOENT":
                raise
            log.debug(f"no priority for QOS {name}: {err.message}")
            return None
        for line in output.splitlines():
            found, _, priority = line.rpartition("|")
            if found == name and priority.isdecimal():
                return int(priority)
        return None

    def job(self, job_id: int) -> Job | None:
        """See `Queries.job`."""
        argv = ["squeue", "--noheader", "--all", "--states=all", f"--jobs={job_id}"]
        try:
            output = self._run(f"query job {job_id}", [*argv, f"--Format={JOB_FORMAT}"])
        except ClusterError as err:
            if err.code in MISSING:
                return None
            raise
        for line in output.splitlines():
            fields = line.split("|", 6)
            if len(fields) < 7 or fields[0] != str(job_id) or not fields[3].isdecimal():
                continue  # of an array its other tasks; with SLURM_CLUSTERS a heading
            return Job(
                job_id,
                state=fields[1],
                exit_status=parse_exit_status(fields[2]),
                user_id=int(fields[3]),
                partition=fields[4],
                node_list=fields[5],
                reason=fields[6].strip(),
            )
        return None

    def steps(self, job_id: int) -> list[Step]:
        """See `Queries.steps`."""
        argv = ["squeue", "--noheader", "--all", "--steps", f"--jobs={job_id}"]
        try:
            output = self._run(f"query steps of job {job_id}", [*argv, f"--format={STEP_FORMAT}"])
        except ClusterError as err:
            if err.code in MISSING:
                return []
            raise
        rows = [line.split("|", 2) for line in output.splitlines()]
        return [
            Step(row[0].rpartition(".")[2], node_list=row[1], name=row[2])
            for row in rows
            if len(row) == 3 and "." in row[0]
        ]

    def cancel(self, job_id: int) -> None:
        """See `Queries.cancel`."""
        try:
            self._run(f"cancel job {job_id}", ["scancel", str(job_id)])
        except ClusterError as err:
            if err.code not in MISSING:
                raise

    def cancel_step(self, job_id: int, step_id: str) -> None:
        """See `Queries.cancel_step`."""
        step = f"{job_id}.{step_id}"
        try:
            self._run(f"cancel step {step}", ["scancel", step])
        except ClusterError as err:
            if err.code not in MISSING:
                raise

    def _run(self, operation: str, argv: list[str]) -> str:
        """Run a command and return its output; ClusterError as `Queries` says."""
        if find_program(argv[0], self.environment.get("PATH")) is None:
            raise ClusterError(
                f"{operation}: no command {argv[0]} in PATH",
                code="ENOENT",
                hint="install Slurm's client commands, or add their directory to PATH",
            )
        if log.is_enabled(log.DEBUG):
            words = (word if SAFE.issuperset(word) else quote_word(word) for word in argv)
            log.debug(f"run {' '.join(words)}")
        status, output, messages = capture(
            argv, self.environment, timeout_s=self.timeout_s or None, apart=True
        )
        if status == TIMED_OUT:
            raise ClusterError(
                f"{operation}: {argv[0]} gave no answer in {self.timeout_s:g} s",
                code="ETIMEDOUT",
                hint="see `scontrol ping`; the setting command_timeout_s is the limit",
            )
        if status:
            said = (messages or b"") + b"\n" + output
            text = said.decode("utf-8", "replace")
            raise error_from_output(operation, text, f"{argv[0]} ended with status {status}")
        return output.decode("utf-8", "replace")


def parse_exit_status(text: str) -> tuple[int, int]:
    """Return exit code and signal of squeue's ``exit_code``: ``9:0``, or a status of wait(2).

    Slurm 22.05 prints the status as the kernel has it, later ones code and signal.
    """
    code, colon, signal = text.partition(":")
    if not code.isdecimal():
        return 0, 0
    if colon:
        return int(code), int(signal) if signal.isdecimal() else 0
    status = int(code)
    if status > LARGEST_STATUS:
        return 0, 0
    ended = os.waitstatus_to_exitcode(status)
    return (ended, 0) if ended >= 0 else (0, -ended)
