"""Log lines: which level reaches which sink, and what engines read."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrun import log
from scrun.errors import HostError, ScrunError, UsageError

VARIABLES = ("SCRUN_DEBUG", "SCRUN_STDERR_DEBUG", "SCRUN_FILE_DEBUG", "SCRUN_SYSLOG_DEBUG")


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    """Leave the log of the test process as it was."""
    log.configure(environ={})
    yield
    log.configure(environ={})


def read(path: Path) -> list[dict[str, str]]:
    """Return the lines of a JSON log."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_silence_by_default(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """engine-calls 10: engines show stderr to people, and the file is empty on success."""
    log.configure(path=str(tmp_path / "log"), format="json", environ={})
    log.error("on the way")
    log.info("of interest")
    assert capfd.readouterr().err == ""
    assert not (tmp_path / "log").exists()


def test_a_failure_is_one_line_in_each_place(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """podman takes the whole log for one object; without the file it takes stderr."""
    log.configure(path=str(tmp_path / "log"), format="json", environ={})
    log.error("srun said no")
    log.report(ScrunError('create web: a "quoted"\ncause\x01', hint="do this"))
    (entry,) = read(tmp_path / "log")
    assert entry["level"] == "error"
    assert entry["msg"] == 'create web: a "quoted" cause\x01. do this'
    assert capfd.readouterr().err == f"scrun: {entry['msg']}\n"


def test_names_that_are_not_utf8_do_not_break_the_json(tmp_path: Path) -> None:
    log.configure(path=str(tmp_path / "log"), format="json", environ={})
    log.report("open /tmp/\udcff: no such file or directory")
    assert read(tmp_path / "log")[0]["msg"] == "open /tmp/\ufffd: no such file or directory"


@pytest.mark.parametrize("variable", VARIABLES)
def test_an_unknown_level_names_its_variable(variable: str) -> None:
    with pytest.raises(UsageError, match=f'{variable}: unknown log level "loud"'):
        log.configure(environ={variable: "loud"})


@pytest.mark.parametrize("name", log.NAMES)
def test_every_level_of_the_manual_is_known(name: str) -> None:
    assert log.NAMES[log.parse_level(name.upper(), "X")] == name


@pytest.mark.parametrize(
    ("conf", "environ", "verbose", "level"),
    [
        ({}, {}, 0, log.QUIET),
        ({"StdIODebug": "info"}, {}, 0, log.INFO),
        ({"StdIODebug": "info"}, {"SCRUN_DEBUG": "verbose"}, 0, log.VERBOSE),
        ({}, {"SCRUN_DEBUG": "verbose", "SCRUN_STDERR_DEBUG": "debug2"}, 0, log.DEBUG2),
        ({}, {"SCRUN_STDERR_DEBUG": "error"}, 1, log.VERBOSE),
        ({}, {"SCRUN_STDERR_DEBUG": "debug4"}, 2, log.DEBUG4),
        ({}, {}, 99, log.DEBUG5),
    ],
)
def test_levels_by_precedence(
    conf: dict[str, str],
    environ: dict[str, str],
    verbose: int,
    level: int,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Defaults, oci.conf, SCRUN_DEBUG, SCRUN_STDERR_DEBUG, -v: the later one counts."""
    log.configure(environ=environ, verbose=verbose)
    log.configure_conf(conf)
    for number in range(1, len(log.NAMES)):
        log.log(number, f"<{number}>")
    seen = capfd.readouterr().err
    assert [n for n in range(1, len(log.NAMES)) if f"<{n}>" in seen] == list(range(1, level + 1))


def test_quiet_on_request_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    """Who asks for nothing on stderr gets nothing, not even the failure."""
    log.configure(environ={"SCRUN_STDERR_DEBUG": "quiet"})
    log.report("create web: refused")
    assert capfd.readouterr().err == ""


def test_verbose_does_not_spoil_a_json_file(tmp_path: Path) -> None:
    """With --debug in the engine's runtime flags podman must still read the one error."""
    log.configure(path=str(tmp_path / "log"), format="json", debug=True, environ={})
    log.debug("chatter")
    log.error("on the way")
    log.report("create web: refused")
    assert [line["msg"] for line in read(tmp_path / "log")] == ["create web: refused"]


def test_a_json_file_takes_more_on_request_and_has_one_error(tmp_path: Path) -> None:
    """containerd takes the last line of level error: nothing on the way may be one."""
    log.configure(path=str(tmp_path / "log"), format="json", environ={"SCRUN_FILE_DEBUG": "debug"})
    log.error("on the way")
    log.info("allocated", job=7)
    log.debug("chosen")
    log.debug2("too much")
    log.report("refused")
    lines = read(tmp_path / "log")
    assert [line["level"] for line in lines] == ["warning", "info", "debug", "error"]
    assert lines[1]["job"] == "7"


def test_the_text_format_has_time_level_and_fields(tmp_path: Path) -> None:
    log.configure(path=str(tmp_path / "log"), environ={"SCRUN_FILE_DEBUG": "info"})
    log.info("allocated", container="web", job=7)
    line = (tmp_path / "log").read_text()
    assert line.endswith(f"Z] scrun[{os.getpid()}]: info: allocated container=web job=7\n")


def test_a_relative_log_file_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log.configure(path="log", environ={})
    monkeypatch.chdir("/")
    log.report("refused")
    assert (tmp_path / "log").exists()


def test_a_log_file_that_cannot_be_opened_is_said_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log.configure(path=str(tmp_path / "absent" / "log"), environ={})
    log.report("refused")
    log.report("again")
    assert capfd.readouterr().err.count("no such file or directory") == 1


def test_a_detached_stderr_belongs_to_the_container(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure(environ={"SCRUN_DEBUG": "debug"})
    log.detach_stderr()
    log.info("allocated")
    log.report("refused")
    assert capfd.readouterr().err == ""


def test_syslog_gets_a_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """syslog(3): <facility * 8 + severity>, time, program[pid]; daemon is 3, info is 6."""
    received: list[bytes] = []
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    monkeypatch.chdir(tmp_path)
    listener.bind("log")
    listener.settimeout(60)
    thread = threading.Thread(target=lambda: received.append(listener.recv(4096)))
    thread.start()
    monkeypatch.setattr(log, "SYSLOG_PATH", "log")
    log.configure(environ={"SCRUN_SYSLOG_DEBUG": "info"})
    log.info("allocated", job=7)
    thread.join()
    listener.close()
    assert received[0].startswith(b"<30>")
    assert received[0].endswith(b" scrun[%d]: allocated job=7" % os.getpid())


def test_the_time_is_rfc_3339_with_a_zone() -> None:
    """containerd cannot parse a time without one, and shows its own complaint instead."""
    assert log.format_time(1_795_500_000_123_456_789) == "2026-11-24T06:00:00.123456789Z"


def test_a_host_error_names_operation_path_and_cause() -> None:
    failure = HostError("bind", PermissionError(13, "Permission denied"), path="/run/x")
    assert str(failure) == "bind /run/x: permission denied"
    assert failure.code == "EACCES"
