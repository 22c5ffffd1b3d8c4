"""The texts that Slurm's commands make of an option's value: ``4096`` of ``--mem`` reads ``4G``.

Source: Slurm, slurm_opt.c and proc_args.c; compared with salloc, sbatch and srun of 24.11.
"""

from __future__ import annotations

from scrun.errors import ScrunError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

INT_MAX = 2147483647
NICE_MAX = 0x80000000 - 3
_UNITS = "KMGTP"
_MAIL = ("INVALID_DEPEND", "BEGIN", "END", "FAIL", "REQUEUE", "STAGE_OUT")
_MAIL_TIMES = {
    "TIME_LIMIT_50": "TIME_LIMIT_50",
    "TIME_LIMIT_80": "TIME_LIMIT_80",
    "TIME_LIMIT_90": "TIME_LIMIT_90",
    "TIME_LIMIT": "TIME_LIMIT",
}
_PROFILES = ("Energy", "Lustre", "Network", "Task")
_LAYOUTS = ("arbitrary", "block", "cyclic", "fcyclic", "nopack", "pack", "plane")


class OptionError(ScrunError):
    """A value that an option does not take.

    Attributes:
        fatal: the command ends there; otherwise it says so and goes on.
    """

    default_code = "EINVAL"

    def __init__(self, message: str, *, fatal: bool = False) -> None:
        super().__init__(message)
        self.fatal = fatal


def read_value(
    kind: str, name: str, text: str, old: str | None, minutes_of: Callable[[str], int]
) -> str | None:
    """Return what the option reads once ``text`` was set; ``old`` is what it read before.

    Args:
        minutes_of: ``slurm.time_str2mins``.

    Raises:
        OptionError: as the command words it.
    """
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(name, text)
    if kind == "minutes":
        return _read_minutes(name, text, minutes_of)
    if kind == "switches":
        count, at, wait = text.partition("@")
        number = _read_int(f"--{name}", count)
        return f"{number}@{_read_minutes(name, wait, minutes_of)}" if at else number
    return old if kind == "none" else text


def _read_int(name: str, text: str, least: int = 1) -> str:
    digits = text.strip()
    number = int(digits) if digits.lstrip("+-").isdecimal() else -1
    if number < least:
        raise OptionError(f'Invalid numeric value "{text}" for {name}.', fatal=True)
    if number >= INT_MAX:
        raise OptionError(f"Numeric argument ({number}) too large for {name}.", fatal=True)
    return str(number)


