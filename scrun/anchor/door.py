"""The anchor's door for callers without Python: a line in by one FIFO, the answer by another.

The launcher is a shell, which has no sockets; Python's own start would take longer than all that
`start` and `kill` do. ``door`` brings a line per request: ``NUMBER VERB [-a] [SIGNAL]``. The answer
goes to ``answer.NUMBER``: ``ok``, or ``no`` and the reply that a socket would have brought. One
caller has it, who has made ``claim.NUMBER``; the next gets the next number. While we live we hold
it open, so that a caller hears of our death by its end.
"""

from __future__ import annotations

import os
import time

from scrun import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from scrun.host.loop import Loop

    Reply = Callable[[bytes], None]
    Ask = Callable[[str, dict[str, object], list[str], Reply], None]
    """Called with verb, options, operands, and what takes the encoded reply; b"": all is well.

    It raises nothing, and replies once.
    """

LINE_BYTES = 4096  # PIPE_BUF: what is written at once comes in one piece
CLAIM_S = 5.0  # who has not asked by then has died, or will find his answer ended
VERBS = ("start", "kill")
_OPEN = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def is_of_door(name: str) -> bool:
    """Tell whether a file of a container's directory is one of its door's."""
    kind, _, number = name.partition(".")
    return name == "door" or (kind in ("answer", "claim") and number.isdecimal())


class Door:
    """Open until this process ends. OSError: it cannot be made."""

    def __init__(self, loop: Loop, directory: str, ask: Ask) -> None:
        self._loop = loop
        self._directory = directory
        self._ask = ask
        self._number = 0
        self._answer = -1
        self._rest = b""
        self._prepare_answer()
        path = f"{directory}/door"  # made last: who finds it finds an answer
        os.mkfifo(path, 0o600)
        self._fd = os.open(path, _OPEN)
        loop.watch(self._fd, self._read)

    def renew(self) -> None:
        """Let others in again when somebody has claimed an answer and died over it."""
        if self._answer < 0:
            return
        try:
            claimed = os.stat(f"{self._directory}/claim.{self._number}").st_mtime
        except OSError:
            return
        if not 0 <= time.time() - claimed < CLAIM_S:
            os.close(self._take_answer())

    def _prepare_answer(self) -> None:
        self._number += 1
        path = f"{self._directory}/answer.{self._number}"
        os.mkfifo(path, 0o600)
        self._answer = os.open(path, _OPEN)

    def _take_answer(self) -> int:
        """Return the descriptor of the present answer, and make the next one.

        Where none can be made the door is closed: all callers go by the socket.
        """
        taken, number = self._answer, self._number
        for kind in ("answer", "claim"):
            try:
                os.unlink(f"{self._directory}/{kind}.{number}")
            except OSError as err:
                log.debug(f"door: {err}")
        try:
            self._prepare_answer()
        except OSError as err:
            log.info(f"the door is closed: {err}")
            self._answer = -1
            self._loop.forget(self._fd)
            os.close(self._fd)
        return taken

    def _read(self) -> None:
        try:
            data = os.read(self._fd, LINE_BYTES)
        except BlockingIOError:
            return  # somebody else has read it
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            number, *words = line.decode("utf-8", "surrogateescape").split(" ")
            if self._answer < 0 or number != str(self._number):
                continue  # he was too late
            answer = self._take_answer()
            if words and words[0] in VERBS:
                self._serve(answer, words)
            else:
                os.close(answer)

    def _serve(self, answer: int, words: list[str]) -> None:
        verb, *operands = words
        options: dict[str, object] = {}
        if operands and operands[0] == "-a":
            del operands[0]
            options["all"] = True

        def reply(data: bytes) -> None:
            try:
                os.write(answer, b"no\n" + data if data else b"ok\n")
            except OSError as err:
                log.debug(f"door: {err}")
            os.close(answer)

        self._ask(verb, options, operands, reply)
