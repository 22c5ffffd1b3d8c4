"""The grammar of all verbs: those of `QUICK`, and those that are loaded when they are called."""

from scrun.hot.options import (
    BUNDLE,
    CONSOLE_SOCKET,
    FLAG,
    LIST,
    PIDFD_SOCKET,
    PRESERVE_FDS,
    QUICK,
    REST,
    VALUE,
    Option,
    Verb,
)

_CHECKPOINT = (
    *(Option("", f"--{name}-path", VALUE, metavar="DIR") for name in ("image", "work", "parent")),
    *(
        Option("", f"--{name}", FLAG)
        for name in (
            *("leave-running", "tcp-established", "ext-unix-sk", "shell-job", "lazy-pages"),
            *("file-locks", "pre-dump", "auto-dedup", "tcp-skip-in-flight", "link-remap"),
        )
    ),
    Option("", "--manage-cgroups-mode", VALUE, metavar="MODE"),
    Option("", "--status-fd", VALUE, metavar="FD"),
    Option("", "--page-server", VALUE, metavar="ADDRESS"),
    Option("", "--empty-ns", VALUE, metavar="NAMESPACE"),
    Option("", "--network-lock", VALUE, metavar="METHOD"),
)

VERBS = {
    "create": QUICK["create"],
    "start": QUICK["start"],
    "state": QUICK["state"],
    "kill": QUICK["kill"],
    "delete": QUICK["delete"],
    "exec": Verb(
        "Run another process in a running container.",
        (
            Option("process", "-p --process", VALUE, "File with the process, as JSON.", "FILE"),
            Option("tty", "-t --tty", FLAG, "Give it a terminal."),
            Option("detach", "-d --detach", FLAG, "Return as soon as it runs."),
            CONSOLE_SOCKET,
            Option("pid_file", "--pid-file", VALUE, "Write the session's process ID here.", "PATH"),
            Option("cwd", "--cwd", VALUE, "Working directory in the container.", "DIR"),
            Option("env", "-e --env", LIST, "NAME=VALUE for its environment.", "NAME=VALUE"),
            Option("user", "-u --user", VALUE, "UID[:GID] inside the container.", "USER"),
            Option("cap", "-c --cap", LIST, "Add a capability.", "CAP"),
            Option("no_new_privs", "--no-new-privs", FLAG, "Set no_new_privs."),
            Option("node", "--node", VALUE, "Node, or its place among the container's.", "NODE"),
            PRESERVE_FDS,
            PIDFD_SOCKET,
            Option("", "--apparmor", VALUE, metavar="PROFILE"),
            Option("", "--process-label", VALUE, metavar="LABEL"),
            Option("", "-g --additional-gids", VALUE, metavar="GID"),
            Option("", "--cgroup", VALUE, metavar="PATH"),
            Option("ignore_paused", "--ignore-paused", FLAG, "Even if the container is paused."),
            Option("", "--no-subreaper", FLAG),
        ),
        "ID [COMMAND]...",
        REST,
    ),
    "run": Verb(
        "Create and start a container, wait for its end, delete it.",
        (
            *QUICK["create"].options,
            Option("detach", "-d --detach", FLAG, "Return as soon as it runs."),
            Option("keep", "--keep", FLAG, "Do not delete it after its end."),
        ),
    ),
    "list": Verb(
        "List the containers.",
        (
            Option("format", "-f --format", VALUE, "table (default) or json.", "FORMAT"),
            Option("quiet", "-q --quiet", FLAG, "Only their IDs."),
        ),
        "",
        0,
    ),
    "spec": Verb(
        "Write a config.json to start from.",
        (
            BUNDLE,
            Option("file", "-f --file", VALUE, "Instead of BUNDLE/config.json.", "FILE"),
            Option("rootless", "--rootless", FLAG, "For an ordinary user (default unless root)."),
        ),
        "",
        0,
    ),
    "features": Verb("Print what this runtime can do, as JSON.", (), "", 0),
    "checkpoint": Verb("Refused: a container in a job cannot be saved.", _CHECKPOINT),
    "restore": Verb(
        "Refused, as checkpoint is.",
        (
            *_CHECKPOINT,
            Option("", "-b --bundle", VALUE, metavar="DIR"),
            Option("", "--pid-file", VALUE, metavar="PATH"),
            Option("", "--tcp-close", FLAG),
            Option("", "--lsm-profile", VALUE, metavar="PROFILE"),
            Option("", "--lsm-mount-context", VALUE, metavar="CONTEXT"),
            Option("", "--console-socket", VALUE, metavar="PATH"),
            Option("", "-d --detach", FLAG),
            Option("", "--no-pivot", FLAG),
            Option("", "--no-subreaper", FLAG),
        ),
    ),
    "pause": Verb("Stop the container's processes until it is resumed."),
    "resume": Verb("Let a paused container's processes go on."),
    "ps": Verb(
        "Show the container's processes on its node; options of ps(1) may follow the ID.",
        (
            Option(
                "format",
                "-f --format",
                VALUE,
                "table, or json: the number of the process that engines watch.",
                "FORMAT",
            ),
        ),
        "ID [OPTION]...",
        REST,
    ),
    "events": Verb(
        "Print what the container uses as JSON, every --interval until it has ended.",
        (
            Option("stats", "--stats", FLAG, "Once, and now."),
            Option("interval", "--interval", VALUE, "Such as 5s (default), 500ms.", "DURATION"),
        ),
    ),
    "update": Verb(
        "Change the limits of a running container, as far as Slurm lets its user.",
        (
            Option("resources", "-r --resources", VALUE, "linux.resources; -: stdin.", "FILE"),
            Option("time", "--time", VALUE, "The job's time limit, as sbatch reads it.", "TIME"),
            Option("memory", "--memory", VALUE, "Bytes, or with k, m, g.", "SIZE"),
            Option("memory_reservation", "--memory-reservation", VALUE, "Soft limit.", "SIZE"),
            Option("memory_swap", "--memory-swap", VALUE, "Memory and swap; -1: any.", "SIZE"),
            Option("cpu_period", "--cpu-period", VALUE, "Microseconds.", "N"),
            Option("cpu_quota", "--cpu-quota", VALUE, "Microseconds in a period.", "N"),
            Option("cpu_burst", "--cpu-burst", VALUE, "Microseconds above that.", "N"),
            Option("cpu_share", "--cpu-share --cpu-shares", VALUE, "Relative weight.", "N"),
            Option("cpu_rt_period", "--cpu-rt-period", VALUE, "Microseconds.", "N"),
            Option("cpu_rt_runtime", "--cpu-rt-runtime", VALUE, "Microseconds.", "N"),
            Option("cpu_idle", "--cpu-idle", VALUE, "1: SCHED_IDLE.", "N"),
            Option("cpuset_cpus", "--cpuset-cpus", VALUE, "Processors to use.", "LIST"),
            Option("cpuset_mems", "--cpuset-mems", VALUE, "Memory nodes to use.", "LIST"),
            Option("blkio_weight", "--blkio-weight", VALUE, "Relative weight.", "N"),
            Option("pids_limit", "--pids-limit", VALUE, "Processes; -1: any number.", "N"),
            Option("l3_cache_schema", "--l3-cache-schema", VALUE, "Intel RDT.", "TEXT"),
            Option("mem_bw_schema", "--mem-bw-schema", VALUE, "Intel RDT.", "TEXT"),
            Option("", "--kernel-memory", VALUE, metavar="SIZE"),
            Option("", "--kernel-memory-tcp", VALUE, metavar="SIZE"),
        ),
    ),
}
