"""The rules of config.json, checked one by one; the first fault ends it.

Source: OCI runtime-spec 1.2, config.md and config-linux.md. A fault reads
``process.args[1]: expected a string, found a number``. Only members that this program, the policy
or every runtime uses are looked at.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HOOKS = (
    *("prestart", "createRuntime", "createContainer"),
    *("startContainer", "poststart", "poststop"),
)
KINDS = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    type(None): "null",
}
DIGITS = frozenset("0123456789")


class _Fault(Exception):
    pass


def find_fault(raw: Any) -> str | None:
    """Tell what is wrong with a decoded config.json: place and cause in one line, or None."""
    try:
        _check(raw)
    except _Fault as fault:
        return str(fault)
    return None


def find_process_fault(raw: Any) -> str | None:
    """Tell what is wrong with a decoded ``process`` of its own, or None."""
    try:
        _expect(raw, dict, "top level")
        _check_process(raw)
    except _Fault as fault:
        return str(fault)
    return None


def _check(raw: Any) -> None:
    _expect(raw, dict, "top level")
    _check_version(_member(raw, "ociVersion", str, "", needed=True))
    root = _member(raw, "root", dict, "", needed=True)
    _path(root, "path", "root", needed=True)
    _member(root, "readonly", bool, "root")
    process = _member(raw, "process", dict, "")
    if process is not None:
        _check_process(process)
    _each(raw, "mounts", "", _check_mount)
    for name in ("hostname", "domainname"):
        _member(raw, name, str, "")
    _check_annotations(_member(raw, "annotations", dict, "") or {})
    hooks = _member(raw, "hooks", dict, "") or {}
    for name in HOOKS:
        _each(hooks, name, "hooks", _check_hook)
    _check_linux(_member(raw, "linux", dict, "") or {})


def _check_version(version: str) -> None:
    numbers = version.partition("+")[0].partition("-")[0].split(".")
    if len(numbers) != 3 or not all(part and DIGITS.issuperset(part) for part in numbers):
        raise _Fault(f"ociVersion: {_show(version)} is no version")
    if numbers[0] != "1":
        raise _Fault(f"ociVersion: {_show(version)} is not supported, 1.x is")


def _check_process(process: dict[str, Any]) -> None:
    place = "process"
    args = _strings(process, "args", place)
    if not args:
        raise _Fault(f"{place}.args: the command is missing")
    if not args[0]:
        raise _Fault(f"{place}.args[0]: the command is empty")
    cwd = _path(process, "cwd", place, needed=True)
    if cwd is not None and not cwd.startswith("/"):
        raise _Fault(f"{place}.cwd: {_show(cwd)} is not absolute")
    _strings(process, "env", place)
    _member(process, "terminal", bool, place)
    _member(process, "noNewPrivileges", bool, place)
    size = _member(process, "consoleSize", dict, place)
    if size is not None:
        for name in ("height", "width"):
            _count(size, name, f"{place}.consoleSize", needed=True)
    user = _member(process, "user", dict, place) or {}
    for name in ("uid", "gid", "umask"):
        _count(user, name, f"{place}.user")
    for index, gid in enumerate(_member(user, "additionalGids", list, f"{place}.user") or []):
        _expect(gid, int, f"{place}.user.additionalGids[{index}]")
    capabilities = _member(process, "capabilities", dict, place) or {}
    for name in capabilities:
        _strings(capabilities, name, f"{place}.capabilities")
    seen: set[str] = set()
    _each(process, "rlimits", place, lambda item, at: _check_rlimit(item, at, seen))


def _check_rlimit(rlimit: dict[str, Any], place: str, seen: set[str]) -> None:
    name = _member(rlimit, "type", str, place, needed=True)
    if name in seen:
        raise _Fault(f"{place}: {_show(name)} occurs twice")
    seen.add(name)
    for limit in ("soft", "hard"):
        _count(rlimit, limit, place, needed=True)


def _check_mount(mount: dict[str, Any], place: str) -> None:
    _path(mount, "destination", place, needed=True)
    _path(mount, "source", place)
    _member(mount, "type", str, place)
    _strings(mount, "options", place)


def _check_annotations(annotations: dict[str, Any]) -> None:
    for name, value in annotations.items():
        if not name:
            raise _Fault("annotations: a name is empty")
        _expect(value, str, f"annotations[{_show(name)}]")


def _check_hook(hook: dict[str, Any], place: str) -> None:
    path = _path(hook, "path", place, needed=True)
    if path is not None and not path.startswith("/"):
        raise _Fault(f"{place}.path: {_show(path)} is not absolute")
    _strings(hook, "args", place)
    _strings(hook, "env", place)
    timeout = _count(hook, "timeout", place)
    if timeout == 0:
        raise _Fault(f"{place}.timeout: must be greater than zero")


def _check_linux(linux: dict[str, Any]) -> None:
    seen: set[str] = set()

    def check_namespace(namespace: dict[str, Any], place: str) -> None:
        kind = _member(namespace, "type", str, place, needed=True)
        if kind in seen:
            raise _Fault(f"{place}: {_show(kind)} occurs twice")
        seen.add(kind)
        path = _path(namespace, "path", place)
        if path and not path.startswith("/"):
            raise _Fault(f"{place}.path: {_show(path)} is not absolute")

    def check_mapping(mapping: dict[str, Any], place: str) -> None:
        for name in ("containerID", "hostID", "size"):
            _count(mapping, name, place, needed=True)

    _each(linux, "namespaces", "linux", check_namespace)
    for name in ("uidMappings", "gidMappings"):
        _each(linux, name, "linux", check_mapping)
    _member(linux, "cgroupsPath", str, "linux")


def _expect(value: Any, kind: type, place: str) -> None:
    if type(value) is not kind:
        found = KINDS.get(type(value), "something else")
        raise _Fault(f"{place}: expected {KINDS[kind]}, found {found}")


def _member(parent: dict[str, Any], name: str, kind: type, at: str, needed: bool = False) -> Any:
    value = parent.get(name)
    place = f"{at}.{name}" if at else name
    if value is None:
        if needed:
            raise _Fault(f"{place} is missing")
        return None
    _expect(value, kind, place)
    if kind is str and "\0" in value:
        raise _Fault(f"{place}: has a NUL character")
    return value


def _path(parent: dict[str, Any], name: str, at: str, needed: bool = False) -> str | None:
    value: str | None = _member(parent, name, str, at, needed)
    if value == "" and needed:
        raise _Fault(f"{at}.{name}: is empty")
    return value


def _count(parent: dict[str, Any], name: str, at: str, needed: bool = False) -> int | None:
    value: int | None = _member(parent, name, int, at, needed)
    if value is not None and value < 0:
        raise _Fault(f"{at}.{name}: {value} is negative")
    return value


def _strings(parent: dict[str, Any], name: str, at: str) -> list[str]:
    values: list[str] = _member(parent, name, list, at) or []
    for index, value in enumerate(values):
        place = f"{at}.{name}[{index}]"
        _expect(value, str, place)
        if "\0" in value:
            raise _Fault(f"{place}: has a NUL character")
    return values


def _each(
    parent: dict[str, Any], name: str, at: str, check: Callable[[dict[str, Any], str], None]
) -> None:
    base = f"{at}.{name}" if at else name
    for index, item in enumerate(_member(parent, name, list, at) or []):
        place = f"{base}[{index}]"
        _expect(item, dict, place)
        check(item, place)


def _show(text: str) -> str:
    shown = text if len(text) <= 64 else text[:61] + "..."
    return '"' + ascii(shown)[1:-1].replace('"', '\\"') + '"'
