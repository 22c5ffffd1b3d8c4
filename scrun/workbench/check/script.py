"""One script under check: its tree, its scopes, and the questions that rules ask of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from scrun.workbench.catalog import Catalog, Entry, Parameter, load
from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule, Severity
from scrun.workbench.check.host import Host, host
from scrun.workbench.check.parse import Tree
from scrun.workbench.check.scope import Scopes, Value, Variable, resolve
from scrun.workbench.check.source import Source

ScriptType = Literal["scrun", "job_submit", "cli_filter", "burst_buffer", "module", "spec"]
STRING_METHODS = frozenset(
    ("byte", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep", "sub", "upper")
)
ONE_RESULT = frozenset(
    (
        *("string.format", "tostring", "table.concat", "string.lower", "string.upper", "type"),
        *("string.rep", "string.len", "tonumber", "os.time", "os.date", "math.floor", "rawget"),
    )
)  # calls that give one value, wherever they stand
MODULE = "@"  # `require 'json'` is named @json


@dataclass(frozen=True, slots=True)
class Options:
    """How scripts are checked.

    Attributes:
        script_type: None: by the file's name and what is in it.
        dialect: one of ``engines.DIALECTS``; None: the site's, or 5.4.
        site_dialect: that of the site's settings, which does not hold for its verbs.
        all_dialects: syntax in each of them, too.
        slurm_version: one of `scrun.workbench.catalog.VERSIONS`; None: what this program offers.
        globals: names that the site defines elsewhere.
        site_dir: where ``require`` finds the site's modules; None: by the file's place.
    """

    script_type: ScriptType | None = None
    dialect: str | None = None
    site_dialect: str | None = None
    all_dialects: bool = False
    slurm_version: str | None = None
    globals: frozenset[str] = frozenset()
    site_dir: str | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call by the name of what is called: ``s:format(x)`` is string.format of s and x."""

    node: n.Call | n.MethodCall
    name: str
    arguments: list[n.Expression]


