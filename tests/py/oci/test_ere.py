"""Extended regular expressions against the C library's own regcomp(3), as slurmstepd uses it."""

import ctypes
import ctypes.util

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scrun.oci.ere import compile_ere

REG_EXTENDED = 1
libc = ctypes.CDLL(ctypes.util.find_library("c"))


def match_by_libc(expression: str, text: str) -> bool | None:
    """Return what regexec(3) says, None when regcomp(3) refuses the expression."""
    compiled = ctypes.create_string_buffer(256)  # regex_t has 64 bytes on x86-64
    if libc.regcomp(compiled, expression.encode(), REG_EXTENDED):
        return None
    try:
        return bool(libc.regexec(compiled, text.encode(), 0, None, 0) == 0)
    finally:
        libc.regfree(compiled)


def match_by_us(expression: str, text: str) -> bool | None:
    try:
        return compile_ere(expression).search(text) is not None
    except ValueError:
        return None


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("^(SLURM_CONF|SLURM_CONF_SERVER)=", "SLURM_CONF=/etc/slurm/slurm.conf"),
        ("^(SLURM_CONF|SLURM_CONF_SERVER)=", "SLURM_CONFIG=x"),
        ("^SLURM_", "MY_SLURM_X=1"),
        ("=$", "A=\n"),
        ("^A.B", "A\nB"),
        ("[[:upper:]_]+=", "path=x"),
        (r"[\d]", "d"),
        (r"[\d]", "5"),
        ("a*+b", "aab"),
        ("a+?b", "b"),
        ("a{,2}b", "aab"),
        ("[]x]", "]"),
        ("[^]x]", "]"),
        ("[a-]", "-"),
        ("[[.-.]x]", "-"),
        ("a|b|", "zzz"),
        (")", ")"),
        (r"\<PATH\>", "MY PATH=x"),
        (r"(a)\1", "aa"),
        ("()", ""),
    ],
)  # fmt: skip
def test_it_matches_what_the_c_library_matches(expression: str, text: str) -> None:
    expected = match_by_libc(expression, text)
    assert expected is not None
    assert match_by_us(expression, text) is expected


@pytest.mark.parametrize(
    "expression", ["(", "[", "[a", "*a", "a\\", "[[:nope:]]", "[z-a]", "a{3,1}"]
)
def test_it_refuses_what_the_c_library_refuses(expression: str) -> None:
    assert match_by_libc(expression, "x") is None
    with pytest.raises(ValueError, match="regular expression"):
        compile_ere(expression)


pieces = st.sampled_from(
    ["a", "b", "A", "_", "=", ".", "^", "$", "|", "(", ")", "*", "+", "?", "[ab]", "[^a]", "{1,2}",
     "{2}", "[[:alpha:]]", "[a-c_]", "\\.", "\\$", "(a|b)", "(A_)"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=6).map("".join), st.text(alphabet="abA_=.$c", max_size=6))
@example("a**", "")
@example("(^a|b$)+", "ab")
def test_it_agrees_on_made_up_expressions(expression: str, text: str) -> None:
    expected, ours = match_by_libc(expression, text), match_by_us(expression, text)
    if expected is not None:
        assert ours is expected
