"""What happened while a script ran: the events of a run, in order.

One list of them is what the terminal shows, what ``--json`` prints and what a cassette keeps.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable

from scrun.log import NAMES


@dataclasses.dataclass
class Command:
    """Something asked of the machine or the cluster, and the answer.

    Attributes:
        kind: ``allocator_command``, ``remote_command``, ``run``, ``run_remote``, ``os.execute``,
            ``io.popen`` or ``get_qos_priority``.
        words: the shell script as the only one, else argv, else the name of the QOS.
        options: as a StageHost gets them (timeout, stdin, stderr, nodes).
        status: of get_qos_priority: 0 with the priority as output, 1 for an unknown name.
        stderr: None unless it was asked for apart.
        failure: message and code of the error that there was in place of an answer.
        ran: it was run, and not only answered.
    """

    kind: str
    words: list[bytes]
    options: dict[str, object]
    status: int = 0
    output: bytes = b""
    stderr: bytes | None = None
    seconds: float = 0.0
    failure: tuple[str, str] | None = None
    ran: bool = False

    @property
    def text(self) -> str:
        """The command as a person would type it."""
        words = [decode(word) for word in self.words]
        if self.kind == "get_qos_priority":
            return f"get_qos_priority {words[0]}"
        return words[0] if self.is_script else shlex.join(words)

    @property
    def is_script(self) -> bool:
        """Whether a shell reads it."""
        return self.kind not in ("run", "run_remote", "get_qos_priority")


@dataclasses.dataclass
class Call:
    """A function of the slurm table that asks nobody, such as ``time_str2mins``."""

    name: str
    arguments: list[str]
    results: list[str]


@dataclasses.dataclass
class PathSet:
    """``which`` is ``bundle`` or ``root``; no path: back to what it was."""

    which: str
    path: str | None


@dataclasses.dataclass
class Logged:
    """A line of the script; ``level`` as in `scrun.log`."""

    level: int
    text: str

    @property
    def level_name(self) -> str:
        """Such as ``info``."""
        return NAMES[self.level]


@dataclasses.dataclass
class Told:
    """A line for the user, by ``slurm.user_msg``."""

    text: str


@dataclasses.dataclass
class Printed:
    """What went to standard output, which in a real run is the container's.

    Attributes:
        place: file and line of the first time; empty where Lua does not know.
    """

    text: str
    place: str


@dataclasses.dataclass
class Began:
    """A function of the script begins. ``arguments``: name and value."""

    function: str
    arguments: list[tuple[str, str]]


@dataclasses.dataclass
class Ended:
    """A function of the script has ended.

    Attributes:
        returned: its first result, as Lua would print it; None when it raised.
        error: message, None on success; ``code`` and ``traceback`` belong to it.
    """

    function: str
    seconds: float
    returned: str | None = None
    error: str | None = None
    code: str | None = None
    traceback: str = ""


@dataclasses.dataclass
class Wrote:
    """A file that the script wrote where it does not count (see `scrun.workbench.run.files`)."""

    path: str
    size: int


@dataclasses.dataclass
class Primitive:
    """A function of ``require 'host'`` that a verb called, and the answer.

    Attributes:
        seconds: that the answer took; None: nothing was done.
    """

    name: str
    arguments: list[object]
    results: list[object]
    seconds: float | None = None


@dataclasses.dataclass
class Document:
    """The state document that the verb ``state`` makes."""

    value: object


@dataclasses.dataclass
class Started:
    """A program that a primitive has started."""

    pid: int
    argv: list[str]


@dataclasses.dataclass
class Exited:
    """One has ended.

    Attributes:
        output: None where nobody asked for it.
    """

    pid: int
    program: str
    status: int
    seconds: float
    output: str | None = None


@dataclasses.dataclass
class Output:
    """What a verb, or the container, wrote.

    Attributes:
        source: ``container`` or the verb. stream: ``stdout`` or ``stderr``.
    """

    source: str
    stream: str
    text: str


@dataclasses.dataclass
class Became:
    """What the container is now: ``exit_status`` None while it lives."""

    status: str
    exit_status: int | None = None


Script = Command | Call | PathSet | Logged | Told | Printed | Wrote
Happening = Script | Primitive | Document | Started | Exited | Output | Became
Event = Happening | Began | Ended


class Journal:
    """The events of one run; ``listen`` hears each as it comes."""

    def __init__(self, listen: Callable[[Event], None] | None = None) -> None:
        self.events: list[Event] = []
        self._listen = listen

    def add(self, event: Event) -> None:
        """Note an event."""
        self.events.append(event)
        if self._listen is not None:
            self._listen(event)

    def commands(self) -> list[Command]:
        """Return the commands among them."""
        return [event for event in self.events if isinstance(event, Command)]


def describe(event: Event) -> dict[str, object]:
    """Return an event as a JSON object; ``event`` in it is its kind."""
    members: dict[str, object] = {"event": type(event).__name__.lower()}
    for field in dataclasses.fields(event):
        members[field.name] = _plain(getattr(event, field.name))
    if isinstance(event, Command):
        members["text"] = event.text
    elif isinstance(event, Started):
        members["text"] = shlex.join(event.argv)
    elif isinstance(event, Logged):
        members["level"] = event.level_name
    elif isinstance(event, Began):
        members["arguments"] = dict(event.arguments)
    return members


def decode(data: bytes) -> str:
    """Return text of bytes from anywhere."""
    return data.decode("utf-8", "backslashreplace")


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return decode(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
