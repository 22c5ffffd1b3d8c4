"""Command lines of the node's OCI runtime, by the patterns of oci.conf.

On a node its name is the node's to tell: it comes in as a shell variable that slurmstepd sets for
every step. Source: oci.conf(5), "OCI Pattern"; srun(1), OUTPUT ENVIRONMENT VARIABLES.
"""

from __future__ import annotations

from scrun.errors import ClusterError, ConfigError
from scrun.oci.patterns import PatternValues, expand_command, quote_word
from scrun.oci.signals import NUMBERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scrun.oci.oci_conf import OciConf

NODE_MARK = "@SLURMD_NODENAME@"  # needs no quotes, so a variable can take its place
NODE_VARIABLE = "${SLURMD_NODENAME}"
TASK_MARK = "@TASK@"
PID_MARK = "@PID@"
# slurmstepd knows it, and tells the job's user. On a node of several slurmds it must be named.
LIST_PIDS = (
    'task_pid=$(scontrol listpids {step} "${{SLURMD_NODENAME}}" 2>/dev/null | '
    'while read -r number job step place rest; do [ "$place" = "${{task}}" ] || continue; '
    'echo "$number"; break; done); [ "$task_pid" ]'
)
# It began as the shell that runs RunTimeRun. Where that is not replaced by its command (dash is
# never), a signal would end the shell alone: meant is the command, its only child.
LOOK_INSIDE = (
    """case "$(tr '\\0' ' ' <"/proc/$task_pid/cmdline")" in '/bin/sh -c '{begin}*) """
    '[ ! -e "/proc/$task_pid/task/$task_pid/children" ] || '
    '{{ inner= others=; read -r inner others <"/proc/$task_pid/task/$task_pid/children"; '
    '[ "$others" ] || task_pid=$inner; }};; esac; [ "$task_pid" ]'
)
KILLS = ("kill", "pkill", "killall")  # the programs, which take a signal as an option
SIGNAL_OPTIONS = ("-s", "-n", "--signal", "--sig")
BEFORE_COMMAND = ("exec", "command", "sudo", "env", "!", "{", "(", "&&", "||", "|", ";")
OPERATORS = ("|", "&", ";", ">", "<", "1>", "2>", ")", "}")


def node_command(
    pattern: str,
    *,
    job_id: int,
    step_id: int,
    user: tuple[str, int],
    bundle: str,
    run: str | None = None,
) -> str:
    """Return a line of shell that runs a RunTime* pattern for the container of ``$task``.

    With ``%p`` it looks first which process the task is; where it is none, nothing else is run.

    Args:
        run: RunTimeRun.

    Raises:
        ConfigError: the pattern has a letter that means nothing.
    """
    values = PatternValues(
        bundle=bundle,
        rootfs=f"{bundle}/rootfs",
        spool_dir="",
        job_id=job_id,
        user=user[0],
        uid=user[1],
        node=NODE_MARK,
        step_id=step_id,
        task_id=TASK_MARK,
        pid=PID_MARK,
    )
    text = expand_command(pattern, values).replace(NODE_MARK, NODE_VARIABLE)
    text = with_pid(text, LIST_PIDS.format(step=f"{job_id}.{step_id}"), run)
    return text.replace(TASK_MARK, "${task}")


def with_pid(text: str, find: str, run: str | None) -> str:
    """Return shell in which the process's number takes the place of `PID_MARK`, if it is there.

    Args:
        find: shell that sets ``$task_pid`` to what runs RunTimeRun, and fails where it is gone.
        run: RunTimeRun.
    """
    if PID_MARK not in text:
        return text
    command = text.replace(PID_MARK, "${task_pid}").rstrip("; ")
    return f"{find} && {{ {look_inside(run)}; }} && {{ {command}; }}"


def look_inside(run: str | None) -> str:
    """Return shell that lets ``$task_pid`` be the command of RunTimeRun; see `LOOK_INSIDE`."""
    begin = (run or "").partition("%")[0]  # as far as it is the same for all containers
    return LOOK_INSIDE.format(begin=quote_word(begin)) if begin else ":"


