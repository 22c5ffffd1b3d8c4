"""One job for the containers of a pod that nobody leads: the first asks for it, the last ends it.

``<root>/.pod-<id>/`` is how they find each other:

``lock``
    flock(2): exclusive while the job is asked for or ended, shared by each member.
``hold``
    a FIFO, stdin of the shell that holds the job. Members have it open for writing, so the job
    ends with the last of them, however that comes about.
``job``
    its number and variables, and the environment of who asked for it.

What members that were killed leave of it, `sweep` ends and removes, or who joins it next.
"""

from __future__ import annotations

import os
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock

from scrun import log
from scrun.errors import ClusterError, ScrunError
from scrun.host.directory import read_file, write_file
from scrun.hot.wire import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from scrun.cluster.backend import Done
    from scrun.cluster.holder import Holder
    from scrun.host.loop import Loop

PREFIX = ".pod-"
FILES = ("hold", "job", "job.new", "lock")
POLL_S = 0.05


class PodJob:
    """One container's part in it.

    Args:
        root: directory of containers.
        pod: the pod's id, without a slash.
        environment: for Slurm's commands.

    Attributes:
        job_id, variables: of the job, once `join` is done.
    """

    def __init__(
        self, loop: Loop, root: str, pod: str, holder: Holder, environment: Mapping[str, str]
    ) -> None:
        self.job_id = 0
        self.variables: dict[str, str] = {}
        self._loop = loop
        self._directory = f"{root}/{PREFIX}{pod}"
        self._holder = holder
        self._environment = environment
        self._lock = self._hold = -1
        self._withdrawn = self._watched = False
        self._lost: Callable[[], None] = lambda: None

    def join(self, options: Sequence[str], done: Done, lost: Callable[[], None]) -> None:
        """Take part in the job, or ask for it when there is none.

        Args:
            options: for salloc.
            lost: called when it ends before `leave`.
        """
        self._lost = lost
        if self._withdrawn:
            done(ClusterError("the wait for the pod's job was ended", code="CANCELLED"))
            return

        def again() -> None:
            self.join(options, done, lost)

        try:
            is_first = self._take_lock()
            if is_first is None or self._open_hold() == is_first:
                # Somebody asks for the job or ends it; or it is over, with members still there.
                self._close()
                self._loop.call_later(POLL_S, again)
            elif is_first:
                earlier = _read_job(self._directory)
                if earlier:
                    self._end_earlier(earlier, again)
                else:
                    self._ask(options, done)
            else:
                job = _read_job(self._directory)
                self.job_id, self.variables = job["job_id"], job["variables"]
                self._watch()
                done(None)
        except ScrunError as err:
            self._close()
            done(err)
        except (OSError, ValueError, KeyError) as err:
            self._close()
            done(ClusterError(f"join the pod's job: {err}"))

    def withdraw(self) -> None:
        """End the wait for a job."""
        self._withdrawn = True
        self._holder.withdraw()

    def leave(self, status: int, over: Callable[[], None], done: Callable[[], None]) -> None:
        """Let the job go on without this container.

        Args:
            over: called instead of ``done`` when it was the last, whose ``status`` is the job's.
        """
        if self._lock < 0:
            done()
            return
        try:
            flock(self._lock, LOCK_EX | LOCK_NB)
        except OSError:  # others live
            self._close()
            done()
            return
        try:
            os.write(self._hold, b"%d\n" % status)
        except BrokenPipeError:
            log.debug("the shell of the pod's job is gone already")
        _remove(self._directory)
        self._close()
        over()

    def _take_lock(self) -> bool | None:
        """Lock the directory. True: nobody else is in it; None: to be tried again."""
        path = f"{self._directory}/lock"
        try:
            os.mkdir(self._directory, 0o700)
        except FileExistsError:
            log.debug(f"{self._directory} is there")
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            self._lock = os.open(path, flags, 0o600)
            is_first = _try_lock(self._lock, LOCK_EX)
            if not is_first and not _try_lock(self._lock, LOCK_SH):
                return None
            # Else the last one has just removed it.
            return is_first if _is_same(self._lock, path) else None
        except FileNotFoundError:
            return None

    def _open_hold(self) -> bool:
        """Hold the job, if there is one."""
        try:
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW
            self._hold = os.open(f"{self._directory}/hold", flags)
        except OSError:  # ENXIO: no shell reads it; or it is not there
            return False
        return True

    def _end_earlier(self, job: Mapping[str, Any], done: Callable[[], None]) -> None:
        """End a job whose members were killed: so may be the salloc that held it."""
        from scrun.cluster.ending import end_target  # rare

        def over() -> None:
            _remove(self._directory)
            self._close()
            done()

        log.info(f"job {job['job_id']} was of a pod whose containers were killed: it ends")
        environment = {**self._environment, **job["variables"]}
        end_target(self._loop, str(job["job_id"]), environment, over)

    def _ask(self, options: Sequence[str], done: Done) -> None:
        for name in FILES[:-1]:  # of a wait for a job, whose container was killed
            if os.path.lexists(f"{self._directory}/{name}"):
                os.unlink(f"{self._directory}/{name}")
        path = f"{self._directory}/hold"
        os.mkfifo(path, 0o600)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reader, True)
        self._hold = os.open(path, os.O_WRONLY)

        def granted(error: ScrunError | None) -> None:
            if error is None:
                try:
                    self._share()
                except ScrunError as err:
                    error = err
            if error is not None:
                _remove(self._directory)
                self._close()
            done(error)

        try:
            self._holder.start(options, granted, lambda: None, stdin=reader)
        finally:
            os.close(reader)

    def _share(self) -> None:
        self.variables = self._holder.variables
        self.job_id = int(self.variables["SLURM_JOB_ID"])
        job = {
            "job_id": self.job_id,
            "variables": self.variables,
            "environment": dict(self._environment),
        }
        write_file(f"{self._directory}/job", dumps(job))
        flock(self._lock, LOCK_SH)
        self._watch()

    def _watch(self) -> None:
        """Hear of the end of the shell that holds the job: a FIFO without a reader is an error."""
        self._watched = True
        self._loop.watch(self._hold, self._hold_ended)

    def _hold_ended(self) -> None:
        self._unwatch()
        self._lost()

    def _unwatch(self) -> None:
        if self._watched:
            self._watched = False
            self._loop.forget(self._hold)

    def _close(self) -> None:
        self._unwatch()
        for fd in (self._hold, self._lock):
            if fd >= 0:
                os.close(fd)
        self._hold = self._lock = -1


