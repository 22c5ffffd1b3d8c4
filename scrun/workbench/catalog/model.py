"""The catalog's facts as objects. Names are spelled as scripts spell them: ``slurm.log_info``.

``since`` and ``removed`` are Slurm versions: the first that has something, and the first that has
it no more; None: before 24.05, and never.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

VERSIONS = ("24.05", "24.11", "25.05", "25.11", "26.05")
SCRIPT_TYPES = ("scrun", "job_submit", "cli_filter", "burst_buffer")
ALIKE = 0.6  # difflib's ratio from which a name is offered in place of an unknown one


def is_in(version: str | None, since: str | None, removed: str | None) -> bool:
    """Tell whether a version of Slurm (None: any) has what came and went with these."""
    if version is None:
        return True
    return (since is None or since <= version) and (removed is None or version < removed)


class Known:
    """What script types and versions of Slurm have.

    Attributes:
        script_types: where Slurm has it.
        ours: script types in which this program has it and Slurm, in some version, has not.
    """

    script_types: frozenset[str]
    ours: frozenset[str]
    since: str | None
    removed: str | None

    def is_known(self, script_type: str | None = None, version: str | None = None) -> bool:
        """Tell whether scripts of a type (None: any) have it in a version of Slurm.

        Without a version: whether they have it here, in this program.
        """
        if script_type is None:
            return any(self.is_known(one, version) for one in SCRIPT_TYPES)
        if version is None and script_type in self.ours:
            return True
        return script_type in self.script_types and is_in(version, self.since, self.removed)


@dataclass(frozen=True)
class Parameter:
    """What a function takes; ``optional``: a call may leave it out."""

    name: str
    type: str
    meaning: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Return:
    """What a function gives; ``type`` as LuaLS writes it."""

    type: str
    meaning: str = ""
    name: str | None = None


@dataclass(frozen=True)
class Function(Known):
    """A function that scripts call.

    Attributes:
        variadic: takes any number of values after ``parameters``.
        overloads: other lists of parameters that do as well.
    """

    name: str
    meaning: str
    parameters: tuple[Parameter, ...] = ()
    variadic: bool = False
    returns: tuple[Return, ...] = ()
    example: str = ""
    script_types: frozenset[str] = frozenset(SCRIPT_TYPES)
    ours: frozenset[str] = frozenset()
    since: str | None = None
    removed: str | None = None
    overloads: tuple[tuple[Parameter, ...], ...] = ()
    note: str = ""

    kind = "function"

    @property
    def signature(self) -> str:
        """``slurm.log_info(format, ...)``, optional parameters in brackets."""
        return sign(self.name, self.parameters, variadic=self.variadic)

    @property
    def min_arguments(self) -> int:
        """The least number of arguments."""
        lists = (self.parameters, *self.overloads)
        return min(sum(not one.optional for one in parameters) for parameters in lists)

    @property
    def max_arguments(self) -> int | None:
        """The greatest number of arguments; None: any."""
        if self.variadic:
            return None
        return max(len(parameters) for parameters in (self.parameters, *self.overloads))


@dataclass(frozen=True)
class Value(Known):
    """A member of ``slurm`` that is neither a function nor a number of Slurm's."""

    name: str
    type: str
    meaning: str
    example: str = ""
    script_types: frozenset[str] = frozenset(SCRIPT_TYPES)
    ours: frozenset[str] = frozenset()
    since: str | None = None
    removed: str | None = None
    note: str = ""

    kind = "value"

    @property
    def signature(self) -> str:
        """The name and its type."""
        return f"{self.name}: {self.type}"


@dataclass(frozen=True)
class Constant:
    """A number with a name, such as ``slurm.ESLURM_INVALID_QOS``.

    ``versions``: the ones of `VERSIONS` that have it; none: a newer Slurm has it. ``group``:
    ``error`` or ``number``.
    """

    name: str
    value: int
    versions: frozenset[str]
    meaning: str = ""
    group: str = ""

    kind = "constant"

    @property
    def signature(self) -> str:
        """``slurm.ERROR = -1``."""
        return f"{self.name} = {self.value}"

    def is_known(self, script_type: str | None = None, version: str | None = None) -> bool:
        """As `Known.is_known`: scripts of all types have the same constants."""
        return version is None or version in self.versions


@dataclass(frozen=True)
class Entry:
    """A global function that Slurm calls, and a script defines."""

    name: str
    script_type: str
    required: bool
    meaning: str
    parameters: tuple[Parameter, ...] = ()
    variadic: bool = False
    returns: tuple[Return, ...] = ()
    since: str | None = None
    removed: str | None = None
    example: str = ""
    note: str = ""

    kind = "entry"

    @property
    def signature(self) -> str:
        """``slurm_job_submit(job_desc, part_list, submit_uid)``."""
        return sign(self.name, self.parameters, variadic=self.variadic)

    def is_known(self, script_type: str | None = None, version: str | None = None) -> bool:
        """Tell whether Slurm calls it in scripts of this type and version."""
        return script_type in (None, self.script_type) and is_in(version, self.since, self.removed)


