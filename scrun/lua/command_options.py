"""What a script may ask of a command beyond running it: the table after the script or argv."""

from __future__ import annotations

from scrun.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeGuard

NAMES = ("nodes", "stderr", "stdin", "timeout")
INFINITY = float("inf")


def read_options(given: object, function: str, *, remote: bool) -> dict[str, object]:
    """Return the options that are set, checked, as a StageHost gets them.

    ``timeout``: float, seconds, none of them infinite; ``stdin``: bytes; ``stderr``: True, kept
    apart; ``nodes``: list of bytes, for remote commands.

    Raises:
        UsageError: an unknown name, or a value of the wrong kind.
    """
    if given is None or given == []:
        return {}
    if not isinstance(given, dict):
        raise UsageError(f"{function}: options are a table with names")
    options: dict[str, object] = {}
    for key, value in given.items():
        name = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
        if name not in NAMES or (name == "nodes" and not remote):
            known = [known for known in NAMES if remote or known != "nodes"]
            raise UsageError(f"{function}: no option {name!r}", hint=f"One of {', '.join(known)}")
        if name == "timeout" and _is_time(value):
            if value != INFINITY:
                options[name] = float(value)
        elif name == "stdin" and isinstance(value, bytes):
            options[name] = value
        elif name == "stderr" and value in (b"apart", True):
            options[name] = True
        elif name == "nodes" and isinstance(value, list) and value:
            options[name] = [node for node in value if isinstance(node, bytes)]
            if len(value) != len(options[name]):  # type: ignore[arg-type]
                raise UsageError(f"{function}: nodes are names")
        elif not (name == "stderr" and value in (b"merged", False)):
            raise UsageError(f"{function}: {name} cannot be {_show(value)}")
    return options


def _is_time(value: object) -> TypeGuard[float]:
    # NaN is not > 0 either.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _show(value: object) -> str:
    return repr(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
