"""Names: what ``slurm`` has, and the fields of the tables that Slurm hands to a script."""

from __future__ import annotations

from collections.abc import Iterator

from scrun.workbench.catalog import SCRIPT_TYPES, VERSIONS, Record
from scrun.workbench.check import nodes as n
from scrun.workbench.check.finding import Finding, Rule, Severity
from scrun.workbench.check.kinds import Kinds
from scrun.workbench.check.script import Script

UNKNOWN = Rule(
    "unknown-slurm",
    "error",
    "No version of Slurm has this name in its table; reading it gives nil.",
    "scrun lua doc lists what there is",
    "slurm.log_inof('staged in')",
)
VERSION = Rule(
    "slurm-version",
    "error",
    "Slurm has the name, but not in the version or the type of script that is asked for.",
    "Test for it before it is used, or ask with another --slurm-version or --type",
    "-- with --slurm-version 24.05\nlocal t = slurm.from_json('{}')",
)
FIELD = Rule(
    "unknown-field",
    "warning",
    "A table of Slurm's has no such field; reading it gives nil.",
    "scrun lua doc lists the fields",
    "-- job_submit.lua\nfunction slurm_job_submit(job_desc)\n"
    "  if job_desc.partiton == nil then return slurm.ERROR end\n  return slurm.SUCCESS\nend",
)
READ_ONLY = Rule(
    "read-only-field",
    "warning",
    "A field is set that Slurm does not take back.",
    "The change is lost",
    "-- job_submit.lua\nfunction slurm_job_submit(job_desc)\n"
    "  job_desc.user_id = 0\n  return slurm.SUCCESS\nend",
)
RULES = (UNKNOWN, VERSION, FIELD, READ_ONLY)


def check(script: Script, kinds: Kinds) -> Iterator[Finding]:
    """Yield the unknown names."""
    if script.script_type == "spec":
        return  # it may make a slurm table of its own
    targets = _targets(script)
    own = {script.name_of(target) for target in targets}
    table_is_own = any(
        use.name == "slurm" and not _keeps(use.value) for use in script.scopes.writes
    )
    for node in script.nodes:
        if not isinstance(node, n.Index) or node.field is None:
            continue
        name = script.name_of(node)
        if name is not None and name.startswith("slurm.") and not table_is_own:
            if name.count(".") == 1 and node not in targets and name not in own:
                yield from _check_name(script, kinds, node, name)
            continue
        yield from _check_field(script, kinds, node, is_target=node in targets)


def _targets(script: Script) -> set[n.Expression]:
    return {
        target
        for statement in script.statements()
        if isinstance(statement, n.Assign)
        for target in statement.targets
    }


def _keeps(value: object) -> bool:
    """Tell whether ``slurm = slurm or {...}`` is what is assigned: a stand-in for other hosts."""
    expression = getattr(value, "expression", None)
    return isinstance(expression, n.Binary) and expression.operator == "or"


def _check_name(script: Script, kinds: Kinds, node: n.Index, name: str) -> Iterator[Finding]:
    known = script.slurm_names
    if name in known:
        return
    item = script.catalog.find(name)
    exists = item is not None and item.name == name
    is_test = kinds.is_tested(node)
    if is_test and exists:
        return
    if exists:
        yield script.finding(VERSION, node, _explain_absence(script, name))
        return
    nearest = script.catalog.nearest(name, known)
    advice = f"Is {' or '.join(nearest[:2])} meant?" if nearest else None
    severity: Severity = "warning" if is_test else "error"
    yield script.finding(UNKNOWN, node, f"unknown name {name}", advice=advice, severity=severity)


def _explain_absence(script: Script, name: str) -> str:
    item = script.catalog.find(name)
    assert item is not None
    version = script.options.slurm_version
    types = [one for one in SCRIPT_TYPES if item.is_known(one)]
    if script.slurm_type not in types:
        return f"{name} is for {', '.join(types)} scripts, not for {script.slurm_type}"
    having = [one for one in VERSIONS if item.is_known(script.slurm_type, one)]
    if not having:
        return f"{name} is there with this program only, not with Slurm {version}"
    span = having[0] if len(having) == 1 else f"{having[0]} to {having[-1]}"
    return f"{name} is not in Slurm {version}; it is in {span}"


def _check_field(
    script: Script, kinds: Kinds, node: n.Index, *, is_target: bool
) -> Iterator[Finding]:
    record_name = kinds.record_of(node.object)
    if record_name is None or node.field is None:
        return
    record: Record = script.catalog.records[record_name]
    version = script.options.slurm_version
    found = record.find(node.field, version)
    if found is not None:
        if is_target and found.access == "r":
            message = f"{record_name}.{node.field} cannot be changed"
            yield script.finding(READ_ONLY, node.key, message)
        return
    other = record.find(node.field)
    if other is not None:
        message = f"{record_name}.{node.field} is not in Slurm {version}"
        yield script.finding(FIELD, node.key, message)
        return
    nearest = record.nearest(node.field)
    advice = f"Is {' or '.join(nearest[:2])} meant?" if nearest else None
    message = f"{record_name} has no field {node.field}"
    yield script.finding(FIELD, node.key, message, advice=advice)
