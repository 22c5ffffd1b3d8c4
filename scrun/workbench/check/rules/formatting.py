"""Formats: string.format, and the log functions, which format as it does."""

from __future__ import annotations

from collections.abc import Iterator

from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule, Severity
from scrun.workbench.check.formats import Conversion, conversions
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.script import Invocation, Script
from scrun.workbench.check.shelltext import ShellTexts

ARGUMENTS = Rule(
    "format-arguments",
    "error",
    "A format has more conversions than there are arguments (or, as a warning, fewer).",
    "Give each % of the format one argument; write %% for a percent sign",
    "slurm.log_info('%s of %d', id)",
)
CONVERSION = Rule(
    "format-conversion",
    "error",
    "string.format does not know a conversion.",
    "Common ones are %s, %d, %f, %g, %x; write %% for a percent sign",
    "local text = ('%y'):format(1)",
)
NIL = Rule(
    "format-nil",
    "warning",
    "A value that may be nil is formatted as a number, which is an error.",
    "Test it first, or write %s and tostring(value)",
    "slurm.log_info('%d', tonumber(os.getenv('N')))",
)
TYPE = Rule(
    "format-type",
    "error",
    "A value is formatted as a number and is none.",
    "Use %s",
    "slurm.log_info('%d', 'many')",
)
LOG_FORMAT = Rule(
    "log-format",
    "note",
    "A log function gets a finished text for a format: a % in it is an error in Slurm's own code.",
    "Write slurm.log_info('%s', text), or give the format and its arguments apart",
    "slurm.log_info('bundle is ' .. bundle)",
)
FLOAT = Rule(
    "float-text",
    "note",
    "Slurm's own code passes numbers as floats: since Lua 5.3 they read 1000.0 in a text.",
    "Use %d, or math.floor before",
    "function slurm_scrun_stage_in(id, bundle, spool_dir, config_file, job_id, user_id)\n"
    "  slurm.set_bundle_path('/run/user/' .. user_id)\n  return slurm.SUCCESS\nend",
)
RULES = (ARGUMENTS, CONVERSION, NIL, TYPE, LOG_FORMAT, FLOAT)

LOGS = ("slurm.log_",)
INTEGERS, FLOATS = "diouxXc", "aAeEfFgG"
FLOAT_DIALECTS = ("5.3", "5.4", "5.5")


def check(script: Script, kinds: Kinds) -> Iterator[Finding]:
    """Yield the faults of formats."""
    texts = ShellTexts(script, kinds)
    for called in script.calls:
        is_log = called.name.startswith(LOGS)
        if not called.arguments or not (is_log or called.name == "string.format"):
            continue
        text = _literal(script, called.arguments[0])
        if text is not None:
            yield from _check_text(script, kinds, called, text)
        elif is_log and script.argument_count(called) == (1, 1):
            yield from _check_finished(script, kinds, texts, called)
    if script.dialect in FLOAT_DIALECTS:
        yield from _check_floats(script, kinds)


def _literal(script: Script, node: n.Expression) -> bytes | None:
    """Return the text of a format: a literal, or a constant of the script."""
    node = n.strip(node)
    if isinstance(node, n.String):
        return node.value
    if isinstance(node, n.Concat):
        parts = [_literal(script, operand) for operand in node.operands]
        known = [part for part in parts if part is not None]
        return b"".join(known) if len(known) == len(parts) else None
    variable = script.scopes.variable(node)
    value = variable.only_value if variable else None
    if value is not None and isinstance(value.expression, n.String):
        return value.expression.value
    return None


def _check_text(script: Script, kinds: Kinds, called: Invocation, text: bytes) -> Iterator[Finding]:
    wanted = conversions(text)
    first = called.arguments[0]
    for one in wanted:
        if not one.letter or not script.host.accepts(one.spec):
            spec = one.spec if one.letter else "a lone %"
            if script.argument_count(called) == (1, 1) and called.name.startswith(LOGS):
                # Our log functions take such a text as it is; Slurm's raise.
                message = f"Slurm's own code refuses {spec} in a log function's format"
                yield script.finding(LOG_FORMAT, first, message)
                return
            yield script.finding(CONVERSION, first, f"string.format knows no {spec}")
            return
    given = called.arguments[1:]
    least, most = script.argument_count(called)
    if most is not None and most - 1 < len(wanted):
        message = f"{len(wanted)} conversions, {most - 1} argument{'s' * (most != 2)}"
        if most == 1 and called.name.startswith(LOGS):
            message += ": the text is logged as it is here, and refused by Slurm's own code"
            yield script.finding(ARGUMENTS, first, message, severity="warning")
            return
        yield script.finding(ARGUMENTS, first, message.replace("1 conversions", "1 conversion"))
    elif least - 1 > len(wanted):
        message = f"{len(wanted)} conversions, {least - 1} arguments: the last are dropped"
        message = message.replace("1 conversions", "1 conversion")
        yield script.finding(ARGUMENTS, given[len(wanted)], message, severity="warning")
    for one, argument in zip(wanted, given, strict=False):
        if argument is not given[-1] or not n.is_multiple(argument) or len(given) >= len(wanted):
            yield from _check_value(script, kinds, one, argument)


