"""Command lines of the runtime that a site's oci.conf names, for containers of this machine.

Such a runtime need not know OCI: it may be told a root filesystem, a command and a file with the
environment, and its container is known by the number of its first process alone. Then what is left
of that process's group goes with it, as slurmstepd would end all of a step.
Source: oci.conf(5), "OCI Pattern", CreateEnvFile; Slurm, containers.html, the examples for
Singularity, Charliecloud and Enroot; src/plugins/runtime/oci/runtime_oci.c.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.cluster.local_guard import RUNTIME_NOTE
from scrun.errors import HostError, ScrunError
from scrun.host.directory import read_file, write_file
from scrun.host.process import GROUP, SESSION, SIGKILL, kill_relatives, read_boot
from scrun.oci.patterns import PatternValues, expand_command, has_letter, quote_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrun.oci.config import Config
    from scrun.oci.oci_conf import OciConf

# What is not known before the start. `%p` never is: a note has it (`local_guard.Guard`).
LATE = "brp@"
# Sets $task_pid, and fails where the process of the note has ended: its number may be another's.
FIND_PID = (
    "read -r task_pid began 2>/dev/null <{note} && "
    'read -r found 2>/dev/null <"/proc/$task_pid/stat" && '
    '(set -- ${{found##*) }}; [ "$1" != Z ] && [ "${{20}}" = "$began" ])'
)
# RunTimeDelete of a container that is known by its process: it is given a while, and what it
# leaves is killed. A group's number is given to nobody as long as it has members.
REMOVAL = """\
is_there() {{
  read -r found 2>/dev/null <"/proc/$leader/stat" || return 1
  set -- ${{found##*) }} # fields 3 (state) to 22 (start) and on of proc_pid_stat(5)
  state=$1
  [ "${{20}}" = "$began" ]
}}
lives() {{ is_there && [ "$state" != Z ]; }}
read -r boot </proc/sys/kernel/random/boot_id && [ "$boot" = {boot} ] || exit 0
read -r leader began 2>/dev/null <{note} && lives || exit 0
(
{command}
)
tries=0
while lives && [ $tries -lt 20 ]; do
  tries=$((tries + 1))
  sleep 0.1
done
if is_there || [ ! -e "/proc/$leader" ]; then kill -s KILL -- "-$leader"; fi
"""


class SitePatterns:
    """The patterns of oci.conf, filled in for one container.

    Args:
        spool_dir: the container's own directory.
        user: name and number.

    Attributes:
        job_id: to be set when there is one.
    """

    def __init__(self, oci_conf: OciConf | None, spool_dir: str, user: tuple[str, int]) -> None:
        self.job_id = 0
        self._conf = oci_conf
        self._note = quote_word(f"{spool_dir}/{RUNTIME_NOTE}")
        # Where slurmstepd has a directory for %m and %e: sites bind it into containers, and keep
        # images in it. The container's own has what is nobody's business.
        self._spool_dir = f"{spool_dir}/runtime"
        self._user = user
        self._bundle = ""
        self._rootfs = ""
        self._args: list[str] | None = None

    @property
    def ends_with_process(self) -> bool:
        """Whether the container is known by its first process alone."""
        conf = self._conf
        patterns = (conf.runtime_kill or "%p", conf.runtime_delete or "") if conf else ()
        return any(has_letter(pattern, "p") for pattern in patterns)

    def begin(self, bundle: str, argv: Sequence[str]) -> None:
        """Learn of a container that is about to be started; the files that its patterns need.

        Args:
            bundle: the staged one.
            argv: srun's arguments, the container's command behind ``--``.

        Raises:
            ScrunError: a file cannot be written.
        """
        conf = self._conf
        assert conf is not None, "the patterns are its"
        self._bundle, self._rootfs = bundle, f"{bundle}/rootfs"
        self._args = list(argv[argv.index("--") + 1 :]) if "--" in argv else None
        try:
            os.makedirs(self._spool_dir, 0o700, exist_ok=True)
        except OSError as err:
            raise HostError("make directory", err, path=self._spool_dir) from err
        named = (conf.runtime_run, conf.runtime_kill, conf.runtime_query, conf.runtime_delete)
        writes_environment = conf.create_env_file != "disabled"
        if writes_environment or any(has_letter(pattern or "", "r") for pattern in named):
            config = _read_config(bundle)
            if config is not None:
                self._rootfs = config.root_path
            if writes_environment:
                self._write_environment(conf, [] if config is None else config.env)
        if self._removes_late():
            write_file(f"{self._spool_dir}/removal", os.fsencode(self._removal_script()))

    def run(self) -> list[str]:
        """Return RunTimeRun."""
        assert self._conf is not None
        return ["/bin/sh", "-c", self.expand(self._conf.runtime_run or "")]

    def kill(self, number: int) -> list[str]:
        """Return RunTimeKill with a signal.

        Raises:
            ClusterError: there is none.
        """
        from scrun.cluster.runtime_commands import kill_pattern  # many containers are never killed

        if number == SIGKILL and self._conf and not self._conf.runtime_kill:
            pattern = "kill -s KILL %p"  # with IgnoreFileConfigJson there need be none
        else:
            pattern = kill_pattern(self._conf, str(number))
        return ["/bin/sh", "-c", self.expand(pattern)]

    def removal(self) -> list[str]:
        """Return what removes the container, RunTimeDelete; harmless when it was not started.

        It holds from the allocation on, also for who comes when this process is dead.
        """
        if self._removes_late():
            script = quote_word(f"{self._spool_dir}/removal")
            return ["/bin/sh", "-c", f"[ ! -e {script} ] || exec /bin/sh {script}"]
        assert self._conf is not None
        return ["/bin/sh", "-c", self.expand(self._conf.runtime_delete or "")]

    def end_rest(self, leader: int, *, session: bool) -> None:
        """Kill what the container's first process, which has been reaped, has left.

        Args:
            leader: of a process group, or, with ``session``, of a session.
        """
        # Its number is given to nobody as long as it has members.
        if self.ends_with_process and not os.path.exists(f"/proc/{leader}"):
            kill_relatives(leader, SESSION if session else GROUP)

    def expand(self, pattern: str) -> str:
        """Return shell of a pattern; with ``%p`` it fails once the process has ended.

        Raises:
            ConfigError: the pattern has a letter that means nothing.
        """
        conf = self._conf
        if not has_letter(pattern, "p"):
            return expand_command(pattern, self._values(None))
        from scrun.cluster.runtime_commands import PID_MARK, with_pid  # few sites

        text = expand_command(pattern, self._values(PID_MARK))
        return with_pid(text, FIND_PID.format(note=self._note), conf.runtime_run if conf else None)

    def _removes_late(self) -> bool:
        return bool(self._conf and has_letter(self._conf.runtime_delete or "", LATE))

    def _removal_script(self) -> str:
        pattern = (self._conf.runtime_delete if self._conf else None) or ""
        command = self.expand(pattern)
        if not has_letter(pattern, "p"):
            return f"{command}\n"
        return REMOVAL.format(boot=read_boot(), note=self._note, command=command)

    def _write_environment(self, conf: OciConf, entries: list[str]) -> None:
        end = "\n" if conf.create_env_file == "newline" else "\0"
        kept = [entry + end for entry in conf.filter_env(entries) if end not in entry]
        data = "".join(kept).encode("utf-8", "surrogateescape")
        write_file(self._values(None).env_file, data)

    def _values(self, pid: str | None) -> PatternValues:
        return PatternValues(
            bundle=self._bundle,
            rootfs=self._rootfs,
            spool_dir=self._spool_dir,
            job_id=self.job_id,
            user=self._user[0],
            uid=self._user[1],
            node=os.uname().nodename,
            pid=pid,
            args=self._args,
        )


def _read_config(bundle: str) -> Config | None:
    """Return the staged config.json; None when it cannot be read: the site may need none."""
    from scrun.oci import jsontext  # most runtimes read it themselves
    from scrun.oci.config import FILE_NAME, check_config

    path = f"{bundle}/{FILE_NAME}"
    try:
        return check_config(jsontext.loads(read_file(path)), bundle, path, need_rootfs=False)
    except (OSError, jsontext.JSONSyntaxError, ScrunError) as err:
        log.info(f"{path}, for the patterns of oci.conf: {err}")
        return None
