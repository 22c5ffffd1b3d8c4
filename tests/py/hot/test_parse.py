"""What engines send, as the hot parser takes it, and what it leaves to click."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from scrun.hot.options import COUNT, FLAG, HELP_OPTION, find_option
from scrun.hot.parse import parse
from scrun.hot.verbs import VERBS


def test_create_as_podman_sends_it() -> None:
    line = "create --bundle /b --pid-file /p --console-socket /c web"
    command = parse(["--log-format=json", "--log", "/l", *line.split()])
    assert command is not None
    assert command.verb == "create"
    assert command.globals == {"log_format": "json", "log": "/l"}
    assert command.options == {"bundle": "/b", "pid_file": "/p", "console_socket": "/c"}
    assert command.operands == ["web"]


def test_create_as_docker_sends_it() -> None:
    line = "--root /r --log /l --log-format json --systemd-cgroup"
    command = parse([*line.split(), "create", "--bundle=/b", "--no-pivot", "x"])
    assert command is not None
    assert command.globals == {"root": "/r", "log": "/l", "log_format": "json"}
    assert command.options == {"bundle": "/b"}
    assert command.ignored == ["--systemd-cgroup", "--no-pivot"]


@pytest.mark.parametrize("line", ["kill --all web 9", "kill web 9 --all", "kill -a web 9"])
def test_kill_with_its_option_anywhere(line: str) -> None:
    command = parse(line.split())
    assert command is not None
    assert command.options == {"all": True}
    assert command.operands == ["web", "9"]


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("create --preserve-fds 2 web", "2"),
        ("create --preserve-fds=2 web", "2"),
        ("create --preserve-fds web", ""),
        ("create --preserve-fds 7", ""),
    ],
)
def test_preserve_fds_with_and_without_a_number(line: str, number: str) -> None:
    command = parse(line.split())
    assert command is not None
    assert command.options == {"preserve_fds": number}
    assert len(command.operands) == 1


@pytest.mark.parametrize(("line", "count"), [("-v", 1), ("-vvv", 3), ("-v --verbose", 2)])
def test_verbose_is_counted(line: str, count: int) -> None:
    command = parse([*line.split(), "state", "web"])
    assert command is not None
    assert command.globals["verbose"] == count


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("list", {}),
        ("list -q --format json", {"quiet": True, "format": "json"}),
        ("list -fjson", {"format": "json"}),
        ("features", {}),
        ("spec --rootless --bundle /b", {"rootless": True, "bundle": "/b"}),
    ],
)
def test_verbs_without_a_container(line: str, options: dict[str, object]) -> None:
    command = parse(line.split())
    assert command is not None
    assert (command.options, command.operands) == (options, [])


def test_run_as_buildkit_sends_it() -> None:
    """engine-calls: BuildKit runs ``runc`` from PATH with this line."""
    line = "--log /l --log-format json run --bundle /b --keep web"
    command = parse(line.split())
    assert command is not None
    assert (command.verb, command.operands) == ("run", ["web"])
    assert command.options == {"bundle": "/b", "keep": True}


def test_checkpoint_as_containerd_sends_it() -> None:
    line = "--root /r checkpoint --image-path D --work-path W --leave-running web"
    command = parse(line.split())
    assert command is not None
    assert (command.operands, command.options) == (["web"], {})
    assert command.ignored == ["--image-path", "--work-path", "--leave-running"]


@pytest.mark.parametrize(
    "line",
    [
        *("create --pidfd-socket /s web", "run --pidfd-socket=/s -d web"),  # runc 1.2
        *("exec --pidfd-socket /s web ls", "restore --tcp-close --network-lock skip web"),
    ],
)
def test_options_without_a_meaning_here_are_noted(line: str) -> None:
    """scrun(1): all that crun and runc know is accepted, and may be ignored."""
    command = parse(line.split())
    assert command is not None
    assert command.operands[0] == "web"
    assert command.ignored and set(command.ignored) <= {
        *("--pidfd-socket", "--tcp-close", "--network-lock"),
    }


@pytest.mark.parametrize(
    ("verb", "runtime"), [(verb, runtime) for verb in VERBS for runtime in ("crun", "runc")]
)
def test_every_option_of_crun_and_runc_is_known(verb: str, runtime: str) -> None:
    """What the help of the installed ones lists is in our table, and takes a value alike."""
    program = shutil.which(runtime)
    if program is None:
        pytest.skip(f"{runtime} is not installed")
    text = subprocess.run([program, verb, "--help"], capture_output=True, text=True).stdout
    for line in re.findall(r"^ +(-.*)", text, re.MULTILINE):
        spelling, *_ = re.split(r" {2,}|\t", line)
        for name, value in re.findall(r"(?<![\w-])(--?[\w-]+)((?:[ =]\w+|\[=\w+\])?)", spelling):
            option = find_option((*VERBS[verb].options, HELP_OPTION), name)
            assert option is not None, line
            if value and not value.startswith("["):
                assert option.kind not in (FLAG, COUNT), line


@pytest.mark.parametrize(("word", "value"), [("--force", True), ("--force=false", False)])
def test_flags_in_the_spelling_of_go(word: str, value: bool) -> None:
    command = parse(["delete", word, "web"])
    assert command is not None
    assert command.options == {"force": value}


def test_an_identifier_after_two_hyphens() -> None:
    command = parse(["state", "--", "-web"])
    assert command is not None
    assert command.operands == ["-web"]


@pytest.mark.parametrize(
    "line",
    [
        *("", "--help", "--version", "-V", "-?", "state", "state a b", "kill a b c", "--nonsense"),
        *("state --nonsense a", "frob a", "--root", "create --bundle", "delete --force=perhaps a"),
        *("state --help", "create --preserve-fds=x a", "lua which verbs.kill"),
        *("list web", "features x", "run", "checkpoint"),
    ],
)
def test_help_and_mistakes_are_left_to_click(line: str) -> None:
    assert parse(line.split()) is None
