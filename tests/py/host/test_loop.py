"""The loop: who hears of what."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial

import pytest

from scrun.host.loop import Loop
from tests.py.waiting import run_until


@pytest.fixture
def pipes() -> Iterator[list[tuple[int, int]]]:
    """Two pipes with something in them."""
    made = [os.pipe(), os.pipe()]
    for _, writer in made:
        os.write(writer, b"x")
    yield made
    for reader, writer in made:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("first", [0, 1])
def test_an_event_is_not_for_who_got_the_number_since(
    pipes: list[tuple[int, int]], first: int
) -> None:
    """Both are ready; whoever is served first closes the other, and opens something new."""
    loop, heard = Loop(), list[str]()
    (one, _), (other, _) = pipes[first], pipes[1 - first]
    empty, filler = os.pipe()

    def served(own: int, victim: int) -> None:
        heard.append("first")
        loop.forget(own)
        loop.forget(victim)
        os.dup2(empty, victim)  # the number now is that of a pipe with nothing in it
        loop.watch(victim, lambda: heard.append("new one"))

    loop.watch(one, lambda: served(one, other))
    loop.watch(other, lambda: served(other, one))
    loop.run_once()
    assert heard == ["first"]
    os.write(filler, b"x")
    loop.run_once()
    assert heard == ["first", "new one"]
    os.close(empty)
    os.close(filler)


def test_a_watch_that_fails_ends_alone(pipes: list[tuple[int, int]]) -> None:
    """And not one that its callback has put in its place."""
    loop, heard = Loop(), list[str]()
    (failing, _), (renewed, _) = pipes

    def fail() -> None:
        heard.append("failing")
        raise ValueError("failing")

    def renew() -> None:
        loop.forget(renewed)
        loop.watch(renewed, lambda: heard.append("new one"))
        raise ValueError("renewed")

    loop.watch(failing, fail)
    loop.watch(renewed, renew)
    loop.run_once()
    loop.call_later(0, lambda: None)  # so that it does not wait for ever
    loop.run_once()
    assert heard == ["failing", "new one"]


def test_a_signal_that_fails_is_not_the_last() -> None:
    """The loop hears of the next one."""
    loop, heard = Loop(), list[int]()

    def take(number: int) -> None:
        heard.append(number)
        raise RuntimeError("a mistake of ours")

    def has_heard(count: int) -> bool:
        return len(heard) == count

    before = signal.getsignal(signal.SIGUSR1)
    try:
        loop.watch_signals([signal.SIGUSR1], take)
        for count in (1, 2):
            os.kill(os.getpid(), signal.SIGUSR1)
            run_until(loop, partial(has_heard, count))
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGUSR1, before)
