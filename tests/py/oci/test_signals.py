"""Signals: names, SIG names and numbers, against this machine's own table."""

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrun.errors import UsageError
from scrun.oci.signals import RTMAX, RTMIN, name_signal, parse_signal

# Signals of Linux (signal(7)); the real-time ones are apart.
NAMES = [
    *("HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2"),
    *("PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG"),
    *("XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"),
]


@pytest.mark.parametrize("name", NAMES)
def test_each_signal_by_every_spelling(name: str) -> None:
    number = int(getattr(signal, f"SIG{name}"))
    for spelling in (name, f"SIG{name}", name.lower(), f"sig{name}", str(number), number):
        assert parse_signal(spelling) == (number, name)


@pytest.mark.parametrize(
    ("alias", "name"), [("IOT", "ABRT"), ("SIGCLD", "CHLD"), ("POLL", "IO"), ("UNUSED", "SYS")]
)
def test_aliases_give_the_common_name(alias: str, name: str) -> None:
    assert parse_signal(alias) == parse_signal(name)


@pytest.mark.parametrize(
    ("text", "number", "name"),
    [
        ("RTMIN", 34, "RTMIN"),
        ("SIGRTMIN+1", 35, "RTMIN+1"),
        ("rtmin+15", 49, "RTMIN+15"),
        ("RTMIN+16", 50, "RTMAX-14"),
        ("RTMAX-14", 50, "RTMAX-14"),
        ("RTMAX", 64, "RTMAX"),
        ("RTMIN+0", 34, "RTMIN"),
        ("RTMAX-0", 64, "RTMAX"),
        ("37", 37, "RTMIN+3"),  # systemd's halt
        ("0", 0, "0"),
        ("32", 32, "32"),
    ],
)
def test_realtime_signals_are_named_as_crun_names_them(text: str, number: int, name: str) -> None:
    assert parse_signal(text) == (number, name)


@pytest.mark.parametrize(
    "text",
    ["", "FOO", "SIG", "65", "-1", "+9", "1.0", "9 ", "RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMIN+",
     "SIG_DFL", "_DFL", "SIGSIGTERM", "9" * 5000, "\u0663", "TERM\n"],
)  # fmt: skip
def test_everything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="unknown signal") as caught:
        parse_signal(text)
    assert "\n" not in caught.value.message


@given(st.integers(0, RTMAX))
def test_a_name_reads_back_as_its_number(number: int) -> None:
    assert parse_signal(name_signal(number)) == (number, name_signal(number))


@given(st.text(max_size=12))
def test_what_is_read_is_a_signal(text: str) -> None:
    try:
        number, _ = parse_signal(text)
    except UsageError:
        return
    assert 0 <= number <= 64


def test_the_c_library_keeps_two_numbers() -> None:
    assert (RTMIN, RTMAX) == (34, 64)