def exec_pattern(query: str | None, wanted: str | None) -> str:
    """Return the pattern that runs another process in a container.

    It is shell, and finds ``$process`` (a file with the process, config.md "Process"),
    ``$pid_file`` and ``$log`` (a file for the runtime's own complaint, as JSON).

    Args:
        query: RunTimeQuery of oci.conf; its verb gives way to ours.
        wanted: the setting ``runtime_exec``, which goes before.

    Raises:
        ConfigError: neither tells how.
    """
    if wanted:
        return wanted
    before, verb, after = f" {query or ''} ".partition(" state ")
    if not verb:
        raise ConfigError(
            'oci.conf: RunTimeQuery has no word "state", so nobody knows how to run a process '
            "in a container",
            hint="set runtime_exec in scrun.d/settings.lua",
        )
    options = '--log "$log" --log-format json exec --process "$process" --pid-file "$pid_file"'
    return f"{before.strip()} {options} $preserve {after.strip()}"


def update_pattern(query: str, path: str) -> str:
    """Return what changes a container's limits, by the command that prints its state.

    Args:
        path: of a file with ``linux.resources``, quoted.

    Raises:
        ConfigError: the command does not tell how.
    """
    before, verb, after = f" {query} ".partition(" state ")
    if not verb:
        raise ConfigError(
            'oci.conf: RunTimeQuery has no word "state", so nobody knows how to update'
        )
    return f"{before.strip()} update --resources {path} {after.strip()}"


def kill_pattern(conf: OciConf | None, signal: str) -> str:
    """Return RunTimeKill with a signal of ours.

    Raises:
        ClusterError: oci.conf has none.
    """
    pattern = conf.runtime_kill if conf else None
    if not pattern:
        raise ClusterError(
            "oci.conf: RunTimeKill is missing: the container cannot be sent a signal",
            code="BAD_CONFIG",
        )
    return with_signal(pattern, signal)


def with_signal(pattern: str, signal: str) -> str:
    """Return a RunTimeKill pattern with another signal.

    As slurmstepd uses it, it sends a signal of its own: ours takes its place, wherever that is:
    ``kill -s SIGTERM %p``, ``kill -9 %p``, ``runtime kill --signal=TERM ID``, ``runtime kill ID
    KILL``. A program that is told none gets ours as its last word, kill(1) as an option.
    """
    words = pattern.rstrip().split(" ")
    kills = [place for place, word in enumerate(words) if _program(word) in KILLS]
    first = kills[0] + 1 if kills else 0
    found = False
    for place in range(first, len(words)):
        core = words[place].strip("'\"();")
        previous = words[place - 1].strip("'\"") if place else ""
        name, equals, _ = core.partition("=")
        if equals and name in SIGNAL_OPTIONS:
            replaced = f"{name}={signal}"
        elif previous in SIGNAL_OPTIONS and _is_signal(core) and core.strip("0"):
            replaced = signal
        elif core[:1] == "-" and core.isupper() and _is_signal(core[1:]):
            replaced = f"-{signal}"
        elif core[:1] == "-" and core[1:].strip("0").isdecimal() and _program(previous) in KILLS:
            replaced = f"-{signal}"  # -0 only asks whether the process is there
        elif _is_signal(core) and _can_be_operand(core, place, words, kills):
            replaced = signal
        else:
            continue
        found = True
        # The quotes of a word in quotes would keep a variable from its value.
        is_quoted = words[place] in (f"'{core}'", f'"{core}"')
        words[place] = replaced if is_quoted else words[place].replace(core, replaced)
    return " ".join(words if found else _add_signal(words, signal, kills))


def _program(word: str) -> str:
    return word.strip("'\"(").rpartition("/")[2]


def _is_signal(text: str) -> bool:
    return text.isdecimal() or text.upper().removeprefix("SIG") in NUMBERS


def _can_be_operand(core: str, place: int, words: list[str], kills: list[int]) -> bool:
    """Tell a signal from a number, or a verb such as ``stop``: it is the last word, or loud."""
    if place == len(words) - 1:
        return bool(kills) or core != "kill"
    if kills and words[place + 1].startswith(OPERATORS):
        return True
    return bool(kills) and core.isupper()


def _add_signal(words: list[str], signal: str, kills: list[int]) -> list[str]:
    """Give the last command that kills a signal, where none was named."""
    place = kills[-1] if kills else 0
    before = words[place - 1] if place else ";"
    end = place + 1
    while end < len(words) and not words[end].startswith(OPERATORS):
        end += 1
    is_of_processes = any("%p" in word for word in words[place + 1 : end])
    is_first = before in BEFORE_COMMAND or before.endswith((";", "("))
    if kills and (is_of_processes or is_first):
        return [*words[: place + 1], f"-{signal}", *words[place + 1 :]]
    return [*words[:end], signal, *words[end:]]
