"""The anchor's life: create by policy, answer requests, run the step, end with its status."""

from __future__ import annotations

import os
import posix
import sys
from _socket import AF_UNIX, SO_PEERCRED, SOCK_CLOEXEC, SOCK_SEQPACKET, SOL_SOCKET, socket

from scrun import log
from scrun.anchor.container import Container
from scrun.anchor.job import LocalJob, SlurmJob
from scrun.anchor.loop import Loop
from scrun.anchor.policy import Policy
from scrun.anchor.staging import Staging
from scrun.cluster.commands import CommandsBackend, find_slurm_conf
from scrun.cluster.local import LocalBackend
from scrun.errors import ScrunError
from scrun.host.directory import remove_tree, take_lock
from scrun.host.user import caller, real_id
from scrun.hot.wire import dumps, loads
from scrun.lua.search import site_search
from scrun.oci.signals import parse_signal
from scrun.oci.state import CREATED, RUNNING, STOPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from scrun.host.process import Process
    from scrun.hot.parse import Command
    from scrun.oci.config import Config

MESSAGE_BYTES = 262144
GID_MAP = "/proc/self/gid_map"
SIGKILL = 9
# Signals whose default is not to end a process (signal(7)): a created container outlives them.
HARMLESS = frozenset((0, 17, 18, 23, 28))


def serve(command: Command, config: Config, directory: str, channel: socket) -> NoReturn:
    """Be the anchor of a container until it has ended; exits with its status. Never returns."""
    status = 1
    try:
        os.setsid()
        status = Anchor(command, config, directory, channel).run()
    except ScrunError as err:
        _refuse(channel, str(err), err.code)
    except BaseException as err:  # the border of a process: nobody above would see it
        log.error(f"anchor: {type(err).__name__}: {err}")
        _refuse(channel, f"internal error: {type(err).__name__}: {err}", "BUG")
    finally:
        posix._exit(status)


def _refuse(channel: socket, message: str, code: str) -> None:
    """Tell `create`, if it still listens, why the anchor could not begin."""
    try:
        channel.send(dumps({"ok": False, "message": message, "code": code}))
    except OSError:
        log.debug("create no longer listens")