@dataclass
class Script:
    """A parsed script.

    Attributes:
        dialect: the Lua that it is for.
        site_dir: where its modules are.
        found_globals: names that modules and files which it loads make global.
        is_whole: it is what Slurm loads, and not one of the files of such a script.
    """

    source: Source
    tree: Tree
    options: Options
    script_type: ScriptType
    dialect: str
    site_dir: str | None = None
    found_globals: frozenset[str] = frozenset()
    is_whole: bool = True
    catalog: Catalog = field(default_factory=load)

    @cached_property
    def scopes(self) -> Scopes:
        """What its names are."""
        return resolve(self.tree.root)

    @property
    def host(self) -> Host:
        """What its state has."""
        return host(self.dialect)

    @cached_property
    def slurm_type(self) -> str:
        """The script type whose ``slurm`` table it sees."""
        own = ("module", "spec")
        return "scrun" if self.script_type in own else self.script_type

    @cached_property
    def slurm_names(self) -> set[str]:
        """What it can use of ``slurm``, and Slurm's global functions."""
        return self.catalog.known_names(self.slurm_type, self.options.slurm_version)

    @cached_property
    def nodes(self) -> list[n.Node]:
        """All of the tree, in the order of the source."""
        return list(self.tree.root.walk())

    @cached_property
    def functions(self) -> list[n.Function]:
        """All functions, the main chunk first."""
        return [node for node in self.nodes if isinstance(node, n.Function)]

    @cached_property
    def calls(self) -> list[Invocation]:
        """All calls of what has a name."""
        found = (self.invocation(node) for node in self.nodes)
        return [one for one in found if one is not None]

    @cached_property
    def entries(self) -> list[tuple[Entry, n.Function]]:
        """The entry functions that it defines as globals, and what they are for."""
        found = []
        for use in self.scopes.writes:
            entry = self.catalog.entries.get(use.name)
            function = use.value.expression if use.value else None
            if entry and entry.script_type == self.slurm_type and isinstance(function, n.Function):
                found.append((entry, function))
        return found

    @cached_property
    def entry_parameters(self) -> dict[Variable, Parameter]:
        """The parameters of the entry functions, and what Slurm gives them."""
        found = {}
        for entry, function in self.entries:
            for name, parameter in zip(function.parameters, entry.parameters, strict=False):
                found[self.scopes.bindings[name]] = parameter
        return found

    # -- names -------------------------------------------------------------------------------

    def name_of(self, node: n.Expression, depth: int = 8) -> str | None:
        """Return the dotted name of what an expression is: ``slurm.log_info``, ``@json.decode``.

        Locals that are given one thing and keep it are seen through; ``@`` marks a module.
        """
        node = n.strip(node)
        if isinstance(node, n.Name):
            variable = self.scopes.bindings.get(node)
            if variable is None:
                return node.id
            value = variable.only_value
            if value is None or value.expression is None or value.index or not depth:
                return None
            return self.name_of(value.expression, depth - 1)
        if isinstance(node, n.Index) and node.field is not None and depth:
            name = self.name_of(node.object, depth - 1)
            if name is None:
                return None
            return node.field if name in ("_G", "_ENV") else f"{name}.{node.field}"
        if isinstance(node, n.Call) and self.scopes.is_global(node.function, "require"):
            argument = node.arguments[0] if len(node.arguments) == 1 else None
            return MODULE + argument.text if isinstance(argument, n.String) else None
        return None

    def invocation(self, node: n.Node) -> Invocation | None:
        """Return a call by name; None for other nodes and for what has no name."""
        if isinstance(node, n.Call):
            name = self.name_of(node.function)
            return Invocation(node, name, node.arguments) if name else None
        if isinstance(node, n.MethodCall):
            method = node.method.text
            if method in STRING_METHODS:
                return Invocation(node, f"string.{method}", [node.object, *node.arguments])
            name = self.name_of(node.object)
            if name:
                return Invocation(node, f"{name}:{method}", [node.object, *node.arguments])
        return None

    def argument_count(self, called: Invocation) -> tuple[int, int | None]:
        """Return the least and the greatest number of a call's arguments; None: any."""
        number = len(called.arguments)
        if number and n.is_multiple(called.arguments[-1]):
            inner = self.invocation(called.arguments[-1])
            if inner is None or inner.name not in ONE_RESULT:
                return number - 1, None
        return number, number

    def function_of(self, node: n.Expression) -> n.Function | None:
        """Return the function of this script that an expression is, if it is always that one."""
        node = n.strip(node)
        if isinstance(node, n.Function):
            return node
        if isinstance(node, n.Name):
            variable = self.scopes.bindings.get(node)
            value = variable.only_value if variable else self._only_global(node.id)
            if value is not None and isinstance(value.expression, n.Function) and not value.index:
                return value.expression
            return None
        if isinstance(node, n.Index):
            return self._members.get(self.key_of(node) or ())
        return None

    def _only_global(self, name: str) -> Value | None:
        writes = [use for use in self.scopes.writes if use.name == name]
        return writes[0].value if len(writes) == 1 else None

    @cached_property
    def _members(self) -> dict[tuple[object, ...], n.Function]:
        """The functions that are a table's members, by their keys; none that are replaced."""
        found: dict[tuple[object, ...], list[n.Expression]] = {}
        for node in self.nodes:
            if isinstance(node, n.Assign):
                for target, value in zip(node.targets, node.values, strict=False):
                    key = self.key_of(target)
                    if key is not None and len(key) > 1:
                        found.setdefault(key, []).append(value)
        return {
            key: values[0]
            for key, values in found.items()
            if len(values) == 1 and isinstance(values[0], n.Function)
        }

    def key_of(self, node: n.Expression) -> tuple[object, ...] | None:
        """Return what names a place: a variable or a global, and the literal fields behind it."""
        node = n.strip(node)
        if isinstance(node, n.Name):
            return (self.scopes.bindings.get(node) or node.id,)
        if isinstance(node, n.Index):
            key = node.key
            if isinstance(key, (n.String, n.Number)):
                before = self.key_of(node.object)
                return None if before is None else (*before, key.value)
        return None

    # -- findings ----------------------------------------------------------------------------

    def finding(
        self,
        rule: Rule,
        node: n.Node,
        message: str,
        *,
        advice: str | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """Return a finding at a node; of several lines, only the first is marked."""
        end = node.end
        first = self.source.line_of(node.start)
        if self.source.line_of(end) != first:
            end = node.start + len(self.source.data[node.start : end].split(b"\n")[0].rstrip(b"\r"))
        return Finding(
            self.source.path,
            self.source.place(node.start, end),
            rule.name,
            severity or rule.severity,
            message,
            advice or rule.advice,
        )

    def text(self, node: n.Node, limit: int = 40) -> str:
        """Return a node's source in one line, for messages."""
        text = " ".join(self.source.text(node.start, node.end).split())
        return text if len(text) <= limit else text[: limit - 3] + "..."

    def line(self, node: n.Node) -> int:
        """Return the line of a node."""
        return self.source.line_of(node.start)

    def function_at(self, node: n.Node) -> n.Function:
        """Return the function that a node is in."""
        for above in node.ancestors():
            if isinstance(above, n.Function):
                return above
        return self.tree.root

    def statements(self) -> Iterator[n.Statement]:
        """Yield all statements."""
        return (node for node in self.nodes if isinstance(node, n.Statement))
