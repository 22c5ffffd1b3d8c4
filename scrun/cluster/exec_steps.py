"""Further processes in a running container: what starts one on its node, and how it fares there.

A process has a directory on the node while it is: ``process`` (what is to run, config.md,
"Process"), ``pid`` (written by the runtime once it runs), or ``failed`` (the runtime's complaint,
until it was read). Source: crun-exec(1), runc-exec(8).
"""

from __future__ import annotations

from scrun.errors import ClusterError, ConfigError
from scrun.oci.patterns import quote_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scrun.cluster.backend import Done
    from scrun.cluster.control import TextAnswer
    from scrun.host.loop import Loop

    Ask = Callable[[str, TextAnswer], None]
    Outcome = Callable[[ClusterError | None], None]

PROCESS = "SCRUN_EXEC_PROCESS"  # a variable, not an argument: others may read those
NOT_STARTED = 254  # status of the script when the process has never run
SCRIPT = """
preserve=${2:+--preserve-fds $2} # how many; without srun alone, which hands none on
d=$1 process=$1/process pid_file=$1/pid log=$1/log
(umask 077 && mkdir "$d" && printf %s "$SCRUN_EXEC_PROCESS" >"$process") || exit 126
unset SCRUN_EXEC_PROCESS
ending=
trap ending=1 HUP INT TERM # the job's end: the directory goes first, and nobody asks for more
run_process
status=$?
if [ -s "$pid_file" ]; then
  rm -rf "$d"
  exit "$status"
fi
mv "$log" "$d/failed" 2>/dev/null || : >"$d/failed"
i=0
while [ -z "$ending" ] && [ -d "$d" ] && [ $i -lt 100 ]; do
  i=$((i + 1))
  sleep 0.05
done
rm -rf "$d"
exit 254
"""
# For a stdout that comes byte by byte: srun makes the script's a pseudoterminal, a pipe and dd lie
# between it and the process. The process may leave others behind that hold the pipe: it is not
# waited for its end, but until there is nothing in it.
DIRECT = "run_process() { runtime_exec; }"
PIPED = """
run_process() {
  mkfifo "$d/out" || { runtime_exec; return; }
  dd bs=65536 <"$d/out" 2>/dev/null &
  pump=$!
  echo "$pump" >"$d/pump"
  runtime_exec >"$d/out"
  set -- "$?"
  while read -r stat 2>/dev/null <"/proc/$pump/stat"; do
    read -r where 2>/dev/null <"/proc/$pump/wchan"
    case ${stat##*) } in Z*) break ;; esac
    case $where in *pipe*) kill -PIPE "$pump"; break ;; esac # no shell tells of it
    sleep 0.02
  done
  wait "$pump" 2>/dev/null
  return "$1"
}
"""
POLL_S = 0.02
PATIENCE_S = 30.0  # for the node to tell what became of a process


def exec_argv(command: str, directory: str, *, piped: bool = False) -> list[str]:
    """Return what runs a process on the node.

    Args:
        command: shell that has the runtime run it, see `exec_pattern`.
        piped: stdout is a pseudoterminal of srun's, and the process gets a pipe.
    """
    script = f"runtime_exec() {{ {command}; }}\n{PIPED if piped else DIRECT}\n{SCRIPT}"
    return ["/bin/sh", "-c", script, "scrun-exec", directory]


def step_options(job_id: int, node: str, *, terminal: bool, piped: bool) -> list[str]:
    """Return the options of an srun beside the container's."""
    options = ["--jobid", str(job_id), "--overlap", "--no-kill", "--nodes=1", "--ntasks=1"]
    options += [f"--nodelist={node}", "--job-name", "scrun-exec"]
    options.append("--chdir=/")  # its stderr would tell of one that the node lacks
    return [*options, *(["--pty"] if terminal else ["--unbuffered"] if piped else [])]


def command_options(job_id: int, nodes: Sequence[str], count: int) -> list[str]:
    """Return the options of an srun that runs a script's command once on each node.

    Args:
        nodes: the only ones to run it; none: all of the job.
        count: of the nodes; 0: nobody told.
    """
    options = ["--jobid", str(job_id), "--no-kill", "--job-name", "lua-command", "--overlap"]
    if count:
        options += [f"--nodes={count}", f"--ntasks={count}", "--ntasks-per-node=1"]
    return [*options, f"--nodelist={','.join(nodes)}"] if nodes else options


