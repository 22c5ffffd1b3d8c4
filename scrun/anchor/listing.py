"""``list``: the containers below the root directory, and the state of each.

A living anchor, or one that has ended, has written the truth down. Of a container whose anchor died
``state`` tells after it has ended the job, which takes as long as Slurm takes: those are asked side
by side, and who does not answer in time is told of as its record has it.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.anchor.recover import run as recover
from scrun.errors import ScrunError, UsageError
from scrun.host.directory import is_locked
from scrun.host.fork import fork
from scrun.host.loop import Loop
from scrun.host.process import Process
from scrun.hot import client
from scrun.hot.parse import Command
from scrun.hot.root import choose_root
from scrun.oci import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, NoReturn

    State = Mapping[str, Any]

COLUMNS = ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")
MEMBERS = ("id", "pid", "status", "bundle", "created", "owner")
NARROWEST, GAP = 12, 3  # runc's table, which scripts cut at blanks
FORMATS = ("table", "json")
PATIENCE_S = 10.0
NO_CONTAINERS = ("~", ".pod-")  # on its way out (hot/remove.py); what a pod's containers share
FAILED, GONE = 1, 2


def run(command: Command) -> int:
    """Print the list.

    Raises:
        UsageError: the format is none.
    """
    options = command.options
    form = str(options.get("format", "table"))
    if form not in FORMATS:
        raise UsageError(f'list: unknown format "{form}"', hint=f"use {' or '.join(FORMATS)}")
    root = choose_root(command.globals.get("root"))
    if options.get("quiet"):
        text = "".join(f"{name}\n" for name, directory in _open_all(root) if _close(directory))
    else:
        states = find_states(root, command.globals)
        text = jsontext.dumps(states) + "\n" if form == "json" else format_table(states)
    data = text.encode("utf-8", "surrogateescape")
    while data:
        data = data[os.write(1, data) :]
    return 0


def find_states(root: str, globals: Mapping[str, Any]) -> list[State]:
    """Return the state documents of the containers below ``root``, by ID.

    Args:
        globals: of the command line, for what the verb ``state`` needs of them.
    """
    known: dict[str, State] = {}
    unknown: dict[str, State | None] = {}
    for name, directory in _open_all(root):
        try:
            document = client.read_file("state.json", directory)
            if not client.is_locked(directory) and not client.has_stopped(document):
                # It may have ended between the two looks.
                document = client.read_file("state.json", directory)
                if not client.has_stopped(document):
                    unknown[name] = _load(document)
                    continue
            state = _load(document)
            if state is not None:
                known[name] = state
        except FileNotFoundError:
            # Its creator has that lock until there is something to tell of.
            if is_locked(f"{root}/{name}") or is_locked(f"{root}/{name}", "recovery"):
                log.debug(f"list: {name}: it is only being created")
            else:
                unknown[name] = None
        finally:
            os.close(directory)
    known.update(_ask(unknown, globals))
    return [known[name] for name in sorted(known)]


def format_table(states: Iterable[State]) -> str:
    """Return lines of columns as wide as runc's."""
    rows = [COLUMNS, *([str(state.get(name, "")) for name in MEMBERS] for state in states)]
    widths = [max(NARROWEST, GAP + max(map(len, column))) for column in zip(*rows, strict=True)]
    return "".join(f"{_format_row(row, widths)}\n" for row in rows)


def _format_row(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    return "".join(cells).rstrip()


def _open_all(root: str) -> Iterable[tuple[str, int]]:
    """Yield name and directory of each container; the directory is the caller's to close."""
    try:
        names = sorted(os.listdir(root))
    except FileNotFoundError:
        return
    for name in names:
        if name.startswith(NO_CONTAINERS):
            continue
        try:
            directory = client.open_container(root, name)
        except (OSError, client.Refused) as err:
            log.debug(f"list: {name}: {str(err) or 'no container'}")
            continue
        try:
            os.stat("lock", dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            log.debug(f"list: {name}: no container of ours")
            os.close(directory)
            continue
        yield name, directory


def _close(directory: int) -> bool:
    os.close(directory)
    return True


def _load(document: bytes) -> State | None:
    try:
        state: Any = jsontext.loads(document)
    except jsontext.JSONSyntaxError:
        return None
    return state if isinstance(state, dict) else None


def _ask(unknown: Mapping[str, State | None], globals: Mapping[str, Any]) -> dict[str, State]:
    """Have ``state`` tell of containers whose anchor died; those that are gone by then are not."""
    found: dict[str, State] = {}
    waiting = set(unknown)
    if not waiting:
        return found
    loop = Loop()

    def ask(name: str) -> None:
        reader, writer = os.pipe2(os.O_CLOEXEC)

        def answer() -> NoReturn:
            null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            for source, target in ((null, 0), (writer, 1), (null, 2)):
                os.dup2(source, target)
            status = FAILED
            try:
                status = recover(Command("state", dict(globals), {}, [name]))
            except (ScrunError, client.Refused) as err:
                status = GONE if err.code == "NOT_FOUND" else FAILED
                os.write(1, str(err).encode("utf-8", "surrogateescape"))
            except BaseException as err:  # the border of a process
                os.write(1, str(err).encode("utf-8", "surrogateescape"))
            finally:
                os._exit(status)

        process = Process(fork(answer))
        os.close(writer)

        def told(text: bytes) -> None:
            loop.when_ended(process, lambda status: settle(name, status, text))

        loop.read_all(reader, told)

    def settle(name: str, status: int, text: bytes) -> None:
        waiting.discard(name)
        state = _load(text) if status == 0 else None
        if state is not None:
            found[name] = state
        elif status != GONE:  # which it is when it had never been created
            give_up(name, text.decode(errors="replace"))

    def give_up(name: str, why: str) -> None:
        log.tell_user(f"list: {name}: its anchor died, and what is of it is not known: {why}")
        state = unknown[name]
        if state is not None:
            found[name] = state

    def late() -> None:
        for name in sorted(waiting):
            give_up(name, f"no answer in {PATIENCE_S:g} s")
        waiting.clear()

    for name in unknown:
        ask(name)
    loop.call_later(PATIENCE_S, late)
    while waiting:
        loop.run_once()
    return found
