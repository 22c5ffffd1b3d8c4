"""The click command line: one line for a mistake, help for who asks, versions for engines."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scrun.cli.main import main, scrun, split_globals
from scrun.hot.verbs import VERBS


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", 'missing command. "scrun --help" shows what there is'),
        ("frobnicate", 'no such command "frobnicate"'),
        ("stat web", "did you mean start or state?"),
        ("--rot x state web", 'no such option "--rot"'),
        ("state", 'state: missing argument "ID"'),
        ("lua", "lua: missing command"),
        ("kill a b c", "kill: got unexpected extra argument (c)"),
        ("kill --froce a", 'kill: no such option "--froce"'),
        ("state --root x a", "--root goes before state"),
        ("--root", 'option "--root" requires an argument'),
        ("create --preserve-fds=x web", '"x" is not a number'),
        ("--log-format xml state web", '--log-format: unknown format "xml"'),
        ("delete --regex [", 'delete: bad regular expression "["'),
        ("list web", "list: got unexpected extra argument (web)"),
        ("run --kept web", 'run: no such option "--kept"'),
        ("spec -b", 'option "-b" requires an argument'),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    line: str, complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Engines show the line to people; usage errors exit with 1 as runc's and crun's do."""
    assert main(line.split()) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("scrun: ")
    assert err.count("\n") == 1
    assert complaint in err


def test_a_mistake_is_one_error_line_in_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """podman takes the whole file for one JSON object, containerd wants RFC 3339 with a zone."""
    path = tmp_path / "log.json"
    assert main(["--log", str(path), "--log-format=json", "create", "--bundel", "/b", "web"]) == 1
    (line,) = path.read_text().splitlines()
    entry = json.loads(line)
    assert entry["level"] == "error"
    assert f"scrun: {entry['msg']}\n" == capfd.readouterr().err
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", entry["time"])


def test_help_groups_the_commands(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capfd.readouterr().out
    positions = [
        text.index(f"{title}:") for title in ("Container verbs", "Lua tools", "Site tools")
    ]
    assert positions == sorted(positions)
    listed = set(re.findall(r"^  ([a-z]+)  ", text[positions[0] :], re.MULTILINE))
    assert listed == set(scrun.commands)


@pytest.mark.parametrize("verb", list(VERBS))
@pytest.mark.parametrize("word", ["--help", "--usage", "-h", "-?"])
def test_every_verb_has_help(verb: str, word: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([verb, word]) == 0
    text = capfd.readouterr().out
    assert text.startswith(f"Usage: scrun {verb} ")
    for option in VERBS[verb].options:
        assert option.names[-1] in text


@pytest.mark.parametrize("line", ["--version", "-V", "version", "--log /dev/null --version"])
def test_version_has_the_lines_that_engines_parse(
    line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """dockerd needs "NAME version V", and reads "commit:" and "spec:" if they are there."""
    assert main(line.split()) == 0
    first, commit, spec = capfd.readouterr().out.splitlines()
    assert re.fullmatch(r"scrun version \d+\.\d+\.\d+", first)
    assert commit.startswith("commit: ")
    assert re.fullmatch(r"spec: \d+\.\d+\.\d+", spec)


@pytest.mark.parametrize(
    ("line", "rest", "ignored"),
    [
        ("--no-cpu state web", "state web", ["--no-cpu"]),
        ("--image-store /x state web", "state web", ["--image-store"]),
        ("--image-store=/x --root r state web", "--root r state web", ["--image-store"]),
        ("--root r --future", "--root r", ["--future"]),
        ("--rot r state web", "--rot r state web", []),
        ("-x state web", "-x state web", []),
        ("--root r state --future web", "--root r state --future web", []),
    ],
)
def test_unknown_global_options_are_ignored(line: str, rest: str, ignored: list[str]) -> None:
    """An option of another runtime must not stop an engine; a slip of the fingers must."""
    words, _, dropped = split_globals(line.split())
    assert words == rest.split()
    assert dropped == ignored


def test_an_ignored_option_is_logged_at_debug(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    main(["--debug", "--future", "--root", str(tmp_path), "delete", "--force", "web"])
    assert "option --future has no effect here" in capfd.readouterr().err


def test_delete_by_regex_takes_every_match(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """crun: "the specified CONTAINER is a regular expression"; any part of the ID may match."""
    for name in ("web-1", "web-2", "db", "~77"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "released").touch()
    assert main(["--root", str(tmp_path), "delete", "--regex", "eb-|7"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["db", "~77"]
    assert capfd.readouterr().err == ""
