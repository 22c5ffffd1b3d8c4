"""The anchor's socket: who asks gets an answer, whatever becomes of the verb."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from socket import AF_UNIX, SOCK_SEQPACKET, socket
from typing import Any

import pytest

from scrun.anchor.server import Server
from scrun.errors import StateError
from scrun.host.loop import Loop
from scrun.hot.wire import dumps, loads

Done = Callable[[bool, Any, str], None]


def ask(loop: Loop, directory: Path, verb: str, operand: str) -> dict[str, object]:
    """Return the one answer to a request; there is an end after it."""
    with socket(AF_UNIX, SOCK_SEQPACKET) as caller:
        caller.settimeout(60)
        caller.connect(f"{directory}/anchor.sock")
        caller.send(dumps({"verb": verb, "id": "web", "options": {}, "operands": [operand]}))
        for _ in range(2):  # the connection, what it brings
            loop.run_once()
        answer: dict[str, object] = loads(caller.recv(65536))
        assert caller.recv(65536) == b""
    return answer


def fail(_verb: str, _request: dict[str, object], _done: Done) -> None:
    """Serve nobody."""
    raise RuntimeError("a mistake of ours")


def refuse(_verb: str, _request: dict[str, object], _done: Done) -> None:
    """Refuse as the policy does."""
    raise StateError("it is ending", code="BAD_STATE")


def answer_twice(_verb: str, _request: dict[str, object], done: Done) -> None:
    """Answer, and fail after it."""
    done(True, None, "")
    raise RuntimeError("a mistake of ours")


@pytest.mark.parametrize(
    ("serve", "reply"),
    [
        (
            fail,
            {
                "ok": False,
                "message": "internal error: RuntimeError: a mistake of ours",
                "code": "BUG",
            },
        ),
        (refuse, {"ok": False, "message": "it is ending", "code": "BAD_STATE"}),
        (answer_twice, {"ok": True, "value": None}),
    ],
)
def test_a_verb_that_fails_is_answered(
    tmp_path: Path, serve: Callable[[str, dict[str, object], Done], None], reply: dict[str, object]
) -> None:
    """The anchor stays as long as an answer is owed: one that never came would keep it for ever."""
    loop = Loop()
    server = Server(loop, str(tmp_path), ["kill"], serve)
    assert ask(loop, tmp_path, "kill", "1") == reply
    assert server.open_replies == 0


@pytest.mark.parametrize(
    ("told", "code"),
    [("x" * 1_000_000, "EMSGSIZE"), (object(), "BAD_ANSWER")],
    ids=["too long", "of no kind that can be sent"],
)
def test_an_answer_that_cannot_be_sent(tmp_path: Path, told: object, code: str) -> None:
    """The caller hears why, at once."""
    loop = Loop()
    server = Server(
        loop, str(tmp_path), ["exec"], lambda _verb, _request, done: done(True, told, "")
    )
    adopted: list[object] = []
    server.on_session = lambda connection, _: adopted.append(connection)
    assert ask(loop, tmp_path, "exec", "true")["code"] == code
    assert (server.open_replies, adopted) == (0, [])


def test_a_signal_that_is_none(tmp_path: Path) -> None:
    """It is refused with the reason, and the policy is not asked."""
    loop = Loop()
    server = Server(loop, str(tmp_path), ["kill"], fail)
    told = ask(loop, tmp_path, "kill", "NOSUCH")
    assert not told["ok"] and "NOSUCH" in str(told["message"])
    assert server.open_replies == 0
