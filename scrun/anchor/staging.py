"""The site's script on a thread of its own: whatever it waits for, the anchor does not.

The thread runs stage_in and stage_out of one container in one Lua state; its end is told to the
loop by a pipe. Commands of the script get the job's variables over a sane base.
"""

from __future__ import annotations

import os
from _thread import start_new_thread

from scrun import log
from scrun.errors import ScriptError, ScrunError
from scrun.lua.site import SiteScript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrun.anchor.container import Container
    from scrun.anchor.job import LocalJob, SlurmJob
    from scrun.anchor.loop import Loop
    from scrun.lua.search import SearchPath
    from scrun.lua.site import Result

    Done = Callable[[ScrunError | None], None]

INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR")
OUTPUT_BYTES = 65536


class AnchorStageHost:
    """What a site's script can do here; see `scrun.lua.site.StageHost`."""

    def __init__(self, container: Container, job: LocalJob | SlurmJob) -> None:
        self.container = container
        self.job = job
        self.cluster_name = job.environment.get("SLURM_CLUSTER_NAME", "local")

    def allocator_command(self, script: bytes, options: Mapping[str, object]) -> Result:
        return capture(["/bin/sh", "-c", os.fsdecode(script)], self._environment())

    def remote_command(self, script: bytes, options: Mapping[str, object]) -> Result:
        argv = [*self.job.remote_prefix(), "/bin/sh", "-c", os.fsdecode(script)]
        return capture(argv, self._environment())

    def set_bundle_path(self, path: bytes | None) -> bytes | None:
        original = os.fsencode(self.container.config.bundle)
        self.container.bundle = os.fsdecode(path) if path else self.container.config.bundle
        return original

    def set_root_path(self, path: bytes | None) -> bytes | None:
        original = os.fsencode(self.container.config.root_path)
        self.container.root_path = os.fsdecode(path) if path else self.container.config.root_path
        return original

    def log(self, level: int, message: bytes) -> None:
        log.log(level, message.decode("utf-8", "replace"))

    def user_msg(self, message: bytes) -> None:
        log.info(message.decode("utf-8", "replace"))

    def qos_priority(self, name: bytes) -> int | None:
        return None  # the commands backend cannot ask the accounting cache

    def _environment(self) -> dict[str, str]:
        base = {name: os.environ[name] for name in INHERITED if name in os.environ}
        base.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
        entries = self.container.output_variables() | self.job.environment
        return base | entries


class Staging:
    """Runs the script's two functions, one at a time."""

    def __init__(
        self,
        loop: Loop,
        container: Container,
        job: LocalJob | SlurmJob,
        search: SearchPath,
    ) -> None:
        self.loop = loop
        self.container = container
        self.job = job
        self.host = AnchorStageHost(container, job)
        script = search.script()
        self.script = SiteScript(self.host, script=script, search=search)

    def stage_in(self, user_id: int, group_id: int, done: Done) -> None:
        """Load the script and run ``slurm_scrun_stage_in``."""
        entries = self.container.output_variables() | self.job.environment
        job_env = [os.fsencode(f"{name}={value}") for name, value in entries.items()]

        def work() -> None:
            self.script.load()
            self.script.stage_in(
                id=self.container.id,
                bundle=self.container.config.bundle,
                spool_dir=self.container.directory,
                config_file=self.container.config.path,
                job_id=self.job.job_id,
                user_id=user_id,
                group_id=group_id,
                job_env=job_env,
            )

        self._on_thread(work, done)

    def stage_out(self, user_id: int, group_id: int, done: Done) -> None:
        """Run ``slurm_scrun_stage_out``."""

        def work() -> None:
            self.script.stage_out(
                id=self.container.id,
                bundle=self.container.bundle,
                orig_bundle=self.container.config.bundle,
                root_path=self.container.root_path,
                orig_root_path=self.container.config.root_path,
                spool_dir=self.container.directory,
                config_file=self.container.config.path,
                job_id=self.job.job_id,
                user_id=user_id,
                group_id=group_id,
            )

        self._on_thread(work, done)

    def _on_thread(self, work: Callable[[], None], done: Done) -> None:
        reader, writer = os.pipe()
        failure: list[ScrunError] = []

        def body() -> None:
            try:
                work()
            except ScrunError as err:
                failure.append(err)
            except Exception as err:  # the border of a thread: nobody above would see it
                failure.append(ScriptError(f"internal error: {type(err).__name__}: {err}"))
            os.close(writer)

        def over() -> None:
            self.loop.forget(reader)
            os.close(reader)
            done(failure[0] if failure else None)

        self.loop.watch(reader, over)
        start_new_thread(body, ())


def capture(argv: list[str], environment: Mapping[str, str]) -> tuple[int, bytes, None]:
    """Run a command to its end; returns its status (128+n by signal n) and merged output."""
    from scrun.host.process import spawn

    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        process = spawn(argv, environment, stdio=(null, writer, writer))
    except ScrunError as err:
        os.close(reader)
        return 127, os.fsencode(f"{err}\n"), None
    finally:
        os.close(null)
        os.close(writer)
    parts = []
    while part := os.read(reader, OUTPUT_BYTES):
        parts.append(part)
    os.close(reader)
    return process.reap(), b"".join(parts), None
