"""From argv to the code that serves it: the hot client, a verb with more to do, or click."""

import posix
import sys

from scrun.hot.parse import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from typing import NoReturn

    from scrun.hot.parse import Command
else:
    import _signal  # `signal` wraps it in enums: 5 ms

SIGCHLD = 17
LOG_VARIABLES = (
    b"SCRUN_DEBUG",
    b"SCRUN_STDERR_DEBUG",
    b"SCRUN_FILE_DEBUG",
    b"SCRUN_SYSLOG_DEBUG",
)
VERSION = ("--version", "-V", "version")


def main(argv: list[str] | None = None) -> "NoReturn":
    """Run the program and end the process, without Python's own way down: it costs 1.3 ms."""
    arguments = sys.argv[1:] if argv is None else argv
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        _fill_stdio()
    try:
        if len(arguments) == 1 and arguments[0] in VERSION:  # dockerd asks all the time
            from scrun.cli.version import format_version

            print(format_version())
            sys.stdout.flush()
            posix._exit(0)
        command = parse(arguments)
        status = run_cli(arguments) if command is None else run(command)
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        status = 1
    posix._exit(status)


def _fill_stdio() -> None:
    """Open what our caller has closed: else files of ours would be the container's stdio."""
    while (fd := posix.open("/dev/null", posix.O_RDWR)) < 3:
        posix.set_inheritable(fd, True)
    posix.close(fd)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def run_cli(argv: list[str]) -> int:
    """Run what is not a plain runtime verb: help, mistakes, tools. Returns the exit status."""
    restore_site()
    from scrun.cli.main import main as cli  # click costs more than a whole verb

    return cli(argv)


def run(command: "Command") -> int:
    """Run a runtime verb, report a failure, and return the exit status."""
    try:
        if _wants_log(command):
            _configure_log(command)
        return _dispatch(command)
    except Exception as failure:  # the border: whatever it is becomes one line for the engine
        return _report(command, failure)


def restore_site() -> None:
    """Undo ``-S``: let the interpreter find what is installed beside us."""
    if sys.flags.no_site:
        import site  # 4 ms, so not for a plain verb

        site.main()


def _dispatch(command: "Command") -> int:
    if command.options.get("regex"):
        from scrun.cli.match import run_for_matches  # crun's --regex, a rare tool

        return run_for_matches(command, run)
    serve = _find_server(command.verb)
    if serve is not None:
        _become_a_parent()
        return serve(command)
    from scrun.hot.client import run as ask  # create does not need it

    if ask(command):
        return 0
    _ensure_dependencies()
    _become_a_parent()
    from scrun.anchor.recover import run as recover  # the anchor is dead

    return recover(command)


def _find_server(verb: str) -> "Callable[[Command], int] | None":
    """Return what serves a verb that does more than ask an anchor; the rest is not loaded."""
    if verb in ("create", "run"):
        import gc  # its runs over what is only being loaded take 1 ms; the anchor enables it again

        gc.disable()
        _ensure_dependencies()
        if verb == "create":
            from scrun.anchor.create import run as create

            return create
        from scrun.anchor.run import run as run_container

        return run_container
    if verb == "exec":
        _ensure_dependencies()
        from scrun.anchor.exec import run as execute

        return execute
    if verb == "list":
        _ensure_dependencies()
        from scrun.anchor.listing import run as list_containers

        return list_containers
    if verb in ("spec", "features", "checkpoint", "restore"):
        _ensure_dependencies()
        from scrun.anchor.containerless import run as run_here

        return run_here
    return None


def _become_a_parent() -> None:
    """Hear of our children's ends: a SIGCHLD ignored by our caller stays so (execve(2))."""
    _signal.signal(SIGCHLD, _signal.SIG_DFL)


def _ensure_dependencies() -> None:
    """Restore the interpreter's site where lupa is not beside us: an editable or split install."""
    for folder in sys.path:
        try:
            posix.stat(f"{folder}/lupa")
        except OSError:
            continue
        return
    restore_site()


def _wants_log(command: "Command") -> bool:
    """Tell whether anything could be logged before a failure, or the request for it be wrong."""
    given = command.globals
    if "debug" in given or "verbose" in given or given.get("log_format", "json") != "json":
        return True
    return any(variable in posix.environ for variable in LOG_VARIABLES)


def _configure_log(command: "Command") -> None:
    from scrun import log  # most verbs log nothing

    log.configure_globals(command.globals)
    for name in command.ignored:
        log.debug(f"{command.verb}: option {name} has no effect here")
    log.debug(" ".join([command.verb, *command.operands]))


def _report(command: "Command", failure: Exception) -> int:
    from scrun import log
    from scrun.errors import HostError, ScrunError
    from scrun.hot.client import Refused
    from scrun.hot.root import RootUnknown

    if not _wants_log(command):
        _configure_log(command)
    if isinstance(failure, (ScrunError, Refused, RootUnknown)):
        log.report(str(failure))
        return failure.exit_status if isinstance(failure, ScrunError) else 1
    what = " ".join([command.verb, *command.operands[:1]])
    if isinstance(failure, OSError):
        path = failure.filename
        log.report(HostError(what, failure, path=None if path is None else str(path)))
    else:
        log.report(f"{what}: internal error: {type(failure).__name__}: {failure}")
    if log.is_enabled(log.DEBUG):
        from traceback import format_exception

        log.debug("".join(format_exception(failure)))
    return 1
