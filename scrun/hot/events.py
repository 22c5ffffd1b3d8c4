"""``events``: what a container uses, now (``--stats``) or again and again until its end.

Source: runc-events(8). The anchor is asked for each line; a connection on which nothing is asked
tells of the container's end.

That a process of it was killed for want of memory is an event of its own, ``oom``. The count of
those is among the numbers, where a cgroup has it; of the last one, which mostly is the container's
end, srun tells.
"""

from select import select

from scrun.hot.client import Refused, ask, connect, print_line, read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.hot.parse import Command

SRUN_LOG = "srun.log"
OUT_OF_MEMORY = b": Out Of Memory\n"  # srun: error: n1: task 0: Out Of Memory
COUNT = '"oom_kill":'
DEFAULT_S = 5.0
LONGEST_S = 1e9  # select(2) takes what a time_t can hold; nobody waits for 30 years
UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def report(command: "Command", directory: int) -> bool:
    """Carry out the verb; False: the anchor is dead.

    Raises:
        Refused: a bad interval, or the container is not running.
    """
    given = command.options.get("interval")
    interval_s = DEFAULT_S if given is None else parse_duration(str(given))
    if interval_s is None or interval_s <= 0:
        raise Refused(f'events --interval: "{given}" is no duration, such as 5s', "EINVAL")
    interval_s = min(interval_s, LONGEST_S)
    if command.options.get("stats"):
        return ask(command, directory)
    end = connect(directory)
    if end is None:
        return False
    kills = Kills(command.operands[0])
    asking = _ask(command, directory, kills.begin)
    with_end = (end.fileno(),)
    while asking and not select(with_end, (), (), interval_s)[0]:
        asking = _ask(command, directory, kills.show)
    select(with_end, (), ())  # by then srun has had its say
    end.close()
    if not kills.count and _ran_out_of_memory(directory):
        kills.tell()
    return True


def _ask(command: "Command", directory: int, show: "Callable[[str], None]") -> bool:
    """Ask once; False: the container's process has ended."""
    try:
        return ask(command, directory, show)
    except Refused as refusal:
        if refusal.code != "NOT_RUNNING":
            raise
        return False


class Kills:
    """How many of a container's processes were killed for want of memory, and which are told of.

    Attributes:
        count: so far.
    """

    def __init__(self, container_id: str) -> None:
        self.count = 0
        self._id = container_id

    def begin(self, event: str) -> None:
        """Take what was before anybody looked, of which nothing is told."""
        self.count = _read_count(event)

    def show(self, event: str) -> None:
        """Print the numbers, and what is new before them."""
        count = _read_count(event)
        for _ in range(count - self.count):
            self.tell()
        self.count = count
        print_line(event)

    def tell(self) -> None:
        """Print that it happened once, as runc does."""
        print_line(f'{{"type":"oom","id":"{self._id}"}}')


def _read_count(event: str) -> int:
    """Return the kills that the numbers have; 0: no cgroup counts them."""
    rest = event.rpartition(COUNT)[2]
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return int(digits or 0)


def _ran_out_of_memory(directory: int) -> bool:
    """Tell whether srun says so at the container's end."""
    try:
        return OUT_OF_MEMORY in read_file(SRUN_LOG, directory)
    except FileNotFoundError:  # deleted, or no job of Slurm's
        return False


def parse_duration(text: str) -> float | None:
    """Return the seconds of a duration as Go writes it (``1m30s``, ``500ms``); None: it is none."""
    total, rest = 0.0, text
    while rest:
        number = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(number) :]
        unit = rest[: len(rest) - len(rest.lstrip("nuµmsh"))]
        rest = rest[len(unit) :]
        if unit not in UNITS_S or number.count(".") > 1 or not number.strip("."):
            return None
        total += float(number) * UNITS_S[unit]
    return total if text else None
