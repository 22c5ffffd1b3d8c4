"""Read YAML for ``slurm.from_yaml``, by PyYAML where it is installed.

Plain scalars mean what the core schema of YAML 1.2 says: null, true, false, integers and floats;
``yes``, ``on``, ``1:30`` and dates are strings, which PyYAML's own loaders would change. Keys are
strings, a key that comes twice counts as its last. JSON never comes here: it is read in Lua.
Source: YAML 1.2.2, "10.3.2. Tag Resolution".
"""

from __future__ import annotations

from scrun.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TAG = "tag:yaml.org,2002:"
_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {"true": True, "True": True, "TRUE": True}
_BOOLEANS |= {"false": False, "False": False, "FALSE": False}
_MAX_DEPTH, _MAX_VALUES = 64, 1_000_000  # aliases can make much of little


def read_yaml(text: bytes) -> object:
    """Return the data of the first document.

    Raises:
        ConfigError: no document, or no YAML, as ``line, column: what``; or PyYAML is not installed
            (NO_COMMAND).
    """
    try:
        import yaml  # type: ignore[import-untyped,unused-ignore]  # 10 ms, and rarely needed
    except ImportError as err:
        raise ConfigError(
            "this is YAML beyond JSON, and PyYAML is not installed",
            code="NO_COMMAND",
            hint="Install PyYAML",
        ) from err
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return _Reader(yaml, yaml.parse(text, Loader=loader)).document()
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(f"{place}{err.problem or err.context}") from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise ConfigError(" ".join(str(err).split())) from err


class _Reader:
    """Turns PyYAML's events into data."""

    def __init__(self, yaml: Any, events: Any) -> None:
        self._yaml = yaml
        self._next = iter(events).__next__
        self._anchors: dict[str, object] = {}
        self._count = 0

    def document(self) -> object:
        self._next()  # the stream begins
        if isinstance(self._next(), self._yaml.StreamEndEvent):
            raise ConfigError("the text is empty")
        return self._value(self._next(), 0)

    def _value(self, event: Any, depth: int) -> object:
        yaml = self._yaml
        if depth > _MAX_DEPTH:
            raise _at(event, f"nested more than {_MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _at(event, f"no anchor {event.anchor!r} before this")
            value = self._anchors[event.anchor]
            self._account(event, _size(value))
            return value
        self._account(event, 1)
        value = self._fresh(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _fresh(self, event: Any, depth: int) -> object:
        yaml = self._yaml
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[object] = []
            while not isinstance(event := self._next(), yaml.SequenceEndEvent):
                items.append(self._value(event, depth + 1))
            return items
        members: dict[str, object] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _at(event, "a key that is no scalar")
            self._account(event, 1)
            members[event.value] = self._value(self._next(), depth + 1)
        return members

    def _account(self, event: Any, values: int) -> None:
        self._count += values
        if self._count > _MAX_VALUES:
            raise _at(event, f"more than {_MAX_VALUES} values")


def _scalar(event: Any) -> object:
    text: str = event.value
    tag = event.tag
    if tag is None or tag == "!":
        # Quoted text, and text after a lone "!", is a string whatever it looks like.
        return _plain(text) if event.implicit[0] and tag is None else text
    kind = tag.removeprefix(_TAG)
    if kind == "str" or kind == tag:
        return text
    if kind == "float":
        number = _number(text)
        if number is not None:
            return float(number)
    value = _plain(text)
    wanted = {"null": type(None), "bool": bool, "int": int}.get(kind)
    if wanted is None or type(value) is not wanted:
        raise _at(event, f"{text!r} is no !!{kind}")
    return value


def _plain(text: str) -> object:
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> int | float | None:
    digits = text.lstrip("+-") if text[:1] in "+-" and text[1:2] not in "+-" else text
    if not digits or "_" in digits or not digits.isascii():
        return None
    try:
        if digits[:2] in ("0x", "0o"):
            return int(digits, 0) if digits is text else None
        if digits.isdigit():
            return int(text)
        if digits.lower() == ".inf":
            return float(text.replace(".", "", 1))
        if digits[0] in ".0123456789":
            return float(text)
    except ValueError:
        pass
    return float("nan") if text in (".nan", ".NaN", ".NAN") else None


def _size(value: object) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(_size, value))
    return 1


def _at(event: Any, what: str) -> ConfigError:
    mark = event.start_mark
    return ConfigError(f"line {mark.line + 1}, column {mark.column + 1}: {what}")
