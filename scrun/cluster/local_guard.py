"""What removes a container of this machine when its anchor does not live to do it."""

from __future__ import annotations

import os

from scrun import log
from scrun.errors import ScrunError
from scrun.host.directory import write_file
from scrun.host.process import identify, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrun.host.loop import Loop

# At end of file nobody wrote "done". As long as the runtime lives it may still be making the
# container, and one removal may come too early.
SCRIPT = """
note=$1
shift
runtime_lives() {
  read -r pid start <"$note" && read -r stat </proc/$pid/stat || return 1
  set -- ${stat##*) } # fields 3 (state) to 22 (start) and on of proc_pid_stat(5)
  [ "$1" != Z ] && [ "${20}" = "$start" ]
}
read -r done && exit
while runtime_lives; do
  "$@"
  sleep 0.1
done
exec "$@"
"""
RUNTIME_NOTE = "runtime-process"  # in the spool directory: who makes and runs the container


class Guard:
    """A shell that waits for the anchor's death.

    Args:
        removal: the runtime's command.

    Raises:
        ScrunError: it cannot be started.
    """

    def __init__(
        self,
        loop: Loop,
        spool_dir: str,
        removal: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        self._note = f"{spool_dir}/{RUNTIME_NOTE}"
        reader, self._feed = os.pipe2(os.O_CLOEXEC)
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        argv = ["/bin/sh", "-c", SCRIPT, "scrun-guard", self._note, *removal]
        try:
            shell = spawn(argv, environment, stdio=(reader, null, null))
        finally:
            os.close(null)
            os.close(reader)
        loop.when_ended(shell, lambda _: None)

    def note_runtime(self, pid: int) -> None:
        """Tell guard and recovery of the runtime. It runs: no failure may make it unheard of."""
        try:
            write_file(self._note, identify(pid))
        except ScrunError as err:
            log.error(str(err))

    def end(self) -> None:
        """Let it do nothing; the container is ours to remove. Harmless after it has ended."""
        if self._feed < 0:
            return
        try:
            os.write(self._feed, b"done\n")
        except BrokenPipeError:
            log.debug("the guard is gone")
        os.close(self._feed)
        self._feed = -1