def sweep(root: str) -> None:
    """End what is left below a root of pods whose containers were all killed, and remove it.

    A job that cannot be ended now stays known, for who looks next.
    """
    for name in os.listdir(root):
        if not name.startswith(PREFIX):
            continue
        directory = f"{root}/{name}"
        try:
            lock = os.open(f"{directory}/lock", os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:  # it was made, and no more; or its removal was cut short
            _remove_empty(directory)
            continue
        except OSError as err:
            log.debug(f"{directory}: {err}")
            continue
        try:
            # A pod of the same name may have come in the place of the one whose lock we opened.
            if _try_lock(lock, LOCK_EX) and _is_same(lock, f"{directory}/lock"):
                _end_job(directory)
                _remove(directory)
        except (ScrunError, OSError, ValueError) as err:
            log.error(f"end the job of {directory}, whose containers were killed: {err}")
        finally:
            os.close(lock)


def _end_job(directory: str) -> None:
    """End a pod's job. Mostly it has: its shell meets an end of file. A killed salloc ends none."""
    job = _read_job(directory)
    if not job:
        return
    from scrun.cluster.recovery import end_job  # rare

    known = {"job_id": job["job_id"], "variables": job["variables"]}
    asker = {"environment": job["environment"], "pyslurm": "off", "command_timeout_s": 0}
    end_job({"backend": "slurm", "job": known, **asker}, directory)


def _read_job(directory: str) -> Mapping[str, Any]:
    """Return what is known of a pod's job; nothing when it was not granted."""
    try:
        job: Mapping[str, Any] = loads(read_file(f"{directory}/job"))
    except FileNotFoundError:
        return {}
    return job


def _try_lock(fd: int, kind: int) -> bool:
    try:
        flock(fd, kind | LOCK_NB)
    except OSError:
        return False
    return True


def _is_same(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _remove(directory: str) -> None:
    """Remove the directory of a pod. The caller has its lock, which goes last."""
    try:
        for name in FILES:
            if os.path.lexists(f"{directory}/{name}"):
                os.unlink(f"{directory}/{name}")
    except OSError as err:
        log.debug(f"remove {directory}: {err}")
    _remove_empty(directory)


def _remove_empty(directory: str) -> None:
    try:
        os.rmdir(directory)
    except OSError as err:  # or somebody has just come
        log.debug(f"remove {directory}: {err}")