def choose_node(nodes: Sequence[str], wanted: str) -> str:
    """Return the name of the node where a process is to run.

    Args:
        nodes: the container's.
        wanted: a name, or a place among ``nodes``; empty: the first.

    Raises:
        ConfigError: the container is not there.
    """
    if not wanted:
        return nodes[0]
    if wanted in nodes:
        return wanted
    if wanted.isdecimal() and int(wanted) < len(nodes):
        return nodes[int(wanted)]
    raise ConfigError(f'exec: the container is not on node "{wanted}", but on {", ".join(nodes)}')


def watch_start(loop: Loop, ask: Ask, directory: str, outcome: Outcome) -> Callable[[], None]:
    """Call ``outcome`` once: None when the process runs, else why it does not.

    Returns: a function that gives the watch up.
    """
    place = quote_word(directory)
    look = (
        f"if [ -s {place}/pid ]; then echo started; "
        f"elif [ -e {place}/failed ]; then echo failed; cat {place}/failed; rm -rf {place}; fi"
    )
    waiting = True

    def give_up() -> None:
        nonlocal waiting
        waiting = False
        timer.cancel()

    def answered(_status: int, text: bytes) -> None:
        if not waiting:
            return
        told, _, rest = text.partition(b"\n")
        if told == b"started":
            give_up()
            outcome(None)
        elif told == b"failed":
            give_up()
            outcome(ClusterError(_complaint(rest), code="EXEC_FAILED"))
        else:
            loop.call_later(POLL_S, again)

    def again() -> None:
        if waiting:
            ask(look, answered)

    def late() -> None:
        give_up()
        outcome(None)  # nobody can tell; its end will

    timer = loop.call_later(PATIENCE_S, late)
    again()
    return give_up


def hang_up(ask: Ask, directory: str) -> None:
    """Let the process, whose stdout is piped, find that nobody reads it any more."""
    ask(f'kill -PIPE "$(cat {quote_word(directory)}/pump)"', lambda *_: None)


def send_signal(ask: Ask, directory: str, number: int, done: Done) -> None:
    """Send a signal to the process, which may be just beginning: runc writes its number late."""

    def answered(status: int, _: bytes) -> None:
        error = ClusterError(f"signal {number}: the process is gone", code="NOT_DELIVERED")
        done(error if status else None)

    place = quote_word(directory)
    patience = f"while [ -d {place} ] && [ ! -s {place}/pid ] && [ $i -lt 100 ]"
    wait = f"i=0; {patience}; do i=$((i+1)); sleep 0.05; done"
    ask(f'{wait}; kill -{number} "$(cat {place}/pid)"', answered)


def end_process(ask: Ask, directory: str) -> None:
    """Kill the process of a session that was killed, and remove the directory.

    Its srun may live on, and have the process begin up to 20 s later; or has ended, and with it
    the script that would tidy up.
    """
    place = quote_word(directory)
    known = f"[ -s {place}/pid ] || [ -e {place}/failed ] || [ $i -ge 400 ]"
    wait = f"i=0; until {known}; do i=$((i+1)); sleep 0.05; done"
    end = f'kill -KILL "$(cat {place}/pid)"; rm -rf {place}'
    ask(f"{{ {wait}; {end}; }} >/dev/null 2>&1 &", lambda *_: None)  # others are not to wait


def _complaint(text: bytes) -> str:
    """Return the last error of a runtime's log, which is JSON, or as good as that."""
    from scrun.oci.jsontext import JSONSyntaxError, loads  # for a failure only

    for line in reversed(text.splitlines()):
        try:
            entry = loads(line)
        except (JSONSyntaxError, UnicodeDecodeError):
            continue
        if isinstance(entry, dict) and isinstance(entry.get("msg"), str):
            message = str(entry["msg"])
            if "is not executable" in message:  # crun's words; engines look for these
                message += ": permission denied"
            return message
    return text.decode("utf-8", "replace").strip() or "the runtime did not run it"
