"""The process that runs spec files, one after the other, each in a Lua state of its own.

It is left when its time is over, and after a file that may have changed what belongs to the
process and not to its Lua state: so each file finds a process as if it were the first. Lua by
itself can change little of that: C modules and programs can.
"""

from __future__ import annotations

import _locale
import gc
import os
import resource
import signal
import sys
from collections.abc import Sequence
from time import monotonic, process_time
from typing import NoReturn

from scrun.host.c_stdio import flush_all
from scrun.lua.engines import has_exported
from scrun.workbench.test.child import Child
from scrun.workbench.test.plan import Options, Spec
from scrun.workbench.test.state import State

LIFE_S, BUSY_S = 1.0, 0.2  # forking costs a few ms; results are told when a process ends
MOST_MEMORY_KIB = 64 << 10  # more than it had at first: few states are closed
Numbered = tuple[int, Spec]


def live(
    batch: Sequence[Numbered],
    child: Child,
    options: Options,
    events: int,
    output: int,
    scratch: str,
) -> NoReturn:
    """Be the process: run the files of ``batch``, which have their number in the plan, or some.

    Args:
        child: for the first.
        events: descriptor for the events of `Child`, before those of each file ``["s", size]``
            with the size of the output then.
        scratch: directory for those of the specs, by their number.
    """
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if options.capture:
        os.dup2(output, 1)
        os.dup2(output, 2)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()  # Python has little to do here
    status = 1
    spec = batch[0][1]
    try:
        end, busy_end = monotonic() + LIFE_S, process_time() + BUSY_S
        unspoilt = _look()
        most_kib = _memory_kib() + MOST_MEMORY_KIB
        kept = []  # the first, which has its memory in common with our parent, and what is whole
        for at, (number, spec) in enumerate(batch):
            if at:
                child = Child(State(spec.dialect, spec.site, options.timeout_s), options)
            size = os.fstat(output).st_size
            os.write(events, b'[["s", %d]]\n' % size)
            child.run(spec, events, f"{scratch}/{number}")
            if child.is_spoilt or (child.is_whole and _look() != unspoilt):
                flush_all()
                break
            if not at or not child.close():
                kept.append(child)
            if _memory_kib() > most_kib:
                break
            if monotonic() > end or process_time() > busy_end:
                break
        status = 0
    except Exception as failure:
        print(f"{spec.path}: {type(failure).__name__}: {failure}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def _look() -> tuple[object, ...]:
    """Return what is another once a file has spoilt the process for others."""
    try:
        os.waitpid(-1, os.WNOHANG)
        has_children = True
    except ChildProcessError:
        has_children = False
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of those that were waited for
    return (
        has_children,
        used.ru_minflt,
        os.listdir("/proc/self/fd"),
        has_exported(),
        _locale.setlocale(_locale.LC_ALL, None),
    )


def _memory_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
