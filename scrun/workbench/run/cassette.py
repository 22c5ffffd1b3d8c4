"""A cassette: what the commands of a run answered, for a run without them.

A CBOR document (RFC 8949) behind the self-described tag: a map with the header ``scrun:
"cassette"``, a version, the job, the config.json and the commands in order. Paths that are another
in every run stand in it as ``%{scrun:NAME}``. It holds the job's environment: its mode is 0600.
"""

from __future__ import annotations

import dataclasses
import io
import os
import re
from collections.abc import Mapping
from typing import Any

import cbor2

from scrun.errors import ConfigError
from scrun.workbench.run.events import Command, decode

HEADER = "cassette"
VERSION = 1
MAGIC = b"\xd9\xd9\xf7"  # tag 55799, "self-described CBOR"
FUNCTIONS = ("load", "stage_in", "stage_out")
# Type of each member of a recorded command.
_MEMBERS: dict[str, tuple[type, ...]] = {
    "function": (str,),
    "kind": (str,),
    "words": (list,),
    "options": (dict,),
    "status": (int,),
    "output": (bytes,),
    "stderr": (bytes, type(None)),
    "seconds": (float, int),
    "failure": (list, type(None)),
}
_FACTS: dict[str, tuple[type, ...]] = {
    "container_id": (str,),
    "job_id": (int,),
    "nodes": (str,),
    "user": (str,),
    "uid": (int,),
    "gid": (int,),
    "cluster_name": (str,),
    "job_env": (list,),
}


class Places:
    """The directories of a run, by the names that cassettes have for them."""

    def __init__(self, places: Mapping[str, str]) -> None:
        pairs = [
            (os.fsencode(path), f"%{{scrun:{name}}}".encode()) for name, path in places.items()
        ]
        pairs.sort(key=lambda pair: -len(pair[0]))  # the innermost first
        self._names = dict(reversed(pairs))
        self._paths = {name: path for path, name in pairs}
        choice = b"|".join(re.escape(path) for path, _ in pairs)
        self._found = re.compile(rb"(?<![\w.-])(?:" + choice + rb")(?![\w.-])") if pairs else None
        named = b"|".join(re.escape(name) for _, name in pairs)
        self._named = re.compile(named) if pairs else None

    def hide(self, data: bytes) -> bytes:
        """Return text with names for the directories."""
        if self._found is None:
            return data
        return self._found.sub(lambda match: self._names[match[0]], data)

    def show(self, data: bytes) -> bytes:
        """Return text with the directories for their names."""
        if self._named is None:
            return data
        return self._named.sub(lambda match: self._paths[match[0]], data)

    def hide_command(self, command: Command) -> Command:
        """Return a command with names for the directories."""
        return _map_command(command, self.hide)

    def show_command(self, command: Command) -> Command:
        """Return a command with the directories for their names."""
        return _map_command(command, self.show)


@dataclasses.dataclass
class Cassette:
    """What a cassette holds.

    Attributes:
        dialect: that the script ran under.
        script: its file name. ``backend``: where the commands ran. ``created``: when, in UTC.
        job: container_id, job_id, nodes, user, uid, gid, cluster_name, job_env.
        config: the bundle's config.json.
        staged: the paths that stage_in set, by ``bundle`` and ``root``.
        commands: with the function that each belongs to.
    """

    dialect: str
    script: str
    backend: str
    created: str
    job: dict[str, Any]
    config: bytes
    staged: dict[str, str]
    commands: list[tuple[str, Command]]

    def write(self, path: str) -> None:
        """Write the file, whole or not at all.

        Raises:
            ConfigError: it cannot be written.
        """
        members = {
            "scrun": HEADER,
            "version": VERSION,
            **{f.name: getattr(self, f.name) for f in dataclasses.fields(self)},
            "commands": [_pack(function, command) for function, command in self.commands],
        }
        data = MAGIC + cbor2.dumps(members)
        temporary = f"{path}.{os.getpid()}.tmp"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(temporary, flags, 0o600)
            try:
                with open(fd, "wb") as file:
                    file.write(data)
                os.rename(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError as err:
            reason = (err.strerror or str(err)).lower()
            raise ConfigError(f"write cassette {path}: {reason}") from err


def read_cassette(path: str) -> Cassette:
    """Return the cassette in a file.

    Raises:
        ConfigError: it cannot be read, is something else, cut short, or of another version.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as err:
        reason = (err.strerror or str(err)).lower()
        raise ConfigError(f"read cassette {path}: {reason}") from err
    members: Any = None
    stream = io.BytesIO(data.removeprefix(MAGIC))
    if data.startswith(MAGIC):
        try:
            members = cbor2.CBORDecoder(stream).decode()
        except (cbor2.CBORDecodeError, EOFError) as err:
            if isinstance(err, EOFError) or type(err).__name__.endswith("EOF"):
                raise ConfigError(f"cassette {path}: it is cut short") from None
        except (ValueError, RecursionError, MemoryError, OverflowError):
            members = None
    if not isinstance(members, dict) or members.get("scrun") != HEADER:
        raise ConfigError(f"cassette {path}: it is no cassette of scrun")
    if members.get("version") != VERSION:
        raise ConfigError(
            f"cassette {path}: it is of version {members.get('version')!r}, not {VERSION}",
            hint="record it again",
        )
    if stream.read(1):
        raise ConfigError(f"cassette {path}: something follows its end")
    try:
        return _unpack_all(members)
    except (KeyError, TypeError, ValueError) as err:
        raise ConfigError(f"cassette {path}: it is damaged: {err}") from None


def _pack(function: str, command: Command) -> dict[str, object]:
    members = {name: getattr(command, name) for name in _MEMBERS if name != "function"}
    return {"function": function, **members}


def _unpack_all(members: dict[str, Any]) -> Cassette:
    _check(members, {"dialect": (str,), "script": (str,), "backend": (str,), "created": (str,)})
    _check(members, {"job": (dict,), "config": (bytes,), "staged": (dict,), "commands": (list,)})
    _check(members["job"], _FACTS)
    for entry in members["job"]["job_env"]:
        if not isinstance(entry, bytes):
            raise ValueError("job_env")
    return Cassette(
        **{f.name: members[f.name] for f in dataclasses.fields(Cassette) if f.name != "commands"},
        commands=[_unpack(entry) for entry in members["commands"]],
    )


def _unpack(entry: Any) -> tuple[str, Command]:
    if not isinstance(entry, dict):
        raise ValueError("commands")
    _check(entry, _MEMBERS)
    if not entry["words"] or not all(isinstance(word, bytes) for word in entry["words"]):
        raise ValueError("words")
    values = {name: entry[name] for name in _MEMBERS if name != "function"}
    if values["failure"] is not None:
        message, code = values["failure"]
        values["failure"] = (str(message), str(code))
    return entry["function"], Command(**values)


def _check(members: dict[str, Any], kinds: Mapping[str, tuple[type, ...]]) -> None:
    for name, kind in kinds.items():
        if not isinstance(members.get(name), kind):
            raise ValueError(name)


def _map_command(command: Command, change: Any) -> Command:
    options = {
        name: change(value) if isinstance(value, bytes) else value
        for name, value in command.options.items()
    }
    return dataclasses.replace(
        command,
        words=[change(word) for word in command.words],
        options=options,
        output=change(command.output),
        stderr=None if command.stderr is None else change(command.stderr),
        failure=None
        if command.failure is None
        else (decode(change(command.failure[0].encode())), command.failure[1]),
    )
