"""Log lines to stderr, to the ``--log`` file and to syslog, by the levels of Slurm.

Engines read the ``--log`` file: podman takes all of it for one JSON object, containerd the last
object whose level is "error". So a failure is exactly one error line there, written by `report`;
`error` and below are on the way to it, and a JSON file gets them only when asked for by name
(SCRUN_FILE_DEBUG, SCRUN_DEBUG, FileDebug of oci.conf), an `error` as a warning.

No level given: stderr shows the `report` and nothing else, the file what is an error, syslog
nothing. Precedence: defaults < oci.conf < SCRUN_DEBUG < SCRUN_*_DEBUG < -v and --debug (stderr and
a text file). The file is opened for each line: its descriptor would not survive an anchor.
"""

from __future__ import annotations

import posix
import sys
from time import gmtime, strftime, time_ns

from scrun.errors import ScrunError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

QUIET, FATAL, ERROR, INFO, VERBOSE, DEBUG, DEBUG2, DEBUG3, DEBUG4, DEBUG5 = range(10)
NAMES = (
    *("quiet", "fatal", "error", "info", "verbose"),
    *("debug", "debug2", "debug3", "debug4", "debug5"),
)  # a name's position is its level
VARIABLES = {
    "stderr": "SCRUN_STDERR_DEBUG",
    "file": "SCRUN_FILE_DEBUG",
    "syslog": "SCRUN_SYSLOG_DEBUG",
}
SYSLOG_PATH = "/dev/log"
_SYSLOG_SEVERITY = (2, 2, 3, 6, 6, 7, 7, 7, 7, 7)  # syslog(3): crit, err, info, debug
_SYSLOG_DAEMON = 3 << 3
_JSON_ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\", 10: "\\n", 13: "\\r", 9: "\\t"}
_JSON_ESCAPES.update({n: f"\\u{n:04x}" for n in range(32) if n not in _JSON_ESCAPES})


class _Log:
    """Where lines go; one per process."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Back to the defaults of a process that has configured nothing."""
        self.path: str | None = None
        self.json = False
        self.verbose = 0
        self.environ: dict[str, int] = {}
        self.conf: dict[str, int] = {}
        self.script_level = DEBUG
        self.stderr_open = True
        self.levels = {"stderr": QUIET, "file": ERROR, "syslog": QUIET}
        self.explicit_quiet = False
        self.listener: Callable[[int, str], None] | None = None

    def settle(self) -> None:
        """Compute the level of each sink from all that was configured."""
        levels = {"stderr": QUIET, "file": ERROR, "syslog": QUIET}
        levels.update(self.conf)
        levels.update(self.environ)
        asked = {**self.conf, **self.environ}
        if self.verbose:
            wanted = min(INFO + self.verbose, DEBUG5)
            for sink in ("stderr",) if self.json else ("stderr", "file"):
                levels[sink] = max(wanted, levels[sink])
        self.explicit_quiet = asked.get("stderr") == QUIET and not self.verbose
        self.levels = levels


_log = _Log()


def parse_level(name: str, source: str) -> int:
    """Return the level called ``name`` (any case); UsageError naming ``source`` when unknown."""
    lowered = name.strip().lower()
    if lowered in NAMES:
        return NAMES.index(lowered)
    raise UsageError(
        f'{source}: unknown log level "{name}"', hint=f"use one of: {', '.join(NAMES)}"
    )


