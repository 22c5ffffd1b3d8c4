"""The line syntax of Slurm's configuration files, as oci.conf is written in.

One ``Key=Value`` a line; a value with blanks stands in double quotes; ``#`` begins a comment
(even inside quotes); a backslash at the end continues the line and elsewhere makes the next
character plain, so two are one; ``Include FILE`` reads another file.
Source: Slurm 24.11, oci.conf(5), slurm.conf(5) and how slurmstepd reads them.
"""

from __future__ import annotations

import posix

from scrun.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT, FETCHED = "/etc/slurm/slurm.conf", "/run/slurm/conf/slurm.conf"
MAX_INCLUDES = 16  # files within files; more is a circle
BLANKS = " \t\r\n\v\f"
KEY_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")
CANDIDATES = ("c", "C", "i", "I")  # how lines of ClusterName and Include begin
OPERATORS = "-*+/"  # `Key+=Value`: meaningful in other files of Slurm, accepted in all


def read_settings(path: str, depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """Yield (key as written, value, ``file:line``) for each setting, includes in their place.

    Odd bytes come through as surrogates. A relative include counts from ``path``'s directory.

    Raises:
        ConfigError: a file that cannot be read, a line that is no setting, too many includes.
    """
    if depth > MAX_INCLUDES:
        raise ConfigError(f"{path}: more than {MAX_INCLUDES} files include one another")
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            lines = file.read().split("\n")
    except OSError as err:
        raise ConfigError(f"{path}: {(err.strerror or str(err)).lower()}") from None
    for number, text in join_lines(lines):
        place = f"{path}:{number}"
        included = _split_include(text)
        if included is not None:
            yield from read_settings(_locate_include(included, path, place), depth + 1)
            continue
        setting = split_setting(text)
        if setting is None:
            raise ConfigError(f"{place}: expected Key=Value, found {text.strip()!a}")
        yield (*setting, place)


def default_slurm_conf() -> str:
    """Return the slurm.conf of this machine, where it would be if there is none.

    Without one of its own it may have what slurmd has fetched ("configless"), scrun.lua and
    oci.conf with it. Source: src/common/read_config.c, _establish_config_source.
    """
    for path in (DEFAULT, FETCHED):
        try:
            posix.stat(path)
        except OSError:
            continue
        return path
    return DEFAULT


def find_cluster_name(path: str) -> str | None:
    """Return the ClusterName of a slurm.conf and of what it includes; None: there is none.

    As Slurm has it (src/common/parse_config.c, read_config.c): the last one counts, in lower case;
    includes are relative to slurm.conf's directory wherever they stand, and ``%c`` in them is the
    name so far. What cannot be read is passed over: Slurm's commands complain of it themselves.
    """
    directory = path[: path.rfind("/") + 1]
    seen: set[str] = set()  # each file once, or a circle would never end

    def look(file_path: str, name: str | None) -> str | None:
        seen.add(file_path)
        try:
            with open(file_path, encoding="utf-8", errors="surrogateescape") as file:
                lines = file.readlines()
        except (OSError, ValueError):  # a path with a NUL byte is the latter
            return name
        for line in lines:
            if line.lstrip(BLANKS)[:1] not in CANDIDATES:
                continue
            text = _strip_comment(line)
            included = _split_include(text)
            key, _, value = text.partition("=")
            if included is not None:
                next_path = _expand_cluster(included, name, directory)
                if next_path is not None and next_path not in seen:
                    name = look(next_path, name)
            elif key.strip(BLANKS).lower() == "clustername":
                name = value.strip(BLANKS + '"').lower() or name
        return name

    return look(path, None)


def join_lines(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield (number of its first line, text) per logical line that is not blank."""
    collected, first = "", 0
    for number, line in enumerate(lines, 1):
        text = _strip_comment(line)
        kept = _strip_continuation(text)
        first = first or number
        collected += text if kept is None else kept
        if kept is not None and number < len(lines):
            continue
        if collected.strip(BLANKS):
            yield first, _strip_escapes(collected)
        collected, first = "", 0


def split_setting(text: str) -> tuple[str, str] | None:
    """Split ``Key = Value`` or ``Key="quoted value"``; None when the line is anything else."""
    key, equals, rest = text.partition("=")
    key = key.strip(BLANKS)
    if key[-1:] and key[-1] in OPERATORS:
        key = key[:-1].rstrip(BLANKS)
    if not equals or not key or not KEY_CHARACTERS.issuperset(key):
        return None
    rest = rest.strip(BLANKS)
    if rest.startswith('"') and '"' in rest[1:]:
        value, _, after = rest[1:].partition('"')
        if not after:
            return key, value
    if not rest or any(blank in rest for blank in BLANKS):
        return None
    return key, rest


def _strip_comment(line: str) -> str:
    escaped = False
    for index, char in enumerate(line):
        if char == "#" and not escaped:
            return line[:index]
        escaped = char == "\\" and not escaped
    return line


def _strip_continuation(line: str) -> str | None:
    """Return the line without the backslash that continues it, None when it ends here."""
    text = line.rstrip(BLANKS)
    backslashes = len(text) - len(text.rstrip("\\"))
    return text[:-1] if backslashes % 2 else None


def _strip_escapes(text: str) -> str:
    if "\\" not in text:
        return text
    result, characters = [], iter(text)
    for char in characters:
        result.append(next(characters, "") if char == "\\" else char)
    return "".join(result)


def _split_include(text: str) -> str | None:
    words = text.split()
    return words[1] if len(words) == 2 and words[0].lower() == "include" else None


def _expand_cluster(included: str, name: str | None, directory: str) -> str | None:
    """Return the path of a slurm.conf's include; None: Slurm would refuse it."""
    if "*" in included or ("%c" in included and name is None):
        return None
    located = included.replace("%c", name or "")
    return located if located.startswith("/") else directory + located


def _locate_include(name: str, path: str, place: str) -> str:
    if "*" in name or "%" in name:
        raise ConfigError(f"{place}: Include {name}: patterns are not supported in this file")
    return name if name.startswith("/") else path[: path.rfind("/") + 1] + name
