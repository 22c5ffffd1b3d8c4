"""``events``: what a container uses, now (``--stats``) or again and again until its end.

Source: runc-events(8). The anchor is asked for each line; a connection on which nothing is asked
tells of the container's end.
"""

from select import select

from scrun.hot.client import Refused, ask, connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scrun.hot.parse import Command

DEFAULT_S = 5.0
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
    if command.options.get("stats"):
        return ask(command, directory)
    end = connect(directory)
    if end is None:
        return False
    with_end = (end.fileno(),)
    while not select(with_end, (), (), interval_s)[0]:
        try:
            if not ask(command, directory):
                break
        except Refused as refusal:
            if refusal.code != "NOT_RUNNING":
                raise
            break
    end.close()
    return True


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
