"""Tell srun of its terminal's changes of size: not before it can take them, and none is lost.

With ``--pty`` it waits for a connection from the node, on which it is to send changes of size. A
SIGWINCH that comes before ends that wait with an error, and no change is followed for as long as
the step lives ("pty: accept failure: Interrupted system call"). One that comes while it sends the
last change goes unseen. So the terminal does not control srun but this process (`Window`), which
keeps changes back.
Source: Slurm 24.11, src/srun/srun_pty.c.
"""

from __future__ import annotations

import os
from time import monotonic

from scrun import log
from scrun.errors import HostError
from scrun.host.window import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.host.loop import Loop, Timer
    from scrun.host.process import Process

    Ask = Callable[[Callable[[], None]], None]  # calls back when the step can be told

SIGHUP, SIGWINCH = 1, 28
GAP_S = 0.05  # between two changes: srun has sent the first
AGAIN_S = 0.3  # after the last; on a busy machine srun may have been slower than that


class Resizing:
    """One step's, from before its srun is started until `close`.

    Args:
        path: of the terminal.
        ask: called with the first change; what it is given is to be called once the runtime on
            the node follows its terminal.

    Attributes:
        is_in_control: False: the terminal could not be had, and srun is to be controlled by it.
    """

    def __init__(self, loop: Loop, path: str, ask: Ask) -> None:
        self._loop = loop
        self._ask = ask
        self._srun: Process | None = None
        self._has_asked = self._is_ready = self._is_over = False
        self._last = 0.0
        self._timer: Timer | None = None
        self._window: Window | None = None
        try:
            self._window = Window(loop, path, self._resized, self._hung_up)
        except HostError as err:
            log.debug(str(err))
        self.is_in_control = self._window is not None

    def begin(self, srun: Process, told: tuple[int, int] | None) -> None:
        """Look after the step.

        Args:
            told: rows and columns that the container's own terminal has at first; None: nobody
                knows.
        """
        self._srun = srun
        if self._window is None or self._window.size() != told:
            self._resized()

    def close(self) -> None:
        """Hear that the step has ended."""
        self._is_over = True
        self._stop_timer()
        if self._window is not None:
            self._window.close()

    def _resized(self) -> None:
        if self._is_ready:
            self._tell_soon()
        elif not self._has_asked and self._srun is not None:
            self._has_asked = True
            self._ask(self._become_ready)

    def _become_ready(self) -> None:
        self._is_ready = True
        if not self._is_over:
            self._tell()

    def _tell_soon(self) -> None:
        wait_s = self._last + GAP_S - monotonic()
        if wait_s <= 0:
            self._tell()
        else:
            self._stop_timer()
            self._timer = self._loop.call_later(wait_s, self._tell)

    def _tell(self) -> None:
        self._signal(SIGWINCH)
        self._last = monotonic()
        self._stop_timer()
        self._timer = self._loop.call_later(AGAIN_S, lambda: self._signal(SIGWINCH))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _hung_up(self) -> None:
        self._signal(SIGHUP)

    def _signal(self, number: int) -> None:
        if self._srun is None or self._is_over:
            return
        try:
            os.killpg(self._srun.pid, number)
        except ProcessLookupError:
            return  # it has just ended


def told_size(bundle: str) -> tuple[int, int] | None:
    """Return what a bundle's config.json says of the terminal's size; None: nothing, or not here.

    Args:
        bundle: as the nodes see it, which may be nowhere on this machine.
    """
    from scrun.oci import jsontext  # the verb create alone needs it otherwise

    try:
        with open(f"{bundle}/config.json", "rb") as file:
            size = jsontext.loads(file.read())["process"]["consoleSize"]
        return size["height"], size["width"]
    except (OSError, jsontext.JSONSyntaxError, LookupError, TypeError):
        return None
