"""The anchor process: its parts put together, and its loop until the container has ended."""

from __future__ import annotations

import gc
import posix

from scrun import log
from scrun.anchor.container import submitted
from scrun.anchor.lifecycle import Lifecycle
from scrun.anchor.policy import DIALECT, Policy
from scrun.anchor.stage_host import StageHost
from scrun.anchor.staging import Staging
from scrun.cluster.backend import choose_backend, cluster_name, locate_slurm_conf, make_backend
from scrun.errors import HostError, ScrunError
from scrun.host.directory import lock_file, take_lock
from scrun.host.loop import Loop
from scrun.host.paths import environment, parent
from scrun.hot.wire import dumps
from scrun.lua import engines
from scrun.lua.search import site_search
from scrun.oci.config import join_path
from scrun.oci.oci_conf import read_beside
from scrun.oci.state import PAUSED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

    from scrun.anchor.server import Server
    from scrun.anchor.sessions import Sessions
    from scrun.anchor.submission import Submission
    from scrun.hot.parse import Command
    from scrun.lua.search import SearchPath
    from scrun.settings import Settings

SIGHUP, SIGINT, SIGTERM = 1, 2, 15
OPEN_AFTER_S = 0.01  # most jobs are asked for by then, and what others may ask for can wait so long
EARLY = ("start", "kill", "delete", "exec")  # these are loaded before anybody asks
VERBS = (*EARLY, "pause", "resume", "ps", "events", "update")


def prepare() -> None:
    """Load what every anchor needs, before there is one: Lua itself takes 1.4 ms."""
    try:
        engines.load(DIALECT)
    except Exception:
        return  # the policy meets it again, where it is told


def serve(
    command: Command,
    submission: Submission,
    directory: str,
    channel: socket,
    console: socket | None,
    kind: type[Anchor] | None = None,
) -> NoReturn:
    """Be the anchor of a container until it has ended; exits with its status. Never returns.

    Args:
        channel: to ``create``; it gets one reply, and says "go" or goes away.
        console: gets the master of the container's terminal, if it has one.
        kind: an anchor that is watched (`scrun.workbench.run.traced`).
    """
    status = 1
    ours = [each.fileno() for each in (channel, console) if each is not None]
    try:
        posix.setsid()
        log.configure_globals(command.globals)  # a verb does so only when it has to log
        _close_inherited(ours, int(str(command.options.get("preserve_fds") or 0)))
        status = (kind or Anchor)(command, submission, directory, channel, console).run()
        _sweep(parent(directory))
    except ScrunError as err:
        _tell(channel, False, str(err), err.code)
    except BaseException as err:  # the border of a process: nobody above would see it
        log.bug(err, "anchor")
        _tell(channel, False, f"internal error: {type(err).__name__}: {err}", "BUG")
    finally:
        posix._exit(status)


def _sweep(root: str) -> None:
    """Remove what a delete that was killed has left: at our end nobody waits for us."""
    try:
        found = any(name.startswith(("~", ".pod-")) for name in posix.listdir(root))
    except OSError:  # the root may be gone by now
        return
    if found:
        from scrun.anchor.leftovers import sweep  # rare

        sweep(root)


