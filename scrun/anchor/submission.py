"""What ``create`` was called with, checked: ID, root, bundle and options."""

from __future__ import annotations

import posix

from scrun.errors import ConfigError, UsageError
from scrun.hot.root import choose_root
from scrun.oci.config import join_path, read_config
from scrun.oci.ids import check_container_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scrun.hot.parse import Command
    from scrun.oci.config import Config


def submit(command: Command, *, has_console: bool) -> tuple[Config, str]:
    """Return the container's config.json, and the root for its directory.

    Raises:
        ScrunError: bad id, bundle or config.json.
    """
    check_container_id(command.operands[0])
    root = choose_root(command.globals.get("root"))
    given = command.options.get("config")
    config = read_config(_find_bundle(command), str(given) if given else None)
    _check_options(command, config, has_console=has_console)
    return config, root


def _find_bundle(command: Command) -> str:
    bundle = join_path(posix.getcwd(), str(command.options.get("bundle") or "."))
    if "/.ro" in bundle:
        from scrun.host.copied_up import find_original  # of rootless docker

        return find_original(bundle)
    return bundle


def _check_options(command: Command, config: Config, *, has_console: bool) -> None:
    """Refuse what cannot work before anything is made.

    A caller's own terminal is no place for a container that goes on when `create` has returned:
    the shell is back at it. So crun and runc refuse it as well; `scrun run` stays with it.
    """
    has_socket = bool(command.options.get("console_socket"))
    if config.terminal and not has_socket and not has_console:
        raise ConfigError(
            f"{config.path}: process.terminal: nobody takes the terminal",
            hint="pass --console-socket, or use `scrun run` without --detach",
        )
    if has_socket and not config.terminal:
        raise UsageError(f"--console-socket: {config.path} has no process.terminal")