def configure(
    *,
    path: str | None = None,
    format: str = "text",
    verbose: int = 0,
    debug: bool = False,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Set up the sinks from the command line and the environment, replacing what was there.

    Args:
        path: the ``--log`` file; relative to the present directory. crun's ``file:PATH`` too.
        format: ``text`` or ``json``.
        verbose: how many ``-v``: one is verbose, two debug, up to debug5.
        debug: ``--debug``: at least debug.
        environ: where SCRUN_DEBUG and its like are; None for the process's.

    Raises:
        UsageError: an unknown format, or an unknown level, naming the variable.
    """
    _log.reset()
    if format not in ("text", "json"):
        raise UsageError(f'--log-format: unknown format "{format}"', hint="use json or text")
    if path:
        path = path.removeprefix("file:")
        _log.path = path if path.startswith("/") else f"{posix.getcwd()}/{path}"
    _log.json = format == "json"
    _log.verbose = max(verbose, DEBUG - INFO if debug else 0)
    _log.settle()  # so that a wrong variable is reported in the right file
    get = _getenv if environ is None else environ.get
    everywhere = get("SCRUN_DEBUG")
    if everywhere:
        level = parse_level(everywhere, "SCRUN_DEBUG")
        _log.environ = {"stderr": level, "file": level, "syslog": level}
    for sink, variable in VARIABLES.items():
        value = get(variable)
        if value:
            _log.environ[sink] = parse_level(value, variable)
    _log.settle()


def configure_globals(given: Mapping[str, object]) -> None:
    """Set up the sinks by the global options of a command (`scrun.hot.options`), if given."""
    path = given.get("log")
    configure(
        path=str(path) if path else None,
        format=str(given.get("log_format") or "text"),
        verbose=int(str(given.get("verbose") or 0)),
        debug=bool(given.get("debug")),
    )


def configure_conf(levels: Mapping[str, str], flags: Iterable[str] = ()) -> None:
    """Add the levels of oci.conf, by its keys: StdIODebug, FileDebug, SyslogDebug (any case).

    Args:
        flags: DebugFlags; of Slurm's (slurm.conf(5)) ``Script`` concerns us, see `script`.
    """
    _log.script_level = INFO if "script" in (flag.lower() for flag in flags) else DEBUG
    sinks = {"stdiodebug": "stderr", "filedebug": "file", "syslogdebug": "syslog"}
    for key, value in levels.items():
        sink = sinks.get(key.lower())
        if sink and value:
            _log.conf[sink] = parse_level(value, f"oci.conf: {key}")
    _log.settle()


def listen(listener: Callable[[int, str], None]) -> None:
    """Let ``listener`` hear of every line as well, whatever its level, and the level first."""
    _log.listener = listener


def detach_stderr() -> None:
    """Write nothing to stderr from now on: it has become the container's."""
    _log.stderr_open = False


def is_enabled(level: int) -> bool:
    """Tell whether any sink takes lines of ``level``; for messages that are dear to make."""
    levels = _log.levels
    return (
        (_log.stderr_open and level <= levels["stderr"])
        or level <= levels["syslog"]
        or (_log.path is not None and level <= levels["file"])
        or _log.listener is not None
    )


def log(level: int, message: str, **fields: object) -> None:
    """Write one line to every sink that takes ``level``; ``fields`` follow the message."""
    levels = _log.levels
    if level <= levels["stderr"] and _log.stderr_open:
        _write_stderr(f"scrun: {NAMES[level]}: {message}{_suffix(fields)}")
    if _log.path is not None and level <= levels["file"]:
        if not _log.json:
            _write_file(NAMES[level], message, fields)
        elif level > ERROR:
            _write_file("debug" if level >= DEBUG else "info", message, fields)
        elif levels["file"] > ERROR:
            _write_file("warning", message, fields)
    if level <= levels["syslog"]:
        _write_syslog(level, f"{message}{_suffix(fields)}")
    if _log.listener is not None:
        _log.listener(level, f"{message}{_suffix(fields)}")


def error(message: str, **fields: object) -> None:
    """Log what went wrong on the way; the failure of the whole operation goes to `report`."""
    log(ERROR, message, **fields)


def warn(message: str) -> None:
    """Log what is odd and goes on nevertheless; where errors go, as Slurm's own warnings."""
    log(ERROR, f"warning: {message}")


def bug(err: BaseException, where: str) -> None:
    """Log an error that is our own mistake, its traceback at debug."""
    error(f"{where}: {type(err).__name__}: {err}")
    if is_enabled(DEBUG):
        from traceback import format_exception  # rare

        debug("".join(format_exception(err)))


def script(traceback: str) -> None:
    """Log a script's traceback: at debug, with DebugFlags=Script of oci.conf at info."""
    log(_log.script_level, traceback)


def tell_user(message: str) -> None:
    """Say something to the caller, whatever the level of stderr, and log it at info."""
    if _log.stderr_open and _log.levels["stderr"] < INFO and not _log.explicit_quiet:
        _write_stderr(f"scrun: {message}")
    info(message)


def info(message: str, **fields: object) -> None:
    """Log what an operator asks for next morning."""
    log(INFO, message, **fields)


def verbose(message: str, **fields: object) -> None:
    """Log with more detail than `info`."""
    log(VERBOSE, message, **fields)


def debug(message: str, **fields: object) -> None:
    """Log a decision taken or a command run, ready to paste."""
    log(DEBUG, message, **fields)


def debug2(message: str, **fields: object) -> None:
    """Log at debug2."""
    log(DEBUG2, message, **fields)


def debug3(message: str, **fields: object) -> None:
    """Log at debug3."""
    log(DEBUG3, message, **fields)


def debug4(message: str, **fields: object) -> None:
    """Log at debug4."""
    log(DEBUG4, message, **fields)


def debug5(message: str, **fields: object) -> None:
    """Log at debug5."""
    log(DEBUG5, message, **fields)


def report(failure: ScrunError | str) -> None:
    """Report the failure that ends the operation: one line on stderr, one error line in ``--log``.

    Call it once. Line breaks of the message become spaces: engines show one line.
    """
    message = " ".join(str(failure).split("\n")).strip()
    if _log.stderr_open and not _log.explicit_quiet:
        _write_stderr(f"scrun: {message}")
    if _log.path is not None and _log.levels["file"] >= FATAL:
        _write_file("error", message, {})
    if _log.levels["syslog"] >= FATAL:
        _write_syslog(ERROR, message)


def format_time(now_ns: int) -> str:
    """Return nanoseconds since the epoch as RFC 3339 in UTC: containerd refuses a missing zone."""
    seconds, nanoseconds = divmod(now_ns, 1_000_000_000)
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(seconds))}.{nanoseconds:09d}Z"


