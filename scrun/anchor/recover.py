"""Finish what a dead anchor has left: its job, its staged files, its directory's state.

Any verb that meets a container whose lock is free but which has not ended does this first, one at
a time; after it the container is stopped, or, when it was never created, gone.
"""

from __future__ import annotations

import os

from scrun import log
from scrun.anchor.container import remove_directory
from scrun.anchor.leftovers import remove_known, sweep
from scrun.cluster.recovery import end_job, end_unrecorded_job
from scrun.errors import ScriptError, ScrunError, StateError
from scrun.host.directory import is_locked, read_record, take_lock, write_file
from scrun.host.process import end_dead_session
from scrun.hot.root import choose_root
from scrun.oci.state import CREATING, STOPPED, document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scrun.hot.parse import Command

WAIT_S = 0.05
WAITS = 1200  # another verb has a minute to finish the same recovery


def run(command: Command) -> int:
    """Recover the container that ``command`` names, then carry the command out.

    Raises:
        ScrunError: there is no such container, or its job cannot be ended now; then all stays as
            it is, to be tried again.
    """
    container_id = command.operands[0]
    directory = f"{choose_root(command.globals.get('root'))}/{container_id}"
    is_forced = command.verb == "delete" and bool(command.options.get("force"))
    # Nobody's, or some other program's directory, unless its creator was killed before an anchor.
    if not os.path.lexists(f"{directory}/lock") and not (is_forced and _is_new(directory)):
        if is_forced:
            return 0
        raise StateError(f'container "{container_id}" does not exist', code="NOT_FOUND")
    lock = _wait_for_lock(directory, container_id)
    if lock is not None:
        try:
            # Looked at under the lock: it may have been finished, or be another container by now.
            if not is_locked(directory) and not os.path.exists(f"{directory}/released"):
                if command.verb == "state" and _print_stopped(directory):
                    return 0
                recover(directory, give_up=is_forced)
        finally:
            os.close(lock)
        sweep(os.path.dirname(directory))
    from scrun.hot.client import run as ask  # now it answers from the directory

    if not ask(command):
        raise StateError(f"{command.verb} {container_id}: its anchor died again")
    return 0


def recover(directory: str, *, remove: bool = False, give_up: bool = False) -> None:
    """End all that a dead anchor held. The caller has the lock ``recovery``.

    Args:
        remove: remove the directory as well; so is that of a container not created yet.
        give_up: go on when the files cannot be staged out.

    Raises:
        ScrunError: the job cannot be ended, or the files not be staged out, now.
    """
    record = read_record(directory)
    name = os.path.basename(directory)
    if not record:  # it died before it wrote one, or could not write it whole
        end_unrecorded_job(directory, os.environ)
        remove_known(directory)
        return
    log.info(f"{name}: its anchor died: finishing job {record['job'].get('job_id', 0)}")
    # The job's end first: what still runs would go on writing to what is staged out.
    end_job(record, directory)
    end_dead_session(record["pid"], record["boot"])  # what its script still had running
    if record["staged"] or record["status"] == CREATING:
        _stage_out(record, directory, give_up=give_up or remove)
    if remove or record["status"] == CREATING:
        remove_directory(directory)
        return
    write_file(f"{directory}/state.json", _document(record))
    write_file(f"{directory}/released", b"")


def _is_new(directory: str) -> bool:
    """Tell whether there is nothing yet in a directory but what its creator makes first."""
    try:
        return set(os.listdir(directory)) <= {"recovery"}
    except OSError:
        return False


def _print_stopped(directory: str) -> bool:
    """Answer ``state`` without waiting for the files to be staged out: False: nobody was created.

    The other verbs finish what is left.
    """
    record = read_record(directory)
    if not record or record["status"] == CREATING:
        return False
    end_job(record, directory)
    os.write(1, _document(record))
    return True


def _document(record: dict[str, Any]) -> bytes:
    text = document(
        container_id=record["id"],
        status=STOPPED,
        pid=0,
        bundle=record["submission_bundle"],
        annotations=record["annotations"],
        rootfs=record["submission_root_path"],
        created=record["created"],
        owner=record["variables"]["SCRUN_USER"],
    )
    return text.encode("utf-8", "surrogateescape")


def _stage_out(record: dict[str, Any], directory: str, *, give_up: bool) -> None:
    """Run stage_out with what the record has.

    Of a creation that was cut short a stager removes what it has made; a scrun.lua is not asked.
    """
    from scrun.anchor.recorded import stage_out  # brings Lua

    try:
        stage_out(record, directory)
    except ScrunError as err:
        if isinstance(err, ScriptError):
            log.script(err.traceback)
        text = f"stage out {record['id']}, whose anchor died: {err}"
        bundle = record["bundle"]
        if os.path.exists(bundle):  # else a stager has told what is of it
            text += f". its files are in {bundle}"
        if not give_up:
            hint = "delete --force gives them up"
            raise StateError(text, code="STAGE_OUT", hint=hint) from err
        log.tell_user(text)


def _wait_for_lock(directory: str, container_id: str) -> int | None:
    """Return the lock; None: the directory is gone, another verb has recovered and removed it."""
    from select import select  # a wait is rare

    for _ in range(WAITS):
        try:
            lock = take_lock(directory, "recovery")
        except FileNotFoundError:
            return None
        if lock is not None:
            return lock
        select((), (), (), WAIT_S)
    raise StateError(f'container "{container_id}" is locked by another process', code="EBUSY")
