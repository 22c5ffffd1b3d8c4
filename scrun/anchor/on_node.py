"""What verbs can have done to a container that runs: on its node, to its job, to its state.

Primitives of ``require 'host'``, see `scrun.anchor.lifecycle`.
"""

from __future__ import annotations

from scrun.errors import ScrunError
from scrun.oci.patterns import quote_word
from scrun.oci.signals import parse_signal
from scrun.oci.state import PAUSED, RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrun.anchor.container import Container
    from scrun.anchor.sessions import Sessions
    from scrun.cluster.backend import Backend
    from scrun.host.loop import Loop

    Resume = Callable[..., None]

PATIENCE_S = 30.0  # for the node's answer: while slurmctld is down no step can be started
SIGNAL_PATIENCE_S = 3.0  # there is another way
# At once, it would delay the container's own step by 15 to 20 ms, and short ones need none.
CONTROL_AFTER_S = 0.2
LEARN_AGAIN_S, LEARN_LAST_S = 0.1, 2.0  # while the runtime is making the container


class OnNode:
    """One container's."""

    def __init__(
        self, loop: Loop, container: Container, backend: Backend, sessions: Sessions
    ) -> None:
        self._loop = loop
        self._container = container
        self._backend = backend
        self._sessions = sessions

    def primitives(self) -> dict[str, Callable[..., None]]:
        """Return the functions of ``require 'host'`` in a verb (luastd/meta/container.lua)."""
        return {
            "begin_control": self._begin_control,
            "on_node": self.call,
            "signal_all": self._signal_all,
            "set_status": self._set_status,
            "update_job": self._update_job,
            "update_limits": self._update_limits,
        }

    def call(self, resume: Resume, function: str, *words: str) -> None:
        """Call a function of `scrun.cluster.node_script` on the container's node."""
        self._call(resume, PATIENCE_S, function, *words)

    def _begin_control(self, resume: Resume) -> None:
        def begin(wait_s: float) -> None:
            def learnt(status: int, _: bytes) -> None:
                if status > 0 and wait_s < LEARN_LAST_S:
                    self._loop.call_later(wait_s, lambda: begin(2 * wait_s))

            from scrun.cluster.control import LEARN  # there by then, but without Slurm

            self._backend.ask(LEARN, learnt)

        if self._backend.name != "local":  # which has none
            self._loop.call_later(CONTROL_AFTER_S, lambda: begin(LEARN_AGAIN_S))
        resume(True)

    def _signal_all(self, resume: Resume, name: str) -> None:
        def told(status: int | None, output: str, code: str = "") -> None:
            if status == 0:
                resume(True)
            else:
                resume(None, output or "nothing was found to signal", code or "NOT_DELIVERED")

        number = parse_signal(name)[0]
        self._call(told, SIGNAL_PATIENCE_S, "tell", str(number))

    def _call(self, resume: Resume, patience_s: float, function: str, *words: str) -> None:
        if self._container.status not in (RUNNING, PAUSED):
            resume(None, "container not running", "NOT_RUNNING")
            return
        waiting = True

        def answered(status: int, output: bytes) -> None:
            nonlocal waiting
            if not waiting:
                return
            waiting = False
            timer.cancel()
            if status < 0:
                resume(None, "container not running", "NOT_RUNNING")
            else:
                resume(status, output.decode("utf-8", "surrogateescape"))

        def late() -> None:
            nonlocal waiting
            waiting = False
            resume(None, "the node does not answer", "ETIMEDOUT")

        timer = self._loop.call_later(patience_s, late)
        arguments = [quote_word(word) for word in (self._sessions.place(), *words)]
        self._backend.ask(" ".join([function, *arguments]), answered)

    def _set_status(self, resume: Resume, status: str) -> None:
        try:
            self._container.become(status)
        except ScrunError as err:
            resume(None, str(err), err.code)
            return
        resume(True)

    def _update_job(self, resume: Resume, changes: Mapping[str, str]) -> None:
        self._backend.update_job(changes, lambda error: _answer(resume, error))

    def _update_limits(self, resume: Resume, resources: str) -> None:
        self._backend.update_limits(resources, lambda error: _answer(resume, error))


def _answer(resume: Resume, error: ScrunError | None) -> None:
    if error is None:
        resume(True)
    else:
        resume(None, str(error), error.code)
