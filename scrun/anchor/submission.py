"""What ``create`` was called with, checked: ID, root, bundle and options.

It is read here while the anchor loads (`scrun.anchor.create`), which gets all that can be known
without Lua.
"""

from __future__ import annotations

import marshal
import posix

from scrun.errors import ConfigError, ScrunError, UsageError
from scrun.host.user import Caller
from scrun.oci.config import Config, join_path, read_config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scrun.hot.parse import Command


class Submission:
    """All that ``create`` has found out.

    Attributes:
        config: the bundle's.
        user: who calls.
        program: what the container is to run, in its root; or why there is no such thing.
    """

    __slots__ = ("config", "program", "user")

    def __init__(self, config: Config, user: Caller, program: str | ScrunError) -> None:
        self.config = config
        self.user = user
        self.program = program

    def dumps(self, directory: str) -> bytes:
        """Return it for the anchor, with the container's directory."""
        refusal = told = None
        if isinstance(self.program, ScrunError):
            refusal = str(self.program), self.program.code
        else:
            told = self.program
        document = self.config.raw, self.config.bundle, self.config.path
        return marshal.dumps((document, self.user.facts(), told, refusal, directory))


def loads(data: bytes) -> tuple[Submission, str]:
    """Return what `Submission.dumps` made, and the directory."""
    document, facts, program, refusal, directory = marshal.loads(data)
    if refusal is not None:
        program = ScrunError(refusal[0], code=refusal[1])
    return Submission(Config(*document), Caller(facts), program), directory


def submit(command: Command, *, has_console: bool) -> tuple[Submission, str]:
    """Return the submission, and the root for the container's directory.

    Raises:
        ScrunError: bad id, bundle or config.json.
    """
    from scrun.hot.root import choose_root  # the anchor does without these
    from scrun.oci.commands import resolve_command
    from scrun.oci.ids import check_container_id

    check_container_id(command.operands[0])
    root = choose_root(command.globals.get("root"))
    given = command.options.get("config")
    config = read_config(_find_bundle(command), str(given) if given else None)
    _check_options(command, config, has_console=has_console)
    program: str | ScrunError
    try:
        program = resolve_command(config)
    except ScrunError as err:
        program = err  # whether it matters is policy
    return Submission(config, Caller(), program), root


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