@dataclass(frozen=True)
class Field:
    """A field of a record.

    Attributes:
        access: ``r``, ``rw``, or ``w`` for what only the script writes.
        unset: what it is when nobody has asked for it: ``NO_VAL16`` of ``slurm``, or an option's
            text; "": nil, or nothing special.
        alias: the field that this is another name of.
        commands: of the record ``options``: the commands that take it; none: all of them.
    """

    name: str
    type: str
    access: str = "r"
    meaning: str = ""
    since: str | None = None
    removed: str | None = None
    unset: str = ""
    alias: str = ""
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record(Known):
    """A table that Slurm hands to a script: ``job_desc``. Its fields are read and set by name.

    ``base``: the type of a table whose keys are no fixed names: ``table<string, part_rec>``.
    """

    name: str
    meaning: str
    fields: tuple[Field, ...] = ()
    base: str = ""
    script_types: frozenset[str] = frozenset(SCRIPT_TYPES)
    ours: frozenset[str] = frozenset()
    since: str | None = None
    removed: str | None = None
    example: str = ""
    note: str = ""

    kind = "record"

    @property
    def signature(self) -> str:
        """Its name."""
        return self.name

    def nearest(self, name: str) -> list[str]:
        """Return up to three names of fields like this one, with the record's before it or not."""
        names = [one.name for one in self.fields]
        return difflib.get_close_matches(name.removeprefix(f"{self.name}."), names, 3, ALIKE)

    def find(self, name: str, version: str | None = None) -> Field | None:
        """Return the field of a name, if the version has it."""
        for one in self.fields:
            if one.name == name and is_in(version, one.since, one.removed):
                return one
        return None


Item = Function | Value | Constant | Entry | Record


@dataclass(frozen=True)
class Catalog:
    """Everything, by name."""

    functions: Mapping[str, Function]
    values: Mapping[str, Value]
    constants: Mapping[str, Constant]
    entries: Mapping[str, Entry]
    records: Mapping[str, Record]

    def items(self) -> Iterator[Item]:
        """All of it, functions first."""
        yield from self.functions.values()
        yield from self.values.values()
        yield from self.constants.values()
        yield from self.entries.values()
        yield from self.records.values()

    def find(self, name: str) -> Item | None:
        """Return what is called so, with ``slurm.`` before it or without.

        Ignored: a pair of parentheses behind it, and case when nothing else fits.
        """
        name = name.strip().removesuffix("()")
        for spelling in (name, f"slurm.{name}"):
            for table in self._tables:
                if spelling in table:
                    return table[spelling]
        lower = {name.lower(), f"slurm.{name}".lower()}
        return next((item for item in self.items() if item.name.lower() in lower), None)

    def find_field(self, name: str) -> tuple[Record, Field] | None:
        """Return the field that ``job_desc.partition`` names, and its record."""
        record_name, _, field_name = name.partition(".")
        record = self.records.get(record_name)
        found = record.find(field_name) if record else None
        return (record, found) if record and found else None

    def nearest(self, name: str, among: set[str] | None = None) -> list[str]:
        """Return up to three names like this one, the nearest first.

        Args:
            among: these only, such as `known_names` gave; None: all of the catalog's.
        """
        names = among if among is not None else {item.name for item in self.items()}
        short = {one.removeprefix("slurm.").lower(): one for one in sorted(names)}
        wanted = name.removeprefix("slurm.").removesuffix("()").lower()
        return [short[one] for one in difflib.get_close_matches(wanted, short, 3, ALIKE)]

    def known_names(self, script_type: str = "scrun", version: str | None = None) -> set[str]:
        """Return what a script of this type can use of ``slurm``, and Slurm's global functions.

        Args:
            version: one of `VERSIONS`: what that Slurm has; None: what this program has.
        """
        usable = (self.functions, self.values, self.constants)
        return {
            item.name
            for table in usable
            for item in table.values()
            if item.is_known(script_type, version)
        }

    def entries_of(self, script_type: str, version: str | None = None) -> list[Entry]:
        """Return the functions that a script of this type defines, in the order of their calls."""
        return [entry for entry in self.entries.values() if entry.is_known(script_type, version)]

    @property
    def _tables(self) -> tuple[Mapping[str, Item], ...]:
        return (self.functions, self.values, self.constants, self.entries, self.records)


def sign(name: str, parameters: tuple[Parameter, ...], *, variadic: bool = False) -> str:
    """Return a call as a manual writes it, optional parameters in brackets at the end."""
    text = ""
    for parameter in parameters:
        word = f", {parameter.name}" if text else parameter.name
        text += f"[{word}]" if parameter.optional else word
    if variadic:
        text += ", ..." if text else "..."
    return f"{name}({text})"
