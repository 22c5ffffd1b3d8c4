"""The verbs, one process each, over the life of a container: ours, then the C program's."""

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence

from bench.inside import timing
from bench.inside.timing import Dropped, Output, call

UP_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 20.0
IN_SERVICE_S = 0.6  # how long a container has run when something is asked of it
SIGKILL, SIGWINCH = "9", "28"

Report = Callable[[str, str, float], None]


def run(
    live: Callable[["Life", str], None], runtimes: dict[str, str], *, bundle: str, rounds: int
) -> None:
    """Time ``rounds`` lives of each runtime in turn, after one of each that does not count.

    Args:
        live: what is done in a life, of the life and the bundle.
        runtimes: path of the program by its name in the report.
        bundle: its process writes a line and then sleeps; it takes SIGWINCH without ending.
    """
    for number in range(rounds + 1):
        for who, program in runtimes.items():
            report = timing.report if number else _discard
            life = Life(who, program, f"bench-{who}-{number}", report)
            try:
                live(life, bundle)
            except Dropped as reason:
                if number:
                    timing.report_dropped(life.verb, who, str(reason))
            finally:
                timing.end_leftovers()
                shutil.rmtree(life.root, ignore_errors=True)
            timing.wait_for_quiet_cluster()


class Life:
    """One container from create to delete.

    Attributes:
        verb: what is timed at present.
    """

    def __init__(self, who: str, program: str, container_id: str, report: Report) -> None:
        self.verb = ""
        self.root = f"{os.environ['XDG_RUNTIME_DIR']}/bench-{who}"
        self._who = who
        self._runtime = [program, "--root", self.root]
        self._id = container_id
        self._report = report

    def run(self, bundle: str) -> None:
        """Live from create to delete; raises Dropped at the first verb that gives no figure."""
        self._bring_up(bundle, self._report)
        time.sleep(IN_SERVICE_S)
        self._time("state", "state", self._id)
        self._time("kill, first", "kill", self._id, SIGWINCH)
        self._time("kill, further", "kill", self._id, SIGWINCH)
        self.verb = "kill KILL to stopped"
        self._report(self.verb, self._who, self._stop())
        self._time("delete", "delete", self._id)

    def run_to_early_signal(self, bundle: str) -> None:
        """Live, with nothing timed but a signal at the first output; raises Dropped as `run`."""
        self._bring_up(bundle, _discard)
        self._time("kill, at the first output", "kill", self._id, SIGWINCH)
        self._stop()
        call([*self._runtime, "delete", self._id])

    def _bring_up(self, bundle: str, report: Report) -> None:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        output = Output(reader)
        try:
            self.verb = "create"
            argv = [*self._runtime, "create", "--bundle", bundle, self._id]
            created = call(argv, stdout=writer, watch=output)
            report(self.verb, self._who, created.ms)
            self.verb = "start"
            started = call([*self._runtime, "start", self._id], watch=output)
            report(self.verb, self._who, started.ms)
            self.verb = "create to first output"
            timing.await_output(output, UP_TIMEOUT_S)
            report(self.verb, self._who, (output.seen_at - created.started_at) * 1000)
        finally:
            os.close(reader)
            os.close(writer)

    def _stop(self) -> float:
        """Kill it; returns after how many ms its state says stopped."""
        killed_at = time.perf_counter()
        call([*self._runtime, "kill", self._id, SIGKILL])
        timing.wait_until(self._has_stopped, "stopped", timeout_s=STOP_TIMEOUT_S)
        return (time.perf_counter() - killed_at) * 1000

    def _time(self, what: str, *arguments: str) -> None:
        self.verb = what
        timed = call([*self._runtime, *arguments])
        if "assumed already deleted" in timed.errors:  # C: nothing was left to do
            raise Dropped("the container was gone already")
        self._report(what, self._who, timed.ms)

    def _has_stopped(self) -> bool:
        timing.reap()
        queried = call([*self._runtime, "state", self._id])
        try:
            return bool(json.loads(queried.output)["status"] == "stopped")
        except ValueError:
            told = f"{queried.output!r}, {timing.last_line(queried.errors)}"
            raise Dropped(f"state is no JSON: {told}") from None


def time_floor(commands: dict[str, dict[str, Sequence[str]]], *, rounds: int) -> None:
    """Time commands that do next to nothing, in turn: what a verb cannot take less than.

    Args:
        commands: argv by what is timed and whose it is.
    """
    for number in range(rounds + 1):
        for what, by_owner in commands.items():
            for who, argv in by_owner.items():
                _time_command(what, who, argv, counts=number > 0)


def _time_command(what: str, who: str, argv: Sequence[str], *, counts: bool) -> None:
    try:
        timed = call(argv)
    except Dropped as reason:
        if counts:
            timing.report_dropped(what, who, str(reason))
    else:
        if counts:
            timing.report(what, who, timed.ms)


def _discard(what: str, who: str, ms: float) -> None:
    """Report nothing: the first life fills caches."""
