"""scrun.d/settings.lua as the host reads it: what is refused, and what means "no limit"."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scrun.anchor.policy import Policy
from scrun.errors import ConfigError
from scrun.lua import Runtime, SearchPath
from scrun.settings import Settings

WORDS = {
    "backend": "auto slurm local",
    "control_step": "needed start",
    "output": "auto lines bytes",
    "pyslurm": "auto off",
    "rootless_user": "process root",
    "rsync_scratch": "shared nodes",
}
LIMITS = ("command_timeout_s", "lua_memory_bytes", "stage_timeout_s")
CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    (tmp_path / "scrun.d").mkdir(mode=0o755)
    return tmp_path


def read(directory: Path, changes: str) -> Settings:
    """Return the shipped settings with these lines of Lua after them."""
    path = directory / "scrun.d" / "settings.lua"
    path.write_text(f"local s = require 'luastd.settings'\n{changes}\nreturn s\n")
    path.chmod(0o644)
    return Policy(SearchPath(str(directory))).settings()


@pytest.mark.parametrize("name", WORDS)
def test_a_misspelt_word_is_refused(directory: Path, name: str) -> None:
    """One line with the file, the setting, what may stand there and what was found."""
    for value in ("'noeds'", "true", "1", "{}"):
        with pytest.raises(ConfigError) as caught:
            read(directory, f"s.{name} = {value}")
        expected = f"settings.lua: {name}: expected one of {WORDS[name].replace(' ', ', ')}, found "
        assert str(caught.value).startswith(expected)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", WORDS)
def test_every_word_is_taken(directory: Path, name: str) -> None:
    for value in WORDS[name].split():
        assert read(directory, f"s.{name} = '{value}'").table[name] == value
    read(directory, f"s.{name} = nil")


def test_every_setting_of_words_is_looked_at() -> None:
    """docs/admin.md shows the words of a setting in backquotes: none with two may be missing."""
    rows = re.findall(
        r"^\| `(\w+)` \| `'\w+'` \| (.*) \|$", (CHECKOUT / "docs/admin.md").read_text(), re.M
    )
    listed = {name for name, meaning in rows if len(re.findall(r"`\w+`[:,]? ", meaning)) > 1}
    assert listed - set(WORDS) <= {"dialect", "stage"}, "these have checks of their own"
    assert {"output", "rootless_user", "control_step"} <= listed


def test_settings_of_a_sites_own_are_its_own(directory: Path) -> None:
    settings = read(directory, "s.our_scratch, s.our_output = '/s', { 'any', 'thing' }")
    assert settings.table["our_scratch"] == "/s"


@pytest.mark.parametrize("name", LIMITS)
def test_infinity_is_no_limit(directory: Path, name: str) -> None:
    assert getattr(read(directory, f"s.{name} = math.huge"), name) == 0


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", ["0/0", "-(0/0)", "-1", "-math.huge", "'60'", "true"])
def test_what_is_no_limit_is_refused(directory: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(directory, f"s.{name} = {value}")
    expected = f"settings.lua: {name}: expected a number that is not negative, found "
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize("value", ["2^40", "2^63", "1e300", "math.maxinteger"])
def test_memory_without_measure(directory: Path, dialect: str, value: str) -> None:
    """More than a size_t counts is taken for as much as one does."""
    memory_bytes = read(directory, f"s.lua_memory_bytes = {value}").lua_memory_bytes
    assert memory_bytes >= 2**40
    runtime = Runtime(dialect, memory_bytes=memory_bytes)
    assert runtime.execute("return #string.rep('x', 1000000)") == 1_000_000


def test_long_times_stay_what_they_are(directory: Path) -> None:
    """25 days and more."""
    assert read(directory, "s.stage_timeout_s = 3e6").stage_timeout_s == 3e6
