"""Run a command to its end, with its output captured; for threads that may wait."""

from __future__ import annotations

import os
import select
from time import monotonic

from scrun.errors import ScrunError
from scrun.host.loop import bound_wait_ms
from scrun.host.process import kill_group, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scrun.host.process import Process

CANNOT_RUN, TIMED_OUT = 127, 124  # as the shell and timeout(1) have it
PART = 65536


def capture(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: bytes = b"",
    timeout_s: float | None = None,
    apart: bool = False,
    started: Callable[[Process], None] | None = None,
) -> tuple[int, bytes, bytes | None]:
    """Run ``argv`` and return its status and output; the third is its stderr when ``apart``.

    The end is the end of the process: what it left in the background does not hold us up, though
    it has our pipe. Status 128+n is death by signal n, 124 a time-out (the whole process group is
    killed), 127 a program that cannot be run (the output then says why).

    Args:
        started: called with the process, so that another thread may kill its group.
    """
    out, out_end = os.pipe2(os.O_CLOEXEC)
    err, err_end = os.pipe2(os.O_CLOEXEC) if apart else (-1, out_end)
    in_end, feed = os.pipe2(os.O_CLOEXEC) if stdin else (os.open(os.devnull, os.O_RDONLY), -1)
    ours = {fd: list[bytes]() for fd in (out, err) if fd >= 0}
    try:
        process = spawn(argv, environment, stdio=(in_end, out_end, err_end))
    except ScrunError as failure:
        _close(*ours, feed, in_end, out_end, err_end if apart else -1)
        text = os.fsencode(f"{failure}\n")
        return (CANNOT_RUN, b"", text) if apart else (CANNOT_RUN, text, None)
    _close(in_end, out_end, err_end if apart else -1)
    deadline = None if timeout_s is None else monotonic() + timeout_s
    try:
        if started is not None:
            started(process)
        in_time = _attend(process, ours, feed, memoryview(stdin), deadline)
    except BaseException:  # KeyboardInterrupt for one: nothing is left behind
        kill_group(process.pid)
        process.reap()
        _close(*ours)
        raise
    if not in_time:
        kill_group(process.pid)
    status = process.reap()
    for fd, parts in ours.items():
        _drain(fd, parts)
    _close(*ours)
    texts = [b"".join(parts) for parts in ours.values()]
    return status if in_time else TIMED_OUT, texts[0], texts[1] if apart else None


def _attend(
    process: Process,
    outputs: dict[int, list[bytes]],
    feed: int,
    stdin: memoryview,
    deadline: float | None,
) -> bool:
    """Feed and read until the process has ended; False: the deadline came first."""
    poll = select.poll()
    poll.register(process.pidfd, select.POLLIN)
    for fd in (*outputs, *((feed,) if feed >= 0 else ())):
        os.set_blocking(fd, False)
        poll.register(fd, select.POLLOUT if fd == feed else select.POLLIN)
    try:
        while True:
            wait_ms = None if deadline is None else bound_wait_ms(deadline - monotonic())
            ready = [fd for fd, _ in poll.poll(wait_ms)]
            if process.pidfd not in ready and deadline is not None and monotonic() >= deadline:
                return False  # looked at each time: who writes without end is ready without end
            for fd in ready:
                if fd == process.pidfd:
                    continue
                if fd == feed:
                    stdin = _feed(fd, stdin)
                    if not stdin:
                        poll.unregister(fd)
                        os.close(fd)
                        feed = -1
                elif not _read(fd, outputs[fd]):
                    poll.unregister(fd)
            if process.pidfd in ready:
                return True
    finally:
        _close(feed)


def _feed(fd: int, data: memoryview) -> memoryview:
    """Write what fits and return the rest; nothing is left when nobody reads."""
    try:
        return data[os.write(fd, data[:PART]) :]
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return data[:0]


def _read(fd: int, parts: list[bytes]) -> bool:
    """Read a part; False at the end."""
    try:
        part = os.read(fd, PART)
    except BlockingIOError:
        return True
    parts.append(part)
    return bool(part)


def _drain(fd: int, parts: list[bytes]) -> None:
    while True:
        try:
            part = os.read(fd, PART)
        except BlockingIOError:
            return
        if not part:
            return
        parts.append(part)


def _close(*fds: int) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)
