"""What there is in Slurm's Lua: every function, constant, entry point and record, as data.

The facts are the TOML files beside this one; the values of constants are those of the runtime.
The tools of the workbench, the types for language servers and the manual are all made from here.
"""

from scrun.workbench.catalog.model import (
    SCRIPT_TYPES,
    VERSIONS,
    Catalog,
    Constant,
    Entry,
    Field,
    Function,
    Item,
    Parameter,
    Record,
    Return,
    Value,
)
from scrun.workbench.catalog.read import load

__all__ = [
    "SCRIPT_TYPES",
    "VERSIONS",
    "Catalog",
    "Constant",
    "Entry",
    "Field",
    "Function",
    "Item",
    "Parameter",
    "Record",
    "Return",
    "Value",
    "load",
]
