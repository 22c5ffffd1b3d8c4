"""What a test may do with a cluster, whichever kind of cluster it is."""

import abc
import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.py.cluster.config import make_oci_conf
from tests.py.cluster.process import ClusterProcess, run_to_end
from tests.py.cluster.sandbox import Process

POLL_S = 0.05
JOB_END_TIMEOUT_S = 90.0
TEST_USERS = ("alice", "bob")

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Job:
    """One line of squeue; ``state`` is the long form, such as ``RUNNING``."""

    job_id: int
    name: str
    user: str
    state: str
    partition: str
    nodes: str


class Cluster(abc.ABC):
    """A Slurm cluster with users, files and processes.

    Attributes:
        name: how developers call it.
        scrun: path of our runtime inside; exists once the package is installed.
        slurm_version: such as ``24.11.5``.
        description: one line for the header of a test run.
    """

    name: str
    scrun: str
    slurm_version: str
    description: str

    def __init__(self) -> None:
        """Start with no site file to undo."""
        self._site_undo: dict[Path, bytes | None] = {}

    # What the kinds of cluster differ in.

    @abc.abstractmethod
    def command(
        self,
        argv: Sequence[str],
        *,
        user: str = "alice",
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
    ) -> list[str]:
        """Return the command of this machine that runs ``argv`` inside.

        Args:
            argv: the command; looked up in the login PATH of ``user``, or that of ``env``.
            user: ``alice``, ``bob`` or ``root``.
            env: changes to a clean login environment; None takes a variable away.
            cwd: directory inside; the home of ``user`` if None.

        Raises:
            UserUnavailable: an existing cluster runs nothing as that user.
        """

    @abc.abstractmethod
    def root_path(self, path: str) -> Path:
        """Return an absolute path inside as this machine sees it.

        An absolute symlink on the way is followed outside: ask for its target instead.
        """

    @abc.abstractmethod
    def processes(self, pattern: str = "") -> list[Process]:
        """Return the processes inside whose command line the regular expression finds."""

    @abc.abstractmethod
    def site_dir(self) -> str:
        """Return the directory inside that holds scrun.lua and scrun.d."""

    @abc.abstractmethod
    def restart_slurmctld(self, *, kill: bool = False) -> None:
        """Stop slurmctld (SIGKILL if ``kill``), start it again, wait until it answers."""

    @abc.abstractmethod
    def log_tail(self) -> str:
        """Return the ends of Slurm's logs, for people."""

    # Commands.

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str = "alice",
        env: Mapping[str, str | None] | None = None,
        input: bytes | None = None,
        timeout_s: float = 60,
        cwd: str | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command inside to its end, its output captured.

        Raises:
            subprocess.TimeoutExpired: not done in time; it was killed.
            subprocess.CalledProcessError: ``check`` and a status other than 0.
        """
        return run_to_end(
            self.popen,
            argv=argv,
            user=user,
            env=env,
            cwd=cwd,
            input=input,
            timeout_s=timeout_s,
            check=check,
        )

    def popen(
        self,
        argv: Sequence[str],
        *,
        user: str = "alice",
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        **options: Any,
    ) -> subprocess.Popen[bytes]:
        """Start a command inside; ``options`` are Popen's (pipes, ``pass_fds`` ...)."""
        return ClusterProcess(self.command(argv, user=user, env=env, cwd=cwd), **options)

    def pexpect_spawn(
        self,
        argv: Sequence[str],
        *,
        user: str = "alice",
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        timeout_s: float = 30,
        dimensions: tuple[int, int] = (24, 80),
    ) -> Any:
        """Start a command inside on a pty and return the pexpect.spawn object."""
        import pexpect  # only tests of terminals need it

        command = self.command(argv, user=user, env={"TERM": "xterm", **(env or {})}, cwd=cwd)
        uid = self.uid(user)
        return pexpect.spawn(
            command[0],
            command[1:],
            timeout=timeout_s,
            dimensions=dimensions,
            preexec_fn=lambda: os.fchown(0, uid, -1),  # as login does: reopening works
        )

    def name_of(self, user: str) -> str:
        """Return the name that Slurm knows a user by."""
        return user

    def home(self, user: str) -> str:
        """Return a user's home directory inside."""
        return "/root" if user == "root" else f"/home/{user}"

    def uid(self, user: str) -> int:
        """Return the number of a user inside."""
        for line in self.root_path("/etc/passwd").read_text().splitlines():
            fields = line.split(":")
            if fields[0] == user:
                return int(fields[2])
        raise LookupError(f"no user {user!r} in the cluster")

    # Files.

    def write_file(
        self, path: str, content: str | bytes, *, mode: int = 0o644, owner: str = "root"
    ) -> Path:
        """Write a file inside, its missing directories too, and return it as seen from here."""
        uid = self.uid(owner)
        target = self.root_path(path)
        missing = [d for d in target.parents if not d.exists()]
        for directory in reversed(missing):
            directory.mkdir()
            os.chown(directory, uid, uid)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        os.chown(target, uid, uid)
        target.chmod(mode)
        return target

    def site_script(self, script: str | Path) -> None:
        """Make a text, or a file of this machine, the site's scrun.lua until the test ends."""
        text = script.read_text() if isinstance(script, Path) else script
        self._write_site_file("scrun.lua", text)

    def override(self, name: str, text: str) -> None:
        """Write ``scrun.d/<name>.lua`` (``verbs.kill`` or ``verbs/kill``) until the test ends."""
        self._write_site_file(f"scrun.d/{name.removesuffix('.lua').replace('.', '/')}.lua", text)

    def node_runtime(self, name: str) -> None:
        """Let the nodes run containers by ``crun`` or ``runc`` until the test ends."""
        self._write_site_file("oci.conf", make_oci_conf(name))

    def restore_site(self) -> None:
        """Undo ``site_script``, ``override`` and ``node_runtime``."""
        for path, before in self._site_undo.items():
            if before is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(before)
        self._site_undo.clear()

    def _write_site_file(self, name: str, text: str) -> None:
        path = self.root_path(f"{self.site_dir()}/{name}")
        if path not in self._site_undo:
            self._site_undo[path] = path.read_bytes() if path.exists() else None
        self.write_file(f"{self.site_dir()}/{name}", text, owner=self.site_owner())

    def site_owner(self) -> str:
        """Return who owns the site's files."""
        return "root"

    # Jobs.

    def jobs(self) -> list[Job]:
        """Return the jobs that squeue lists, whoever owns them."""
        form = "%i\t%j\t%u\t%T\t%P\t%N"
        listed = self.run(["squeue", "-h", "-a", "-o", form], check=True).stdout.decode()
        jobs = []
        for line in listed.splitlines():
            job_id, *rest = line.split("\t")
            jobs.append(Job(int(job_id.split("_")[0]), *rest))
        return jobs

    def job(self, job_id: int) -> dict[str, str]:
        """Return what ``scontrol show job`` knows, empty when it has forgotten the job."""
        shown = self.run(["scontrol", "-o", "show", "job", str(job_id)])
        if shown.returncode:
            return {}
        return _parse_fields(shown.stdout.decode())

    def completed_job(self, job_id: int, *, timeout_s: float = JOB_END_TIMEOUT_S) -> dict[str, str]:
        """Wait until a job has ended and return its fields.

        The interesting ones: ``JobState`` (``COMPLETED``, ``FAILED``, ``CANCELLED`` ...),
        ``ExitCode`` (``status:signal``), ``JobName``, ``NodeList``.
        """

        def ended() -> dict[str, str] | None:
            fields = self.job(job_id) or self._forgotten_job(job_id)
            if fields.get("JobState") in (None, "PENDING", "RUNNING", "COMPLETING", "SUSPENDED"):
                return None
            return fields

        return self.wait_until(ended, timeout_s=timeout_s, what=f"job {job_id} has ended")

    def _forgotten_job(self, job_id: int) -> dict[str, str]:
        return {}

    def cancel_jobs(self, *, timeout_s: float = JOB_END_TIMEOUT_S) -> None:
        """Cancel every job of the test users and wait until none is listed."""
        for user in TEST_USERS:
            self.run(["scancel", "-u", user], user="root")
        self.wait_until(lambda: not self.jobs(), timeout_s=timeout_s, what="no job is left")

    # Waiting.

    def wait_until(
        self, predicate: Callable[[], T | None], *, timeout_s: float, what: str = ""
    ) -> T:
        """Call ``predicate`` until it returns something true, and return that.

        Raises:
            AssertionError: not in ``timeout_s``; tells what it returned last, the jobs and
                the users' processes.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            value = predicate()
            if value:
                return value
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        running = [p for p in self.processes() if p.uid]
        raise AssertionError(
            f"{what or predicate}: not within {timeout_s} s; last value: {value!r}\n"
            f"jobs: {self.run(['squeue', '-a']).stdout.decode()}"
            + "\n".join(f"{p.pid} uid {p.uid} {p.state} {p.command}" for p in running)
        )

    def kill_processes(self, pattern: str, sig: int = signal.SIGKILL) -> int:
        """Send a signal to every process inside that matches and return how many."""
        found = self.processes(pattern)
        for process in found:
            try:
                os.kill(process.host_pid, sig)
            except ProcessLookupError:
                continue  # it ended meanwhile
        return len(found)


def _parse_fields(line: str) -> dict[str, str]:
    # Words of KEY=VALUE; a word without "=" belongs to the value before it.
    fields: dict[str, str] = {}
    last = ""
    for word in line.split():
        key, equals, value = word.partition("=")
        if equals:
            last = key
            fields[key] = value
        elif last:
            fields[last] += f" {word}"
    return fields
