"""The verbs that ask no container's anchor: spec, features, checkpoint, restore.

What they answer is policy (luastd/verbs/NAME.lua), which runs here and now.
"""

from __future__ import annotations

import os

from scrun.anchor.policy import Policy
from scrun.cluster.backend import choose_backend, locate_slurm_conf
from scrun.errors import HostError, ScriptError, StateError
from scrun.host.loop import Loop
from scrun.host.user import Caller
from scrun.lua.search import site_search
from scrun.oci.config import FILE_NAME, join_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from scrun.hot.parse import Command
    from scrun.lua.search import SearchPath
    from scrun.settings import Settings


def run(command: Command, make_policy: Callable[[SearchPath], Policy] = Policy) -> int:
    """Run the verb; a text that it returns is printed, that of ``spec`` written to its file.

    Args:
        make_policy: one that is watched (`scrun.workbench.run.containerless`).

    Raises:
        ScrunError: the policy refused, or the file cannot be written.
    """
    path = spec_path(command) if command.verb == "spec" else None
    text = _ask_policy(command, make_policy)
    if path is not None:
        _write_new(path, text.encode("utf-8", "surrogateescape"))
    else:
        os.write(1, text.encode("utf-8", "surrogateescape"))
    return 0


def _ask_policy(command: Command, make_policy: Callable[[SearchPath], Policy]) -> str:
    environment = dict(os.environ)
    given = command.globals.get("slurm_conf")
    slurm_conf = locate_slurm_conf(str(given) if given else None, environment)
    policy = make_policy(site_search(environment, slurm_conf))
    settings = policy.settings()
    backend = choose_backend(settings, slurm_conf, environment)
    user, loop = Caller(), Loop()

    def runtime_features(resume: Callable[..., None]) -> None:
        if backend == "local":
            _ask_runtime(loop, settings, slurm_conf, environment, resume)
        else:
            resume(None)

    facts = {
        "id": command.operands[0] if command.operands else "",
        "backend": backend,
        "rootless": not user.privileged if backend == "local" else user.uid != 0,
        "user_id": os.getuid(),
        "group_id": os.getgid(),
    }
    policy.offer({"runtime_features": runtime_features})
    answers: list[tuple[bool, Any, str]] = []
    policy.run(command.verb, facts, command.options, lambda *answer: answers.append(answer))
    while not answers:
        loop.run_once()
    ok, told, code = answers[0]
    if not ok:
        raise StateError(told, code=code)
    if told is not None and not isinstance(told, str):
        raise ScriptError(f"scrun.verbs.{command.verb}: run returned no text")
    text = told or ""
    return text if text.endswith("\n") or not text else text + "\n"


def _ask_runtime(
    loop: Loop,
    settings: Settings,
    slurm_conf: str,
    environment: dict[str, str],
    resume: Callable[..., None],
) -> None:
    from scrun import log
    from scrun.cluster.local_runtime import ask_features, choose_runtime  # only without Slurm
    from scrun.oci.oci_conf import read_beside

    oci_conf = read_beside(slurm_conf, log.warn)
    runtime = choose_runtime(settings.local_runtime, environment.get("PATH"), oci_conf)
    if runtime:
        ask_features(loop, runtime, environment, resume)
    else:  # oci.conf has a pattern that runs containers, none that asks this
        resume(None)


def spec_path(command: Command) -> str:
    """Return the file that ``spec`` writes, absolute."""
    bundle = join_path(os.getcwd(), str(command.options.get("bundle") or "."))
    given = command.options.get("file")
    return join_path(os.getcwd(), str(given)) if given else join_path(bundle, FILE_NAME)


def _write_new(path: str, data: bytes) -> None:
    """Write a file that is not there yet.

    Raises:
        StateError: it is (code EXISTS).
        HostError: it cannot be written.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        raise StateError(f"spec: {path} is there already", code="EXISTS") from None
    except OSError as err:
        raise HostError("spec: write", err, path=path) from err
    with open(fd, "wb") as file:
        file.write(data)
