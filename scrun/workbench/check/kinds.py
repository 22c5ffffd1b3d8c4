"""What values may be: types as the catalog writes them, numbers, and what may be nil.

Guesses in favour of the script: a variable that is tested anywhere is never taken for nil.
"""

from __future__ import annotations

from scrun.workbench.check import flow
from scrun.workbench.check import nodes as n
from scrun.workbench.check.scope import Value, Variable
from scrun.workbench.check.script import Script

MAY_BE_NIL = {
    **{"io.open": "the file may not open", "os.getenv": "the variable may not be set"},
    **{"tonumber": "the text may be no number", "string.match": "it may not match"},
    **{"string.find": "it may not be found", "rawget": "the field may be absent"},
}
NUMBERS = ("os.time", "os.clock", "os.difftime", "tonumber", "string.len", "string.byte")
NUMBER_TYPES = ("integer", "number")
ARITHMETIC = frozenset(("+", "-", "*", "/", "%", "^", "//", "&", "|", "~", "<<", ">>"))
COMPARISONS = frozenset(("==", "~=", "<", ">", "<=", ">="))
TESTERS = frozenset(("assert", "type", "tostring", "next", "pcall", "select", "math.type"))
DEPTH = 6


class Kinds:
    """Answers for one script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._tested = self._find_tested()

    # -- types -------------------------------------------------------------------------------

    def type_of(self, node: n.Expression, depth: int = DEPTH) -> str | None:
        """Return the type of an expression as the catalog writes it; None: not known."""
        node = n.strip(node)
        if not depth:
            return None
        match node:
            case n.Nil():
                return "nil"
            case n.Boolean():
                return "boolean"
            case n.Number():
                return "number" if isinstance(node.value, float) else "integer"
            case n.String() | n.Concat():
                return "string"
            case n.Table():
                return "table"
            case n.Function():
                return "function"
            case n.Unary():
                return {"not": "boolean", "#": "integer"}.get(node.operator, "number")
            case n.Binary():
                if node.operator in ARITHMETIC:
                    return "number"
                return "boolean" if node.operator in COMPARISONS else None
            case n.Name():
                return self._type_of_name(node, depth)
            case n.Index():
                return self._type_of_index(node, depth)
            case n.Call() | n.MethodCall():
                return self._type_of_call(node, 0)
        return None

    def _type_of_name(self, node: n.Name, depth: int) -> str | None:
        script = self._script
        variable = script.scopes.bindings.get(node)
        if variable is None:
            return None
        parameter = script.entry_parameters.get(variable)
        if parameter is not None:
            return None if variable.writes else parameter.type
        if variable.kind == "parameter":
            return self._type_by_name(variable)
        if variable.kind == "loop":
            return self._type_of_loop(variable, depth)
        types = {self._type_of_value(value, depth - 1) for value in variable.values}
        return types.pop() if len(types) == 1 else None

    def _type_of_value(self, value: Value, depth: int) -> str | None:
        if value.expression is None:
            return "nil"
        if value.index:
            return self._type_of_call(value.expression, value.index)
        return self.type_of(value.expression, depth)

    def _type_by_name(self, variable: Variable) -> str | None:
        """A helper's parameter that is called like an entry function's record is that record."""
        script = self._script
        record = script.catalog.records.get(variable.name)
        if record is None or not record.is_known(script.slurm_type):
            return None
        parameters = (
            parameter
            for entry in script.catalog.entries_of(script.slurm_type)
            for parameter in entry.parameters
        )
        return next((p.type for p in parameters if p.name == variable.name), None)

    def _type_of_loop(self, variable: Variable, depth: int) -> str | None:
        loop = variable.declared.parent
        if isinstance(loop, n.NumericFor):
            return "number"
        if not isinstance(loop, n.GenericFor) or len(loop.values) != 1:
            return None
        called = self._script.invocation(loop.values[0])
        if called is None or called.name not in ("pairs", "ipairs") or not called.arguments:
            return None
        key_type, value_type = _members(self._resolve(self.type_of(called.arguments[0], depth - 1)))
        at = loop.names.index(variable.declared)
        if called.name == "ipairs":
            key_type = "integer"
        return (key_type, value_type)[at] if at < 2 else None

    def _resolve(self, name: str | None) -> str | None:
        """Return the type that a record without fields of its own stands for."""
        record = self._script.catalog.records.get(name.removesuffix("?")) if name else None
        return (record.base if record else "") or name

    def record_of(self, node: n.Expression) -> str | None:
        """Return the name of the record with known fields that an expression is."""
        name = self.type_of(node)
        record = self._script.catalog.records.get(name.removesuffix("?")) if name else None
        if record is None or record.base or not record.fields:
            return None
        return record.name

    def _type_of_index(self, node: n.Index, depth: int) -> str | None:
        name = self._script.name_of(node)
        if name and name.startswith("slurm."):
            if name in self._script.catalog.constants:
                return "integer"
            value = self._script.catalog.values.get(name)
            return value.type if value else None
        of = self.type_of(node.object, depth - 1)
        if of is None:
            return None
        record = self._script.catalog.records.get(of.removesuffix("?"))
        if record is not None and record.fields and not record.base:
            field = record.find(node.field) if node.field is not None else None
            return field.type if field else None
        return _members(self._resolve(of))[1]

    def _type_of_call(self, node: n.Expression, index: int) -> str | None:
        called = self._script.invocation(n.strip(node))
        if called is None:
            return None
        function = self._script.catalog.functions.get(called.name)
        if function is not None:
            return function.returns[index].type if index < len(function.returns) else None
        if index == 0 and (called.name in NUMBERS or called.name.startswith("math.")):
            return "number"
        if index == 0 and called.name in ("string.format", "tostring", "table.concat"):
            return "string"
        return None

    def is_number(self, node: n.Expression) -> bool:
        """Tell whether a value is surely a number, if it is anything."""
        return (self.type_of(node) or "").removesuffix("?") in NUMBER_TYPES

    # -- nil ---------------------------------------------------------------------------------

    def why_nil(self, node: n.Expression, depth: int = DEPTH) -> str | None:
        """Return why a value may be nil, as a clause for a message; None: it is not known to."""
        node = n.strip(node)
        if not depth or self.is_tested(node):
            return None
        match node:
            case n.Nil():
                return "it is nil"
            case n.Name():
                return self._why_name(node, depth)
            case n.Index():
                return self._why_index(node)
            case n.Call() | n.MethodCall():
                return self._why_call(node, 0, depth)
            case n.Binary(operator="or"):
                return self.why_nil(node.right, depth - 1)
        return None

    def is_tested(self, node: n.Expression) -> bool:
        """Tell whether some condition of the script looks at this very place."""
        key = self._script.key_of(node)
        return key is not None and key in self._tested

    def _why_name(self, node: n.Name, depth: int) -> str | None:
        variable = self._script.scopes.bindings.get(node)
        if variable is None:
            return None
        parameter = self._script.entry_parameters.get(variable)
        if parameter is not None:
            nilable = parameter.type.endswith("?") and not variable.writes
            return "Slurm may pass nil" if nilable else None
        if variable.kind in ("parameter", "loop"):
            return None
        values = [one for one in variable.values if one.expression is not None]
        if not values:
            return f"nothing is ever assigned to {variable.name}"
        reasons = [self._why_value(value, depth - 1) for value in values]
        return reasons[0] if all(reasons) else None

    def _why_value(self, value: Value, depth: int) -> str | None:
        if value.expression is None:
            return "it is nil"
        if value.index:
            return self._why_call(value.expression, value.index, depth)
        return self.why_nil(value.expression, depth)

    def _why_index(self, node: n.Index) -> str | None:
        record_name = self.record_of(node.object)
        if record_name is None or node.field is None:
            return None
        field = self._script.catalog.records[record_name].find(node.field)
        if field is not None and field.type.endswith("?"):
            return f"{record_name}.{field.name} may be nil"
        return None

    def _why_call(self, node: n.Expression, index: int, depth: int) -> str | None:
        node = n.strip(node)
        if isinstance(node, n.Call):
            function = self._script.function_of(node.function)
            if function is not None:
                return self._why_function(function, index)
        called = self._script.invocation(node)
        if called is None:
            return None
        known = self._script.catalog.functions.get(called.name)
        if known is not None:
            nilable = index < len(known.returns) and known.returns[index].type.endswith("?")
            return f"{known.name} may return nil" if nilable and not index else None
        if index == 0 and called.name in MAY_BE_NIL:
            if called.name == "tonumber" and called.arguments:
                given = self.type_of(called.arguments[0])
                if given in NUMBER_TYPES or self._is_digits(called.arguments[0]):
                    return None
            return MAY_BE_NIL[called.name]
        return None

    def _is_digits(self, node: n.Expression) -> bool:
        """Tell whether a text comes from a pattern: what matched is most likely a number."""
        node = n.strip(node)
        if isinstance(node, n.Name):
            variable = self._script.scopes.bindings.get(node)
            if variable is None or variable.kind in ("parameter", "loop"):
                return True  # who calls may have looked
            sources = [one.expression for one in variable.values if one.expression is not None]
        else:
            sources = [node]
        for source in sources:
            called = self._script.invocation(n.strip(source))
            if called is not None and called.name in ("string.match", "string.gmatch"):
                return True
        return False

    def _why_function(self, function: n.Function, index: int) -> str | None:
        name = function.name or "the function"
        returns = flow.returns_of(function)
        given = [one for one in returns if one.values]
        if not given:
            return None  # nobody takes its result for a value
        for one in returns:
            if not one.values:
                return f"{name} returns nothing at line {self._script.line(one)}"
            if index < len(one.values) and isinstance(n.strip(one.values[index]), n.Nil):
                return f"{name} returns nil at line {self._script.line(one)}"
        if flow.runs_off(self._script, function.body):
            return f"{name} ends without a return"
        return None

    # -- tests -------------------------------------------------------------------------------

    def _find_tested(self) -> set[tuple[object, ...]]:
        """Return the keys of everything that a condition, a comparison or an assert looks at."""
        tested: set[tuple[object, ...]] = set()
        for node in self._script.nodes:
            match node:
                case n.If():
                    looked: list[n.Expression] = list(node.conditions)
                case n.While() | n.Repeat():
                    looked = [node.condition]
                case n.Binary(operator="and" | "or"):
                    looked = [node.left]
                case n.Binary() if node.operator in ("==", "~="):
                    looked = [node.left, node.right]
                case n.Unary(operator="not"):
                    looked = [node.operand]
                case n.Call() | n.MethodCall():
                    called = self._script.invocation(node)
                    if called is None or called.name not in TESTERS:
                        continue
                    looked = called.arguments[:2]
                case _:
                    continue
            for expression in looked:
                self._add_tested(expression, tested)
        return tested

    def _add_tested(self, expression: n.Expression, tested: set[tuple[object, ...]]) -> None:
        for node in expression.walk():
            if isinstance(node, (n.Name, n.Index)):
                key = self._script.key_of(node)
                if key is not None:
                    tested.add(key)


def _members(name: str | None) -> tuple[str | None, str | None]:
    """Return the types of keys and values of ``table<K, V>`` and ``V[]``."""
    if name is None:
        return None, None
    name = name.removesuffix("?")
    if name.endswith("[]"):
        return "integer", name.removesuffix("[]")
    if name.startswith("table<") and name.endswith(">"):
        key, _, value = name[len("table<") : -1].partition(",")
        return key.strip(), value.strip()
    return None, None
