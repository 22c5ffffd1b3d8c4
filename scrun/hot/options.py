"""The options of the runtime verbs: read by the hot parser and by the click commands alike.

Sources: scrun(1), crun(1), runc(8). An option with no key is accepted and ignored: engines and
people pass it, and it has no meaning for a container that runs in a job.
"""

FLAG, VALUE, OPTIONAL, COUNT, HELP, VERSION, LIST = range(7)


class Option:
    """One option.

    key: under which the value is stored; "" when the option is accepted and ignored.
    kind: FLAG (True), VALUE (str), OPTIONAL (a decimal number or none: ""), COUNT (int), LIST (of
        str: may be given again).
    """

    __slots__ = ("help", "key", "kind", "metavar", "names")

    def __init__(
        self, key: str, names: str, kind: int, help: str = "Ignored.", metavar: str = ""
    ) -> None:
        self.key = key
        self.names = tuple(names.split())
        self.kind = kind
        self.help = help
        self.metavar = metavar


REST = -1


class Verb:
    """One verb: its options, and its operands.

    least, most: how many operands there are; most `REST`: the rest of the line is a command,
        options and all.
    """

    __slots__ = ("help", "least", "most", "operands", "options")

    def __init__(
        self, help: str, options: tuple[Option, ...] = (), operands: str = "ID", most: int = 1
    ) -> None:
        self.help = help
        self.options = options
        self.operands = operands
        self.least = min(1, len(operands))
        self.most = most


HELP_OPTION = Option("help", "-h -? --help --usage", HELP, "Show this message and exit.")

GLOBAL = (
    Option("root", "--root", VALUE, "Directory of the containers' records and sockets.", "DIR"),
    Option("slurm_conf", "-f", VALUE, "Use this slurm.conf.", "FILE"),
    Option("log", "--log", VALUE, "Write errors (and what -v asks for) to this file.", "FILE"),
    Option("log_format", "--log-format", VALUE, "Format of that file: text or json.", "FORMAT"),
    Option("debug", "--debug", FLAG, "Log at debug level."),
    Option("verbose", "-v --verbose", COUNT, "Log more; may be repeated."),
    Option("version", "-V --version", VERSION, "Show the version and exit."),
    HELP_OPTION,
    Option("", "--cgroup-manager", VALUE, metavar="NAME"),
    Option("", "--rootless", VALUE, metavar="VALUE"),
    Option("", "--systemd-cgroup", FLAG),
    Option("", "--criu", VALUE, metavar="PATH"),
    Option("", "--log-level", VALUE, metavar="LEVEL"),
)

_REGEX = Option("regex", "-r --regex", FLAG, "ID is a regular expression: every match.")

CONSOLE_SOCKET = Option(
    "console_socket",
    "--console-socket",
    VALUE,
    "AF_UNIX socket that receives the master of the terminal.",
    "PATH",
)
PRESERVE_FDS = Option(
    "preserve_fds", "--preserve-fds", OPTIONAL, "Hand descriptors 3 to 3+N-1 on.", "N"
)
PIDFD_SOCKET = Option("", "--pidfd-socket", VALUE, metavar="PATH")
BUNDLE = Option("bundle", "-b --bundle", VALUE, "Bundle directory (default: here).", "DIR")

# What engines ask of every container, in these lines of every start; the others are in verbs.py.
QUICK = {
    "create": Verb(
        "Allocate a job, stage the container in, and leave it ready to start.",
        (
            BUNDLE,
            Option("config", "-f --config", VALUE, "Instead of BUNDLE/config.json.", "FILE"),
            CONSOLE_SOCKET,
            Option("pid_file", "--pid-file", VALUE, "Write the anchor's process ID here.", "PATH"),
            PRESERVE_FDS,
            PIDFD_SOCKET,
            Option("", "--no-pivot", FLAG),
            Option("", "--no-new-keyring", FLAG),
            Option("", "--no-subreaper", FLAG),
        ),
    ),
    "start": Verb("Run the created container's process in its job."),
    "state": Verb("Print the container's state as JSON."),
    "kill": Verb(
        "Send a signal (default: TERM) to the container.",
        (Option("all", "-a --all", FLAG, "To every process of the container."), _REGEX),
        "ID [SIGNAL]",
        2,
    ),
    "delete": Verb(
        "Release all that the stopped container holds.",
        (Option("force", "-f --force", FLAG, "Kill it if it still runs."), _REGEX),
    ),
}


def find_option(options: tuple[Option, ...], name: str) -> Option | None:
    """Return the option spelt ``name`` (``-b``, ``--bundle``), None when there is none."""
    for option in options:
        if name in option.names:
            return option
    return None