class Anchor:
    """The policy's primitives, and the state they need."""

    def __init__(self, command: Command, config: Config, directory: str, channel: socket) -> None:
        slurm_conf = command.globals.get("slurm_conf")
        search = site_search(os.environ, str(slurm_conf) if slurm_conf else None)
        self.container = Container(command.operands[0], directory, config)
        self.directory = directory
        self.channel = channel
        self.loop = Loop()
        self.lock = take_lock(directory)
        self.job = self._choose_job(str(slurm_conf) if slurm_conf else None)
        self.step: Process | None = None
        self.exit_status: int | None = None
        self.removed = False
        self.open_replies = 0
        self.waiting: list[Callable[..., None]] = []
        self.staging = Staging(self.loop, self.container, self.job, search)
        self.staged = False
        self.policy = Policy(
            search,
            {
                "resolve_command": self._resolve_command,
                "allocate": self._allocate,
                "stage_in": self._stage_in,
                "start_step": self._start_step,
                "signal": self._signal,
                "wait_ended": self._wait_ended,
                "remove": self._remove,
            },
        )

    def run(self) -> int:
        """Live; returns the exit status of the container."""
        self.container.publish()
        self._listen()
        request = {"environment": dict(os.environ), "config": self.container.config.raw}
        self.policy.run("create", "run", self.container.table(), request, self._created)
        while self.exit_status is None or self.open_replies:
            self.loop.run_once()
        if not self.removed:
            self._close_record()
        return self.exit_status

    def _listen(self) -> None:
        folder = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        self.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
        # sun_path has 108 bytes: the way over our own descriptor is short whatever --root is.
        self.listener.bind(f"/proc/self/fd/{folder}/anchor.sock")
        os.close(folder)
        self.listener.listen(64)
        self.loop.watch(self.listener.fileno(), self._accept)
        self.loop.watch(self.channel.fileno(), self._creator_spoke)

    def _created(self, ok: bool, message: str, code: str) -> None:
        if ok:
            self.container.become(CREATED)
        else:
            self._abandon()
        self._tell_creator(ok, message, code)

    def _tell_creator(self, ok: bool, message: str, code: str) -> None:
        self.channel.send(dumps({"ok": ok, "message": message, "code": code}))

    def _creator_spoke(self) -> None:
        self.loop.forget(self.channel.fileno())
        said = self.channel.recv(16)
        self.channel.close()
        if said != b"go" and self.exit_status is None:  # create failed, or was interrupted
            self._abandon()

    def _abandon(self) -> None:
        def finished() -> None:
            remove_tree(self.directory)
            self.removed = True
            self.exit_status = 1

        self.job.finish(1, finished)

    def _close_record(self) -> None:
        fd = os.open(f"{self.directory}/released", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.close(fd)

    def _accept(self) -> None:
        fd, _ = self.listener._accept()  # type: ignore[attr-defined]  # socket.accept is Python's
        connection = socket(fileno=fd)
        peer = connection.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)  # struct ucred: pid, uid, gid
        if int.from_bytes(peer[4:8], sys.byteorder) != os.getuid():
            connection.close()
            return
        self.loop.watch(fd, lambda: self._read(connection))

    def _read(self, connection: socket) -> None:
        self.loop.forget(connection.fileno())
        try:
            message = loads(connection.recv(MESSAGE_BYTES))
            verb, request = message["verb"], self._understand(message)
        except (ValueError, KeyError, TypeError, OSError):
            connection.close()
            return
        except ScrunError as err:
            self._reply(connection, False, str(err), err.code)
            return
        self.open_replies += 1

        def done(ok: bool, reason: str, code: str) -> None:
            self.open_replies -= 1
            self._reply(connection, ok, reason, code)

        self.policy.run(verb, "run", self.container.table(), request, done)

    def _understand(self, message: dict[str, object]) -> dict[str, object]:
        verb, options, operands = message["verb"], message["options"], message["operands"]
        if verb not in ("start", "kill", "delete"):
            raise ValueError(verb)
        assert isinstance(options, dict) and isinstance(operands, list)
        request: dict[str, object] = dict(options)
        if verb == "kill":
            request["signal"] = parse_signal(operands[0] if operands else "TERM")[1]
        return request

    def _reply(self, connection: socket, ok: bool, message: str, code: str) -> None:
        reply = {"ok": True} if ok else {"ok": False, "message": message, "code": code}
        try:
            connection.send(dumps(reply))
        except OSError:
            log.debug("the caller of a verb did not wait for the answer")
        connection.close()

    def _choose_job(self, slurm_conf: str | None) -> LocalJob | SlurmJob:
        container_id = self.container.id
        conf = find_slurm_conf(slurm_conf, os.environ)
        if conf is None:
            self.container.backend = LocalBackend.name
            log.info(f"{container_id}: no slurm.conf here: the container runs on this machine")
            local = LocalBackend(self.directory, os.environ)
            return LocalJob(self.loop, local, container_id)
        from scrun.oci.oci_conf import read_oci_conf  # the local backend has no use for it

        self.container.backend = CommandsBackend.name
        oci_conf = read_oci_conf(f"{os.path.dirname(conf)}/oci.conf", log.info)
        backend = CommandsBackend(self.directory, os.environ, oci_conf, caller())
        return SlurmJob(self.loop, backend, container_id)

    # The primitives: each answers by `resume`, at once or from the loop.

    def _resolve_command(self, resume: Callable[..., None]) -> None:
        from scrun.oci.commands import resolve_command  # create only

        try:
            resume(resolve_command(self.container.config))
        except ScrunError as err:
            resume(None, str(err), err.code)

    def _allocate(self, resume: Callable[..., None], request: dict[str, object]) -> None:
        def done(error: ScrunError | None) -> None:
            if error is not None:
                resume(None, str(error), error.code)
                return
            self.container.job_id = self.job.job_id
            self.container.publish()
            resume(self.job.job_id)

        self.request = request
        options, job_id = request.get("salloc"), request.get("job_id")
        assert isinstance(options, list)
        self.job.allocate(options, job_id if isinstance(job_id, int) else None, done)

    def _stage_in(self, resume: Callable[..., None]) -> None:
        def done(error: ScrunError | None) -> None:
            if error is not None:
                resume(None, f"stage in: {error}", error.code)
                return
            self.staged = True
            self.container.publish()
            resume(True)

        self.staging.stage_in(caller()[1], real_id(os.getgid(), GID_MAP), done)

    def _start_step(self, resume: Callable[..., None], argv: list[str]) -> None:
        try:
            self.step = self.job.start(self.container.bundle, argv)
        except ScrunError as err:
            resume(None, str(err), err.code)
            return
        self.container.become(RUNNING)
        self.loop.when_ended(self.step, self._ended)
        resume(True)

    def _signal(self, resume: Callable[..., None], name: str) -> None:
        try:
            number = parse_signal(name)[0]
        except ScrunError as err:
            resume(None, str(err), err.code)
            return
        if self.step is None:
            if number not in HARMLESS:
                self._ended(128 + number)
            resume(True)
            return

        def done(error: ScrunError | None) -> None:
            if error is None:
                resume(True)
            else:
                resume(None, str(error), error.code)

        self.job.signal(number, lambda: self.exit_status is not None, done)

    def _ended(self, status: int) -> None:
        def finished() -> None:
            self.container.become(STOPPED)
            self.exit_status = status
            for resume in self.waiting:
                resume(True)

        def staged_out(error: ScrunError | None) -> None:
            if error is not None:
                log.error(f"stage out {self.container.id}: {error}")
            self.job.finish(status, finished)

        if self.staged:
            self.staging.stage_out(caller()[1], real_id(os.getgid(), GID_MAP), staged_out)
        else:
            staged_out(None)

    def _wait_ended(self, resume: Callable[..., None]) -> None:
        if self.exit_status is not None:
            resume(True)
        else:
            self.waiting.append(resume)

    def _remove(self, resume: Callable[..., None]) -> None:
        remove_tree(self.directory)
        self.removed = True
        resume(True)
