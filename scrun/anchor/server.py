"""The anchor's socket: one request per connection, from the container's own user only."""

from __future__ import annotations

import os
import sys
from _socket import AF_UNIX, SO_PEERCRED, SOCK_CLOEXEC, SOCK_SEQPACKET, SOL_SOCKET, socket
from errno import EMSGSIZE

from scrun import log
from scrun.anchor.door import Door
from scrun.errors import ScrunError
from scrun.hot.wire import dumps, loads
from scrun.oci.signals import parse_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from scrun.anchor.door import Reply
    from scrun.anchor.policy import Done
    from scrun.host.loop import Loop

    Serve = Callable[[str, dict[str, object], Done], None]  # verb, request, done

MESSAGE_BYTES = 262144


class Server:
    """Takes requests for one of ``verbs`` and hands them to ``serve``.

    Attributes:
        open_replies: how many callers still wait for an answer.
        on_session: called with the connection of an ``exec`` that succeeded, and its value.
    """

    def __init__(self, loop: Loop, directory: str, verbs: Sequence[str], serve: Serve) -> None:
        self.open_replies = 0
        self.on_session: Callable[[socket, Any], None] = lambda connection, _: connection.close()
        self._verbs = verbs
        self._loop = loop
        self._serve = serve
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
        # sun_path has 108 bytes: the way over our own descriptor is short whatever --root is.
        self._listener.bind(f"/proc/self/fd/{folder}/anchor.sock")
        os.close(folder)
        self._listener.listen(64)
        loop.watch(self._listener.fileno(), self._accept)
        try:
            self._door: Door | None = Door(loop, directory, self._ask)
        except OSError as err:
            log.info(f"callers have no door: {err}")
            self._door = None

    def _accept(self) -> None:
        try:  # socket.accept is Python's
            fd, _ = self._listener._accept()  # type: ignore[attr-defined]
        except OSError as err:  # the caller is gone, or there are too many: not our end
            log.debug(f"accept: {err}")
            return
        connection = socket(fileno=fd)
        peer = connection.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)  # struct ucred: pid, uid, gid
        if int.from_bytes(peer[4:8], sys.byteorder) != os.getuid():
            connection.close()
            return
        if self._door is not None:
            self._door.renew()
        self._loop.watch(fd, lambda: self._read(connection))

    def _ask(
        self, verb: str, options: dict[str, object], operands: list[str], reply: Reply
    ) -> None:
        """Serve a caller at the door."""

        def done(ok: bool, told: Any, code: str) -> None:
            reply(b"" if ok else encode_reply(False, told, code))

        self._answer(verb, lambda: make_request(verb, options, operands), done)

    def _read(self, connection: socket) -> None:
        self._loop.forget(connection.fileno())
        try:
            message = loads(connection.recv(MESSAGE_BYTES))
            verb, options, operands = self._understand(message)
        except (ValueError, KeyError, TypeError, AssertionError, OSError):
            connection.close()
            return

        def done(ok: bool, told: Any, code: str) -> None:
            was_sent = _reply(connection, ok, told, code)
            if ok and verb == "exec" and was_sent:
                self.on_session(connection, told)
            else:
                connection.close()

        process = message.get("process")
        self._answer(verb, lambda: make_request(verb, options, operands, process), done)

    def _answer(self, verb: str, request: Callable[[], dict[str, object]], reply: Done) -> None:
        """Serve a request; ``reply`` hears of it once, whatever happens.

        Else its caller would wait for ever, and so should we at our end.
        """
        answered = False

        def done(ok: bool, told: Any, code: str) -> None:
            nonlocal answered
            if not answered:
                answered = True
                self.open_replies -= 1
                reply(ok, told, code)

        self.open_replies += 1
        try:
            self._serve(verb, request(), done)
        except ScrunError as err:
            done(False, str(err), err.code)
        except Exception as err:
            log.bug(err, verb)
            done(False, f"internal error: {type(err).__name__}: {err}", "BUG")

    def _understand(self, message: dict[str, object]) -> tuple[str, dict[str, object], list[str]]:
        verb, options, operands = message["verb"], message["options"], message["operands"]
        if verb not in self._verbs:
            raise ValueError(verb)
        assert isinstance(options, dict) and isinstance(operands, list)
        return str(verb), options, operands


def make_request(
    verb: str, options: Mapping[str, object], operands: list[str], process: object = None
) -> dict[str, object]:
    """Return what the policy of a verb is asked with.

    Args:
        operands: behind the container's ID. process: of ``exec --process``.
    """
    request: dict[str, object] = dict(options)
    if verb == "exec":
        request |= {"args": operands, "process": process}
    if verb == "ps":
        request["args"] = operands
    if verb == "kill":
        request["signal"] = parse_signal(operands[0] if operands else "TERM")[1]
    return request


def encode_reply(ok: bool, told: Any, code: str) -> bytes:
    """Return what a caller gets: the verb's value, or the reason why not."""
    if ok:
        return dumps({"ok": True, "value": told})
    return dumps({"ok": False, "message": told, "code": code})


def _reply(connection: socket, ok: bool, told: Any, code: str) -> bool:
    """Send the answer of a verb, or why it cannot be sent; False: that is not what came."""
    try:
        connection.send(encode_reply(ok, told, code))
        return True
    except OSError as err:
        if err.errno != EMSGSIZE:
            log.debug("the caller of a verb did not wait for the answer")
            return False
        text, name = "the answer is longer than the kernel lets a message be", "EMSGSIZE"
    except (ValueError, TypeError) as err:  # a site's verb
        text, name = f"the answer cannot be sent: {err}", "BAD_ANSWER"
    _reply(connection, False, text, name)
    return False
