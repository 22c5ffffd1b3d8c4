"""The loop: who hears of what."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from scrun.host.loop import Loop


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