class Anchor:
    """One container's anchor."""

    def __init__(
        self,
        command: Command,
        submission: Submission,
        directory: str,
        channel: socket,
        console: socket | None,
    ) -> None:
        self.channel = channel
        self.console = console
        path = command.options.get("console_socket")
        self.console_socket = path and join_path(posix.getcwd(), str(path))
        self.pid_file = command.options.get("pid_file") and str(command.options["pid_file"])
        config = submission.config
        self.lock = take_lock(directory)
        self.loop = self.make_loop()
        caller = submission.user
        self.container = container = submitted(command, directory, config, caller, environment())
        given = command.globals.get("slurm_conf")
        slurm_conf = locate_slurm_conf(str(given) if given else None, container.environment)
        search = self.find_site(slurm_conf)
        self.policy = self.make_policy(search)
        settings = self.policy.settings()
        container.pyslurm = settings.pyslurm
        container.command_timeout_s = settings.command_timeout_s
        container.backend = choose_backend(settings, slurm_conf, container.environment)
        if container.backend == "local" and settings.backend == "auto":
            log.info(f"{container.id}: no slurm.conf: the container runs on this machine")
        host = self.make_host(cluster_name(container.backend, slurm_conf))
        staging = self.make_staging(host, search, settings)
        staging.begin()
        oci_conf = read_beside(slurm_conf, log.warn)
        if oci_conf is not None:
            log.configure_conf(oci_conf.log_levels(), oci_conf.debug_flags)
        host.backend = backend = make_backend(
            container.backend,
            settings,
            loop=self.loop,
            container_id=container.id,
            step_name=container.step_name,
            spool_dir=directory,
            environment=container.environment,
            oci_conf=oci_conf,
            user=(container.user.name, container.user.uid),
        )
        preserved = int(str(command.options.get("preserve_fds") or 0))
        self.config = config
        self.lifecycle = Lifecycle(self.loop, container, submission, backend, staging, preserved)
        self.runtime_exec = settings.runtime_exec
        self.sessions: Sessions | None = None
        self.server: Server | None = None
        self.policy.offer(self.lifecycle.primitives())
        if search.has_overrides():  # a broken one is known before there is a job
            self._prepare_for_running()
            self.policy.check(("create", "state", *VERBS))
        self.lifecycle.on_asked = self._asked
        container.describe = self.policy.describe

    # Its parts, of which one that is watched has its own.

    def make_loop(self) -> Loop:
        """Return the loop."""
        return Loop()

    def find_site(self, slurm_conf: str) -> SearchPath:
        """Return where the site's modules are."""
        return site_search(self.container.environment, slurm_conf)

    def make_policy(self, search: SearchPath) -> Policy:
        """Return what runs the verbs."""
        return Policy(search)

    def make_host(self, cluster: str) -> StageHost:
        """Return what the site's script can do; it has no backend yet."""
        return StageHost(self.container, cluster)

    def make_staging(self, host: StageHost, search: SearchPath, settings: Settings) -> Staging:
        """Return what runs the site's script."""
        return Staging(self.loop, self.container, host, search=search, settings=settings)

    def run(self) -> int:
        """Live; returns the exit status of the container."""
        container, lifecycle = self.container, self.lifecycle
        if self.config.terminal:
            from scrun.host.terminal import Terminal  # most containers have none

            lifecycle.terminal = terminal = Terminal(self.config.console_size)
            container.size = terminal.size
            if self.console is not None:
                terminal.hand_over(self.console)
                self.console.close()
            else:
                terminal.send_master(str(self.console_socket))
        elif self.console is not None:
            self.console.close()
        container.write_record()
        request = {"environment": container.environment, "config": self.config.raw}
        self.policy.run("create", container.table(), request, self._created)
        if lifecycle.exit_status is not None:
            return lifecycle.exit_status
        self.loop.call_later(OPEN_AFTER_S, self._open)
        self.loop.watch(self.channel.fileno(), self._creator_spoke)
        self.loop.watch_signals((SIGHUP, SIGINT, SIGTERM), self._interrupted)
        while lifecycle.exit_status is None or (self.server and self.server.open_replies):
            self.loop.run_once()
        return lifecycle.exit_status

    def _open(self) -> None:
        """Let other verbs see the container, and be served."""
        if self.server is not None or self.lifecycle.exit_status is not None:
            return
        from scrun.anchor.server import Server  # salloc is to be at work by now

        try:
            self.server = Server(self.loop, self.container.directory, VERBS, self._serve_verb)
            self.server.on_session = self._adopt_session
            self.container.write_state()
        except OSError as err:
            self.lifecycle.abandon(HostError("make the anchor's socket", err))
        except ScrunError as err:
            self.lifecycle.abandon(err)

    def _prepare_for_running(self) -> None:
        """Make what only a running container is asked for: its job was asked for before that."""
        if self.sessions is not None:
            return
        from scrun.anchor.on_node import OnNode
        from scrun.anchor.sessions import Sessions

        container, backend = self.container, self.lifecycle.backend
        self.sessions = sessions = Sessions(self.loop, container, backend, self.runtime_exec)
        self.lifecycle.running.on_ended = sessions.end
        node = OnNode(self.loop, container, backend, sessions)
        self.policy.offer(node.primitives() | {"exec": sessions.prepare})

    def _adopt_session(self, connection: socket, launch: Mapping[str, Any]) -> None:
        assert self.sessions is not None, "it answered exec"
        self.sessions.adopt(connection, launch)

    def _asked(self) -> None:
        """Do what can be done while salloc is at work: load the verbs that were not checked.

        No verb is to wait for that later.
        """
        self._open()
        try:
            self._prepare_for_running()
            self.policy.check(EARLY)
        except ScrunError as err:
            self.lifecycle.abandon(err)

    def _serve_verb(self, verb: str, request: dict[str, object], done: object) -> None:
        self.policy.run(verb, self.container.table(), request, done)  # type: ignore[arg-type]

    def _interrupted(self, number: int) -> None:
        self.lifecycle.interrupt(number)
        if self.container.status == PAUSED:  # it is to end gracefully, and could not
            self._serve_verb("resume", {}, lambda *_: None)

    def _created(self, ok: bool, message: str, code: str) -> None:
        def settled(ok: bool, message: str, code: str) -> None:
            _tell(self.channel, ok, message, code)
            gc.freeze()  # what was loaded stays: no run need look at it
            gc.enable()

        self.lifecycle.created(ok, message, code, settled)

    def _creator_spoke(self) -> None:
        self.loop.forget(self.channel.fileno())
        try:
            said = self.channel.recv(16)
        except OSError:  # ECONNRESET: it has gone without having read what we told
            said = b""
        if said == b"go" and self.pid_file:
            lock_file(self.pid_file)  # scrun(1): it "is locked and populated with PID"
        if said != b"go" and self.lifecycle.exit_status is None:  # it failed, or was killed
            self.lifecycle.discard()


def _tell(channel: socket, ok: bool, message: str, code: str) -> None:
    """Tell `create` how it went, if it still listens."""
    try:
        channel.send(dumps({"ok": ok, "message": message, "code": code}))
    except OSError:
        log.debug("create no longer listens")


def _close_inherited(ours: Sequence[int], preserved: int) -> None:
    """Close what engines leave open in us, and keep the preserved ones from our own commands."""
    for name in posix.listdir("/proc/self/fd"):
        fd = int(name)
        if 3 <= fd < 3 + preserved:
            posix.set_inheritable(fd, False)
        elif fd > 2 and fd not in ours:
            try:
                posix.close(fd)
            except OSError:
                continue  # the listing's own
