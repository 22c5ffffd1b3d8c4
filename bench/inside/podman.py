"""``podman run --rm`` with each runtime in turn."""

import contextlib
from collections.abc import Sequence

from bench.inside import timing
from bench.inside.timing import Dropped, call

PODMAN = "/usr/bin/podman"
WORD = "bench"
# The C program of Slurm 24.11 often does not see the container's end, and podman waits for ever.
RUN_TIMEOUT_S = 5.0
REMOVE_TIMEOUT_S = 20.0
REMOVE_ATTEMPTS = 3
HANGS_ALLOWED = 5  # in a row; then the rest of its runs is left out


def run(runtimes: Sequence[str], commands: dict[str, Sequence[str]], *, rounds: int) -> None:
    """Time ``rounds`` runs of each command with each runtime, after one that does not count.

    Args:
        runtimes: names in containers.conf, which are those in the report as well.
        commands: argv in the image by what is timed; one that has WORD writes it.
    """
    call([PODMAN, "unshare", "/bin/true"])  # its pause process stays: podman starts it once
    spared = timing.descendants()
    hangs = dict.fromkeys(runtimes, 0)
    for number in range(rounds + 1):
        for what, argv in commands.items():
            for runtime in runtimes:
                if hangs[runtime] >= HANGS_ALLOWED:
                    timing.report_dropped(what, runtime, "left out: it hung too often")
                    continue
                hung = _time_run(what, runtime, argv, spared, counts=number > 0)
                hangs[runtime] = hangs[runtime] + 1 if hung else 0


def _time_run(
    what: str, runtime: str, argv: Sequence[str], spared: Sequence[int], *, counts: bool
) -> bool:
    """Time one run; returns whether it hung."""
    command = [PODMAN, "--runtime", runtime, "run", "--rm", "busy", *argv]
    hung = False
    try:
        timed = call(command, timeout_s=RUN_TIMEOUT_S)
        if WORD in argv and WORD not in timed.output.splitlines():  # it may end with 0 all the same
            raise Dropped(f"it said {timing.last_line(timed.errors)}")
        if counts:
            timing.report(what, runtime, timed.ms)
    except Dropped as reason:
        hung = str(reason).startswith("no end")
        if counts:
            timing.report_dropped(what, runtime, str(reason))
    if timing.end_leftovers(spared, leave_s=0 if hung else timing.LEAVE_TIMEOUT_S):
        _remove_all(spared)
        timing.end_leftovers(spared)
    timing.wait_for_quiet_cluster()
    return hung


def _remove_all(spared: Sequence[int]) -> None:
    """Remove every container; the first try may only note that its conmon is gone.

    One that stays does no harm: its processes are killed.
    """
    for _ in range(REMOVE_ATTEMPTS):
        with contextlib.suppress(Dropped):
            call([PODMAN, "rm", "--all", "--force", "--time=0"], timeout_s=REMOVE_TIMEOUT_S)
            return
        timing.end_leftovers(spared, leave_s=0)
