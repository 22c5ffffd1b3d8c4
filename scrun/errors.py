"""Errors that reach a person or an engine: one line that names operation, object and cause.

Messages are lower case without a full stop (``create web: allocation refused: ...``). ``code`` is
stable and matched by programs: an errno name, a Slurm name (``ESLURM_...``) or one of ours:
NOT_FOUND, EXISTS, NOT_RUNNING, BAD_STATE, BAD_CONFIG, NO_COMMAND, NO_PERMISSION, CANCELLED, SCRIPT.
"""

from __future__ import annotations

from errno import errorcode


class ScrunError(Exception):
    """A failure to report. ``str()`` is the message, and the hint as a second sentence."""

    default_code = "ERROR"
    exit_status = 1

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class UsageError(ScrunError):
    """The caller asked wrongly: an option, an operand, a variable."""

    default_code = "EINVAL"


class ConfigError(ScrunError):
    """A file is wrong: config.json, oci.conf, settings.lua."""

    default_code = "BAD_CONFIG"


class StateError(ScrunError):
    """The container is not in a state that allows the operation."""

    default_code = "BAD_STATE"


class ClusterError(ScrunError):
    """Slurm refused, failed or could not be asked."""


class ScriptError(ScrunError):
    """A Lua script failed; the message begins with the script's file and line.

    ``traceback`` is Lua's, for the debug log; empty when there is none.
    """

    default_code = "SCRIPT"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        traceback: str = "",
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.traceback = traceback


class HostError(ScrunError):
    """The operating system refused ``operation``; ``code`` is the errno's name."""

    def __init__(
        self, operation: str, error: OSError, *, path: str | None = None, hint: str | None = None
    ) -> None:
        cause = error.strerror or str(error)
        if cause[1:2].islower():  # keep abbreviations such as "RPC ..." as they are
            cause = cause[0].lower() + cause[1:]
        what = f"{operation} {path}" if path else operation
        number = error.errno
        name = errorcode.get(number, "ERROR") if number is not None else "ERROR"
        super().__init__(f"{what}: {cause}", code=name, hint=hint)
        self.errno = number
