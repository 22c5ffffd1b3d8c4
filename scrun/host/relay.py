"""Between a caller's own stdio and the master of a container's terminal."""

from __future__ import annotations

import os
import select
import termios

from scrun.host.nonblocking import is_ready, reopen
from scrun.host.terminal import settings_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.host.loop import Loop

END_OF_INPUT = b"\x04"  # Ctrl-D, what a terminal has for it
END_AGAIN_S = 1.0
CHUNK_BYTES = 65536
HELD_BYTES = 262144  # more than a terminal holds (tty_buffer.c: 64 KiB, and what is read of it)


class Copy:
    """Copies what ``source`` brings to ``sink``.

    A sink that takes no more lets the source wait, never this process: there is another direction.

    Args:
        source: read when it is readable.
        sink: not blocking, if that could be had; a descriptor that nobody else watches.
        at_end: called once the source has ended and all of it is written, or the sink is gone.
        when_written: called whenever all that was read is written.
    """

    def __init__(
        self,
        loop: Loop,
        source: int,
        sink: int,
        at_end: Callable[[], None],
        when_written: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._source = source
        self._sink = sink
        self._at_end = at_end
        self._when_written = when_written
        self._pending = b""
        self.moved_bytes = 0
        loop.watch(source, self._readable)

    @property
    def is_waiting(self) -> bool:
        """Whether the sink has not taken all yet."""
        return bool(self._pending)

    def stop(self) -> None:
        """Copy no more."""
        self._loop.forget(self._source)
        self._loop.forget(self._sink)
        self._pending = b""

    def _readable(self) -> None:
        try:
            data = os.read(self._source, CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody has the terminal open any more
            data = b""
        if not data:
            self._loop.forget(self._source)
            self._at_end()
            return
        self.moved_bytes += len(data)
        self._pending = data
        self._loop.forget(self._source)
        self._loop.watch(self._sink, self._writable, writable=True)

    def _writable(self) -> None:
        try:
            written = os.write(self._sink, self._pending)
        except BlockingIOError:
            return
        except OSError:
            self.stop()
            self._at_end()
            return
        self._pending = self._pending[written:]
        if not self._pending:
            self._loop.forget(self._sink)
            self._loop.watch(self._source, self._readable)
            self._when_written()


class Relay:
    """A caller's stdio for a container's terminal.

    Args:
        master: of the container's terminal; ours from now on.
    """

    def __init__(self, loop: Loop, master: int) -> None:
        self._loop = loop
        self._master = master
        os.set_blocking(master, False)
        self._inlet = os.dup(master)
        self._outlet = reopen(1)
        self._window = next((fd for fd in (0, 1, 2) if os.isatty(fd)), -1)
        self._settings = settings_of(0)
        self._input: Copy | None = None
        self._output: Copy | None = None
        self._is_over = False
        self._when_drained: Callable[[], None] | None = None
        self._last_byte = 0

    def resize(self) -> None:
        """Make the container's terminal as large as the caller's."""
        if self._window < 0 or self._is_over:
            return
        try:
            size = termios.tcgetwinsize(self._window)
        except termios.error:
            return  # it is gone
        if size != (0, 0):
            termios.tcsetwinsize(self._master, size)

    def begin(self) -> None:
        """Make the caller's terminal raw, and let the bytes flow."""
        self.resume()
        self._input = Copy(self._loop, 0, self._inlet, self._end_input)
        self._output = Copy(
            self._loop, self._master, self._outlet, self.hang_up, self._end_if_drained
        )

    def resume(self) -> None:
        """Make the caller's terminal raw (again, after it was stopped), and fit the size."""
        if self._settings is not None:
            self._settings.make_raw()
        self.resize()

    def drain(self, done: Callable[[], None]) -> None:
        """Call ``done`` once all is out that the container, which has ended, has written.

        Who else has its terminal open still is not waited for.
        """
        self._when_drained = done
        if self._input is not None:
            self._input.stop()
        if self._output is not None:
            self._last_byte = self._output.moved_bytes + HELD_BYTES
        if self._output is None or self._is_over:
            done()
        else:
            self._end_if_drained()

    def hang_up(self) -> None:
        """Let go of the terminal: it ended, or who looked at it is gone."""
        if self._is_over:
            return
        self._is_over = True
        for copy in (self._input, self._output):
            if copy is not None:
                copy.stop()
        os.close(self._inlet)
        os.close(self._master)
        if self._when_drained is not None:
            self._when_drained()

    def restore(self) -> None:
        """Put the caller's terminal back in order, whatever became of the rest."""
        if self._settings is not None:
            self._settings.restore()

    def _end_if_drained(self) -> None:
        output = self._output
        if self._when_drained is None or self._is_over or output is None or output.is_waiting:
            return
        # The kernel moves along what was written to the slave before it answers (n_tty_poll).
        if output.moved_bytes > self._last_byte or not is_ready(self._master, select.POLLIN):
            self.hang_up()

    def _end_input(self) -> None:
        """Tell of the end as a terminal does; as often as a program may look at it anew."""
        if self._is_over:
            return
        try:
            os.write(self._inlet, END_OF_INPUT)
        except BlockingIOError:
            pass  # what was typed before it is not read yet
        except OSError:
            return
        self._loop.call_later(END_AGAIN_S, self._end_input)
