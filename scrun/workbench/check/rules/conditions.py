"""Conditions that always or never hold."""

from __future__ import annotations

from collections.abc import Iterator

from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.script import Script

CONSTANT = Rule(
    "constant-condition",
    "warning",
    "A part of a condition is a constant, so the rest of it does not count.",
    "Compare on both sides: a == 'x' or a == 'y'",
    "if name == 'a' or 'b' then return slurm.ERROR end",
)
NOT = Rule(
    "not-comparison",
    "warning",
    "not binds closer than == and ~=: not a == b compares a truth value with b.",
    "Write a ~= b, or not (a == b)",
    "if not job_id == 1 then return slurm.ERROR end",
)
RULES = (CONSTANT, NOT)


def check(script: Script, _kinds: Kinds) -> Iterator[Finding]:
    """Yield the conditions that do not depend on what they name."""
    for node in script.nodes:
        if isinstance(node, n.If):
            for condition in node.conditions:
                yield from _check_operands(script, condition)
        elif isinstance(node, (n.While, n.Repeat)):
            yield from _check_operands(script, node.condition)
        elif isinstance(node, n.Binary) and node.operator in ("==", "~="):
            yield from _check_not(script, node)


def _check_operands(script: Script, node: n.Expression) -> Iterator[Finding]:
    node = n.strip(node)
    if isinstance(node, n.Unary) and node.operator == "not":
        yield from _check_operands(script, node.operand)
    if not isinstance(node, n.Binary) or node.operator not in ("and", "or"):
        return
    for operand in (node.left, node.right):
        value = n.strip(operand)
        truth = _truth(script, value)
        if truth is None:
            yield from _check_operands(script, operand)
        elif node.operator == "or" and truth:
            message = f"this always holds: one side of the or is {script.text(value)}"
            yield script.finding(CONSTANT, node, message)
        elif node.operator == "and" and not truth:
            message = f"this never holds: one side of the and is {script.text(value)}"
            advice = "Take the part out that is never reached"
            yield script.finding(CONSTANT, node, message, advice=advice)


def _truth(script: Script, value: n.Expression) -> bool | None:
    """Return whether a constant is true; None: it is none."""
    if isinstance(value, n.Boolean):
        return value.value
    if isinstance(value, n.Nil):
        return False
    if isinstance(value, (n.String, n.Number, n.Table, n.Function)):
        return True
    return True if script.name_of(value) in script.catalog.constants else None


def _check_not(script: Script, node: n.Binary) -> Iterator[Finding]:
    left = node.left
    if not isinstance(left, n.Unary) or left.operator != "not":
        return
    right = n.strip(node.right)
    if isinstance(right, (n.Boolean, n.Unary)):
        return
    if isinstance(right, (n.Nil, n.String, n.Number)) or script.name_of(right) is not None:
        message = f"{script.text(left)} is true or false, and never {script.text(right)}"
        yield script.finding(NOT, node, message)
