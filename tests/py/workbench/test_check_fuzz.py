"""Whatever is done to Lua, the check answers with findings."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scrun.lua.engines import DIALECTS
from scrun.workbench.check import Options, check_source
from scrun.workbench.check.script import ScriptType
from tests.py.workbench.check_cases import FOUND, QUIET
from tests.py.workbench.test_check_files import MANUAL

TEXTS = [text.encode() for _, text, _ in (*FOUND, *QUIET)]
LINES = [line for text in (MANUAL.read_bytes(), *TEXTS) for line in text.split(b"\n")]
KEYWORDS = """
and break do else elseif end false for function global goto if in local nil not or repeat return
then true until while ( ) { } [ ] [[ ]] , ; : :: . .. ... = == ~= < > + - * / // % ^ # & | ~ << >>
' " -- --[[ \\ <const> self _ENV _G slurm job_env job_desc id x f 0 1 1e3 0x1p4 'a' "%d" [==[x]==]
slurm.log_info string.format require os.execute
"""
WORDS = [*KEYWORDS.split(), "\n", "\r\n", "\0", "\xe9"]
TYPES: tuple[ScriptType, ...] = (
    *("scrun", "job_submit", "cli_filter", "burst_buffer"),
    *("module", "spec"),
)
options = st.builds(
    Options,
    script_type=st.sampled_from(TYPES),
    dialect=st.sampled_from(DIALECTS),
    slurm_version=st.sampled_from([None, "24.05", "26.05"]),
)


def answer(data: bytes, chosen: Options) -> None:
    found = check_source(data, "scrun.lua", chosen)
    lines = data.count(b"\n") + 1
    for one in found:
        assert 1 <= one.place.line <= lines and one.place.column >= 1
        assert one.message and one.advice and one.rule
    assert found == check_source(data, "scrun.lua", chosen)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=60), options)
def test_words_in_any_order(words: list[str], chosen: Options) -> None:
    """Lua's words, and those of the rules, in any order."""
    answer(" ".join(words).encode("latin-1"), chosen)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=30), options)
def test_lines_in_any_order(lines: list[bytes], chosen: Options) -> None:
    """Lines of real scripts: many of these are whole programs."""
    answer(b"\n".join(lines), chosen)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(TEXTS),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), st.sampled_from(WORDS)), max_size=5),
    options,
)
def test_changes_of_good_scripts(
    text: bytes, changes: list[tuple[float, int, str]], chosen: Options
) -> None:
    """Some bytes go, and a word comes instead."""
    for where, length, word in changes:
        at = int(where * len(text))
        text = text[:at] + word.encode("latin-1") + text[at + length :]
    answer(text, chosen)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), options)
def test_any_bytes(data: bytes, chosen: Options) -> None:
    """No Lua at all."""
    answer(data, chosen)
