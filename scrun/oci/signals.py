"""Signals by the names engines, people and OCI runtimes use.

Names are written without ``SIG``. Real-time signals are named as in crun and bash: RTMIN+n up
to the middle, RTMAX-n from there. Numbers are this machine's (they differ on MIPS and SPARC).
"""

from __future__ import annotations

from scrun.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # `signal` wraps it in enums: 5 ms

RTMIN = int(_signal.SIGRTMIN)  # 34 under glibc: the C library keeps the kernel's 32 and 33
RTMAX = int(_signal.SIGRTMAX)
ALIASES = {"IOT": "ABRT", "CLD": "CHLD", "POLL": "IO", "UNUSED": "SYS"}


def _standard_signals() -> dict[str, int]:
    numbers = {
        name[3:]: int(getattr(_signal, name))
        for name in dir(_signal)
        if name.startswith("SIG") and name[3:4] != "_"
    }
    return {
        name: number
        for name, number in numbers.items()
        if name not in ALIASES and name not in ("RTMIN", "RTMAX")
    }


NUMBERS = _standard_signals()
NAMES = {number: name for name, number in NUMBERS.items()}


def parse_signal(text: str | int) -> tuple[int, str]:
    """Read a signal given as ``TERM``, ``SIGTERM``, ``RTMIN+3`` (any case) or a number.

    Returns:
        Its number and its name. Number 0, which only asks whether the target exists (kill(2)),
        and the C library's own 32 and 33 have their number as name.

    Raises:
        UsageError: no such signal.
    """
    wanted = str(text)
    if wanted.isascii() and wanted.isdigit():
        number = int(wanted) if len(wanted) <= 3 else RTMAX + 1
        if number <= RTMAX:
            return number, name_signal(number)
    else:
        name = wanted.upper()
        name = name[3:] if name.startswith("SIG") else name
        found = NUMBERS.get(ALIASES.get(name, name))
        if found is None:
            found = _parse_realtime(name)
        if found is not None:
            return found, name_signal(found)
    raise UsageError(f'unknown signal "{ascii(wanted)[1:-1]}"')


def name_signal(number: int) -> str:
    """Name a signal number without ``SIG``; a number that has no name gives its digits."""
    if number in NAMES:
        return NAMES[number]
    if not RTMIN <= number <= RTMAX:
        return str(number)
    from_start, from_end = number - RTMIN, RTMAX - number
    if from_start <= from_end:
        return f"RTMIN+{from_start}" if from_start else "RTMIN"
    return f"RTMAX-{from_end}" if from_end else "RTMAX"


def _parse_realtime(name: str) -> int | None:
    base, sign, offset = name[:5], name[5:6], name[6:]
    if name == "RTMIN":
        return RTMIN
    if name == "RTMAX":
        return RTMAX
    if not (offset.isascii() and offset.isdigit() and len(offset) <= 2):
        return None
    if base == "RTMIN" and sign == "+":
        number = RTMIN + int(offset)
    elif base == "RTMAX" and sign == "-":
        number = RTMAX - int(offset)
    else:
        return None
    return number if RTMIN <= number <= RTMAX else None
