"""What a script changed: fields before and after it, as scripts read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scrun.lua.plugin_options import Options
from scrun.lua.plugin_record import Record
from scrun.workbench.plugins.result import Change

# Other names of fields: a change shows under one name.
ALIASES = {
    "gres": "tres_per_node",
    "ntasks_per_gpu": "ntasks_per_tres",
    "oversubscribe": "shared",
    "pack_job_offset": "het_job_offset",
    "pn_min_memory": "min_mem_per_node",
}
OPTION_ALIASES = {
    "cluster": "clusters",
    "cpu_bind": "cpu-bind",
    "no-bell": "bell",
    "no-requeue": "requeue",
    "oversubscribe": "exclusive",
    "pack-group": "het-group",
    "tasks-per-node": "ntasks-per-node",
}

Environment = Mapping[str, str] | None


def compare(
    before: Record,
    after: Record,
    places: Mapping[str, str],
    environments: tuple[Environment, Environment],
) -> list[Change]:
    """Return the fields that differ, and variables as ``environment.NAME``.

    Args:
        places: where a field was set, by field.
    """
    changes = []
    for name, field in after.fields.items():
        if name in ALIASES or field.kind in ("environment", "cron_job"):
            continue
        old, new = before.get(name), after.get(name)
        if old != new and before.members.get(field.member) != after.members.get(field.member):
            changes.append(Change(name, old, new, _place(name, places)))
    old_variables, new_variables = (dict(one or {}) for one in environments)
    for name in {**new_variables, **old_variables}:
        old, new = old_variables.get(name), new_variables.get(name)
        if old != new:
            full = f"environment.{name}"
            changes.append(Change(full, old, new, places.get(full, "")))
    return changes


def compare_options(
    before: Mapping[str, Any], after: Options, places: Mapping[str, str]
) -> list[Change]:
    """Return the options that differ; ``before`` is what each of them read."""
    changes = []
    for name in after.names():
        old, new = before.get(name), after.get(name)
        if old == new or name in OPTION_ALIASES:
            continue
        others = [one for one, main in OPTION_ALIASES.items() if main == name]
        place = next((places[one] for one in (name, *others) if one in places), "")
        changes.append(Change(name, old, new, place))
    return changes


def _place(name: str, places: Mapping[str, str]) -> str:
    # Memory per node and per CPU are one member: the one is set, and the other goes.
    related = {
        "min_mem_per_node": ("min_mem_per_cpu", "pn_min_memory"),
        "min_mem_per_cpu": ("min_mem_per_node", "pn_min_memory"),
        "core_spec": ("thread_spec",),
        "thread_spec": ("core_spec",),
    }
    aliases = [one for one, main in ALIASES.items() if main == name]
    for one in (name, *aliases, *related.get(name, ())):
        if one in places:
            return places[one]
    return ""
