"""Where lines go: stderr, the file engines read, and by which level."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrun import log
from scrun.errors import HostError, ScrunError, UsageError


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    """Leave no test's levels to the next."""
    yield
    log.configure(environ={})


def test_a_failure_is_one_error_line_and_the_same_text_on_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "log"
    log.configure(path=str(file), format="json", environ={})
    log.error("on the way")
    log.info("not asked for")
    log.report(ScrunError('create web: partition "gpu" is down\nreally', hint="ask"))
    (line,) = file.read_text().splitlines()
    entry = json.loads(line)
    assert entry["level"] == "error"
    assert entry["msg"] == 'create web: partition "gpu" is down really. ask'
    assert entry["time"].endswith("Z") and len(entry["time"]) == 30
    assert capfd.readouterr().err == f"scrun: {entry['msg']}\n"


def test_bytes_that_are_not_utf8_and_control_characters_stay_json(tmp_path: Path) -> None:
    log.configure(path=str(tmp_path / "log"), format="json", environ={})
    log.report(b'a\xff"\\\x01\t'.decode("utf-8", "surrogateescape"))
    assert json.loads((tmp_path / "log").read_bytes())["msg"] == 'a\ufffd"\\\x01'


@pytest.mark.parametrize(
    ("environ", "verbose", "shown"),
    [
        ({}, 0, ""),
        ({}, 1, "v"),
        ({}, 2, "vd"),
        ({"SCRUN_DEBUG": "verbose"}, 0, "v"),
        ({"SCRUN_DEBUG": "debug", "SCRUN_STDERR_DEBUG": "quiet"}, 0, ""),
        ({"SCRUN_STDERR_DEBUG": "Debug"}, 0, "vd"),
        ({"SCRUN_FILE_DEBUG": "debug"}, 0, ""),
    ],
)
def test_levels_of_stderr(
    environ: dict[str, str], verbose: int, shown: str, capfd: pytest.CaptureFixture[str]
) -> None:
    log.configure(environ=environ, verbose=verbose)
    log.verbose("v")
    log.debug("d")
    assert "".join(line[-1] for line in capfd.readouterr().err.splitlines()) == shown


def test_the_environment_wins_over_oci_conf(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure(environ={"SCRUN_STDERR_DEBUG": "error"})
    log.configure_conf({"StdIODebug": "debug"})
    log.debug("hidden")
    assert capfd.readouterr().err == ""


def test_an_unknown_level_is_refused_by_the_variables_name() -> None:
    with pytest.raises(UsageError, match='SCRUN_FILE_DEBUG: unknown log level "loud"'):
        log.configure(environ={"SCRUN_FILE_DEBUG": "loud"})


def test_a_host_error_names_operation_path_and_cause() -> None:
    failure = HostError("open", OSError(13, "Permission denied"), path="/x")
    assert str(failure) == "open /x: permission denied"
    assert failure.code == "EACCES"