def _getenv(name: str) -> str | None:
    value = posix.environ.get(name.encode())
    return None if value is None else value.decode("utf-8", "replace")


def _suffix(fields: Mapping[str, object]) -> str:
    return "".join(f" {key}={value}" for key, value in fields.items())


def _quote(text: str) -> str:
    """Return a JSON string; bytes that are not UTF-8 (lone surrogates) become U+FFFD."""
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return f'"{clean.translate(_JSON_ESCAPES)}"'


def _write_stderr(line: str) -> None:
    _write(2, line)


def _write(fd: int, line: str) -> None:
    try:
        posix.write(fd, line.encode("utf-8", "surrogateescape") + b"\n")
    except OSError:
        return  # nowhere left to say so


def _write_file(level: str, message: str, fields: Mapping[str, object]) -> None:
    assert _log.path is not None
    now = format_time(time_ns())
    if _log.json:
        pairs = {"level": level, "msg": message, **fields, "time": now}
        line = "{" + ",".join(f"{_quote(k)}:{_quote(str(v))}" for k, v in pairs.items()) + "}"
    else:
        line = f"[{now}] scrun[{posix.getpid()}]: {level}: {message}{_suffix(fields)}"
    flags = posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_CLOEXEC
    try:
        fd = posix.open(_log.path, flags, 0o600)
    except OSError as failure:
        path, _log.path = _log.path, None  # say it once
        if _log.stderr_open:
            _write_stderr(f"scrun: --log {path}: {(failure.strerror or '').lower()}")
        return
    try:
        _write(fd, line)
    finally:
        posix.close(fd)


def _write_syslog(level: int, message: str) -> None:
    """Send one datagram as syslog(3) does; a machine without a syslog loses the line."""
    from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, socket  # seldom on

    priority = _SYSLOG_DAEMON | _SYSLOG_SEVERITY[level]
    stamp = strftime("%b %e %H:%M:%S")
    line = f"<{priority}>{stamp} scrun[{posix.getpid()}]: {message}"
    sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
    try:
        sender.connect(SYSLOG_PATH)
        sender.send(line.encode("utf-8", "replace"))
    except OSError:
        return
    finally:
        sender.close()


def flush() -> None:
    """Flush Python's own streams; call it before ``posix._exit``."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, or gone in an anchor
            continue