def _read_mbytes(name: str, text: str) -> str:
    digits, unit = text.strip(), "M"
    if digits[-1:].upper() in tuple(_UNITS):
        digits, unit = digits[:-1], digits[-1].upper()
    if not digits.isdecimal():
        raise OptionError(f"Invalid --{name} specification")
    size = int(digits)
    size = -(-size // 1024) if unit == "K" else size << 10 * (_UNITS.index(unit) - 1)
    for suffix in ("", "G", "T", "P"):
        if size % 1024:
            return f"{size}{suffix}"
        size //= 1024
    return f"{size}?"


def _read_minutes(name: str, text: str, minutes_of: Callable[[str], int]) -> str:
    minutes = minutes_of(text)
    if minutes == -1 or (minutes == 0 and name != "delay-boot"):
        return "UNLIMITED"
    if minutes < 0:
        raise OptionError(f"Invalid --{name} specification")
    days, rest = divmod(minutes, 1440)
    clock = f"{rest // 60:02}:{rest % 60:02}:00"
    return f"{days}-{clock}" if days else clock


def _read_nodes(_: str, text: str) -> str:
    first, dash, last = text.partition("-")
    least = _read_count(first, text)
    if not dash:
        return str(least)
    most = _read_count(last, last)
    if most and most < least:
        raise OptionError(f"Maximum node count {most} is less than minimum node count {least}")
    return str(least) if least == most else f"{least}-{most}"


def _read_count(word: str, shown: str) -> int:
    digits, unit = word.strip(), 1
    if digits[-1:] in ("k", "K"):
        digits, unit = digits[:-1], 1024
    elif digits[-1:] in ("m", "M"):
        digits, unit = digits[:-1], 1 << 20
    if not digits.isdecimal():
        raise OptionError(f'"{shown}" is not a valid node count')
    return int(digits) * unit


def _read_nice(_: str, text: str) -> str:
    digits = text.strip()
    number = int(digits) if digits.lstrip("+-").isdecimal() else 0
    if abs(number) > NICE_MAX:
        raise OptionError(f"Invalid --nice value, out of range (+/- {NICE_MAX})")
    return str(number)


def _read_priority(name: str, text: str) -> str:
    return "-3" if text.upper() == "TOP" else _read_int(f"--{name}", text, 0)


def _read_exclusive(_: str, text: str) -> str:
    word = text.lower()
    if word in ("exclusive", "allocation"):
        return "exclusive"
    if word in ("oversubscribe", "user", "mcs", "topo"):
        return word
    raise OptionError("Invalid --exclusive specification")


def _read_no_kill(_: str, text: str) -> str:
    word = text.lower()
    if word not in ("set", "off", "no"):
        raise OptionError("Invalid --no-kill specification")
    return "set" if word == "set" else "unset"


def _read_open_mode(_: str, text: str) -> str:
    if text[:1].lower() not in ("a", "t") or not text:
        raise OptionError("Invalid --open-mode specification")
    return text[0].lower()


def _read_mail(_: str, text: str) -> str:
    wanted: set[str] = set()
    for word in text.upper().split(","):
        if word == "ALL":
            wanted.update(_MAIL)
        elif word in _MAIL or word in _MAIL_TIMES or word == "ARRAY_TASKS":
            wanted.add(word)
        elif word != "NONE":
            raise OptionError("Invalid --mail-type specification")
    order = ("ARRAY_TASKS", *_MAIL, *_MAIL_TIMES)
    return ",".join(word for word in order if word in wanted) or "NONE"


def _read_profile(_: str, text: str) -> str:
    words = text.lower().split(",")
    if words == ["none"]:
        return "None"
    wanted = [one for one in _PROFILES if one.lower() in words or "all" in words]
    if not wanted:
        raise OptionError(f"invalid --profile={text} option")
    return ",".join(wanted)


def _read_gres(_: str, text: str) -> str:
    return prefix_gres(text)


def _read_file(_: str, text: str) -> str:
    return "/dev/null" if text.lower() == "none" else text


def _read_distribution(_: str, text: str) -> str:
    if text.partition("=")[0].partition(":")[0].partition(",")[0].lower() not in _LAYOUTS:
        raise OptionError("Invalid --distribution specification")
    return text


def _read_yes_no(_: str, text: str) -> str:
    if text.lower() not in ("yes", "no"):
        raise OptionError("Invalid --kill-on-invalid-dep specification")
    return text.lower()


def _read_owner(name: str, _: str) -> str:
    raise OptionError(f"--{name} only permitted by root user")


def prefix_gres(text: str) -> str:
    """Return a list of GRES with ``gres/`` before each: what ``gres`` is kept as."""
    return f"gres/{text.replace(',', ',gres/')}".replace("gres/gres/", "gres/")


def _constant(text: str) -> Callable[[str, str], str]:
    return lambda _name, _text: text


_READERS: dict[str, Callable[[str, str], str]] = {
    "flag": _constant("set"),
    "oversubscribe": _constant("oversubscribe"),
    "requeue": _constant("requeue"),
    "no_requeue": _constant("no-requeue"),
    "bell": _constant("bell-always"),
    "no_bell": _constant("bell-never"),
    "int": lambda name, text: _read_int(f"--{name}", text),
    "int0": lambda name, text: _read_int(f"--{name}", text, 0),
    "count": lambda name, text: _read_int(f"--{name}", text, 0),
    "mbytes": _read_mbytes,
    "nodes": _read_nodes,
    "nice": _read_nice,
    "priority": _read_priority,
    "exclusive": _read_exclusive,
    "no_kill": _read_no_kill,
    "open_mode": _read_open_mode,
    "mail": _read_mail,
    "profile": _read_profile,
    "gres": _read_gres,
    "file": _read_file,
    "distribution": _read_distribution,
    "yes_no": _read_yes_no,
    "user": _read_owner,
    "group": _read_owner,
}