def _check_value(
    script: Script, kinds: Kinds, one: Conversion, argument: n.Expression
) -> Iterator[Finding]:
    needs_text = one.letter in "sq" and script.dialect == "5.1"
    if one.letter not in INTEGERS + FLOATS and not needs_text:
        return
    why = kinds.why_nil(argument)
    if why is not None:
        where = "Lua 5.1 wants a text for " if needs_text else ""
        message = f"{where}{one.spec}: {script.text(argument)} may be nil ({why})"
        certain = isinstance(n.strip(argument), n.Nil)
        yield script.finding(NIL, argument, message, severity="error" if certain else None)
        return
    value = n.strip(argument)
    if needs_text:
        if isinstance(value, (n.Boolean, n.Table, n.Function)):
            kind = kinds.type_of(value)
            message = f"Lua 5.1 wants a text for {one.spec}: this is a {kind}"
            yield script.finding(TYPE, argument, message, advice="Use tostring")
        return
    if isinstance(value, n.String):
        try:
            float(value.value)
        except ValueError:
            yield script.finding(TYPE, argument, f"{one.spec}: {script.text(value)} is no number")
    elif isinstance(value, (n.Boolean, n.Table, n.Function)):
        yield script.finding(TYPE, argument, f"{one.spec}: a {kinds.type_of(value)} is no number")
    elif (
        isinstance(value, n.Number)
        and isinstance(value.value, float)
        and one.letter in INTEGERS
        and script.dialect in FLOAT_DIALECTS
        and not value.value.is_integer()
    ):
        message = f"{one.spec}: {script.text(value)} has no integer representation"
        yield script.finding(TYPE, argument, message, advice="Use %g, or math.floor")


def _check_finished(
    script: Script, kinds: Kinds, texts: ShellTexts, called: Invocation
) -> Iterator[Finding]:
    pieces = texts.pieces(called.arguments[0])
    unsafe = [piece for piece in pieces if piece.node is not None and piece.trust != "safe"]
    literal = b"".join(piece.text for piece in pieces if piece.node is None)
    if not unsafe or (b"%" in literal and len(pieces) == 1):
        return
    culprit = unsafe[0].node
    assert culprit is not None
    message = f"a % in {script.text(culprit)} is an error in Slurm's own {called.name}"
    # Only this program's scrun takes the text as it is; all other scripts run in Slurm's code.
    users = script.slurm_type != "scrun" and any(
        isinstance(piece.node, n.Index) and kinds.record_of(piece.node.object) for piece in unsafe
    )
    severity: Severity = "warning" if users else "note"
    yield script.finding(LOG_FORMAT, called.arguments[0], message, severity=severity)


def _check_floats(script: Script, kinds: Kinds) -> Iterator[Finding]:
    seen: set[object] = set()
    for node in script.nodes:
        if not isinstance(node, n.Concat):
            continue
        for operand in node.operands:
            value = n.strip(operand)
            if not isinstance(value, (n.Name, n.Index)) or not kinds.is_number(value):
                continue
            key = script.key_of(value)
            if key in seen or not _is_slurms(script, kinds, value):
                continue
            seen.add(key)
            message = f"{script.text(value)} is a float in Slurm's own code: the text has 1000.0"
            yield script.finding(FLOAT, operand, message)


def _is_slurms(script: Script, kinds: Kinds, node: n.Expression) -> bool:
    """Tell whether a number comes from Slurm: an entry's parameter or a record's field."""
    if isinstance(node, n.Index):
        name = script.name_of(node) or ""
        return name in script.catalog.constants or kinds.record_of(node.object) is not None
    variable = script.scopes.variable(node)
    if variable is None:
        return False
    if variable in script.entry_parameters:
        return True
    value = variable.only_value
    if value is None or value.expression is None:
        return False
    called = script.invocation(n.strip(value.expression))
    return called is not None and called.name in script.catalog.functions
