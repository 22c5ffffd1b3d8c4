"""Slurm's oci.conf: how the nodes run containers, and what we take from it.

Source: Slurm 24.11, oci.conf(5). The file lies beside slurm.conf.
"""

from __future__ import annotations

from scrun.errors import ConfigError
from scrun.oci.slurm_conf import read_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable

FILE_NAME = "oci.conf"
LEVELS = (
    *("quiet", "fatal", "error", "info", "verbose"),
    *("debug", "debug2", "debug3", "debug4", "debug5"),
)
TRUE = ("yes", "up", "true", "1")
FALSE = ("no", "down", "false", "0")
ENV_FILES = {
    **dict.fromkeys(("null", "true", "y", "yes", "1"), "null"),
    **dict.fromkeys(("disabled", "false", "n", "no", "0"), "disabled"),
    "newline": "newline",
}

# Key of the file, in lower case: our attribute and the kind of its value.
KEYS = {
    "containerpath": ("container_path", "string"),
    "createenvfile": ("create_env_file", "env file"),
    "debugflags": ("debug_flags", "list"),
    "disablecleanup": ("disable_cleanup", "bool"),
    "disablehooks": ("disable_hooks", "list"),
    "envexclude": ("env_exclude", "string"),
    "filedebug": ("file_debug", "level"),
    "ignorefileconfigjson": ("ignore_config_json", "bool"),
    "mountspooldir": ("mount_spool_dir", "string"),
    "runtimecreate": ("runtime_create", "string"),
    "runtimedelete": ("runtime_delete", "string"),
    "runtimeenvexclude": ("runtime_env_exclude", "string"),
    "runtimekill": ("runtime_kill", "string"),
    "runtimequery": ("runtime_query", "string"),
    "runtimerun": ("runtime_run", "string"),
    "runtimestart": ("runtime_start", "string"),
    "srunargs": ("srun_args", "array"),
    "srunpath": ("srun_path", "string"),
    "stdiodebug": ("stdio_debug", "level"),
    "syslogdebug": ("syslog_debug", "level"),
}


class OciConf:
    """A read oci.conf; what the file leaves out is None, False, an empty list or "disabled".

    The ``runtime_*``, ``container_path`` and ``mount_spool_dir`` are patterns for
    ``scrun.oci.patterns``; ``*_debug`` are level names of ``LEVELS``.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.container_path: str | None = None
        self.create_env_file = "disabled"  # or "null" or "newline": what ends a variable
        self.debug_flags: list[str] = []
        self.disable_cleanup = False
        self.disable_hooks: list[str] = []
        self.env_exclude: str | None = None  # POSIX extended regular expression
        self.file_debug: str | None = None
        self.ignore_config_json = False
        self.mount_spool_dir: str | None = None
        self.runtime_create: str | None = None
        self.runtime_delete: str | None = None
        self.runtime_env_exclude: str | None = None
        self.runtime_kill: str | None = None
        self.runtime_query: str | None = None
        self.runtime_run: str | None = None
        self.runtime_start: str | None = None
        self.srun_args: list[str] = []
        self.srun_path: str | None = None
        self.stdio_debug: str | None = None
        self.syslog_debug: str | None = None
        self._compiled: dict[str, re.Pattern[str]] = {}

    def runtime_style(self) -> str | None:
        """How slurmstepd drives the runtime: ``run``, ``create`` (create and start), None: not.

        Raises:
            ConfigError: a mixture that slurmstepd rejects.
        """
        create = bool(self.runtime_create), bool(self.runtime_start)
        common = bool(self.runtime_kill), bool(self.runtime_delete)
        if self.ignore_config_json:  # the site plays the runtime itself: nothing is checked
            return "run" if self.runtime_run else "create" if all(create) else None
        if not any((*create, *common, self.runtime_run)):
            return None
        if self.runtime_run and not any(create) and all(common):
            return "run"
        if not self.runtime_run and all(create) and all(common) and self.runtime_query:
            return "create"
        raise ConfigError(
            f"{self.path}: RunTimeRun, or RunTimeCreate, RunTimeStart and RunTimeQuery, are needed "
            "beside RunTimeKill and RunTimeDelete"
        )

    def log_levels(self) -> dict[str, str]:
        """Return the log levels that the file sets, by its keys."""
        levels = {
            "StdIODebug": self.stdio_debug,
            "FileDebug": self.file_debug,
            "SyslogDebug": self.syslog_debug,
        }
        return {key: level for key, level in levels.items() if level}

    def filter_env(self, env: list[str]) -> list[str]:
        """Drop the ``NAME=value`` entries that EnvExclude matches (for the container)."""
        return self._filter(env, "EnvExclude", self.env_exclude)

    def filter_runtime_env(self, env: list[str]) -> list[str]:
        """Drop the ``NAME=value`` entries that RunTimeEnvExclude matches (for the runtime)."""
        return self._filter(env, "RunTimeEnvExclude", self.runtime_env_exclude)

    def _filter(self, env: list[str], key: str, expression: str | None) -> list[str]:
        if not expression:
            return env
        pattern = self._compiled.get(key)
        if pattern is None:
            from scrun.oci import ere  # `re` costs 7 ms and few sites exclude anything

            try:
                pattern = ere.compile_ere(expression)
            except ValueError as err:
                raise ConfigError(f"{self.path}: {key}: {err}") from None
            self._compiled[key] = pattern
        return [entry for entry in env if not pattern.search(entry)]


def read_beside(slurm_conf: str, warn: Callable[[str], None]) -> OciConf | None:
    """Read the oci.conf in the directory of slurm.conf, as `read_oci_conf` does."""
    return read_oci_conf(f"{slurm_conf.rpartition('/')[0]}/{FILE_NAME}", warn)


def read_oci_conf(path: str, warn: Callable[[str], None]) -> OciConf | None:
    """Read oci.conf; None when there is none (containers are then off on the nodes).

    Args:
        warn: called with one line per unknown or repeated key; the last value of a key counts,
            those of SrunArgs add up.

    Raises:
        ConfigError: unreadable, or a line or value that slurmstepd rejects as well.
    """
    try:
        open(path, "rb").close()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as err:
        raise ConfigError(f"{path}: {(err.strerror or str(err)).lower()}") from None
    conf = OciConf(path)
    seen: dict[str, str] = {}
    for key, text, place in read_settings(path):
        known = KEYS.get(key.lower())
        if known is None:
            warn(f"{place}: unknown key {key}")
            continue
        attribute, kind = known
        if kind == "array":
            getattr(conf, attribute).append(text)
            continue
        if attribute in seen:
            warn(f"{place}: {key} was set at {seen[attribute]}, this value counts")
        seen[attribute] = place
        setattr(conf, attribute, _read_value(kind, text, f"{place}: {key}"))
    return conf


def _read_value(kind: str, text: str, place: str) -> str | bool | list[str]:
    word = text.lower()
    if kind == "list":
        return [item for item in (part.strip() for part in text.split(",")) if item]
    if kind == "bool":
        if word not in TRUE and word not in FALSE:
            raise ConfigError(f"{place}: expected true or false, found {text!a}")
        return word in TRUE
    if kind == "env file":
        if word not in ENV_FILES:
            raise ConfigError(f"{place}: expected null, newline or disabled, found {text!a}")
        return ENV_FILES[word]
    if kind == "level":
        if len(word) == 1 and word in "0123456789":
            return LEVELS[int(word)]
        if word not in LEVELS:
            raise ConfigError(f"{place}: {text!a} is no log level")
        return word
    return text
