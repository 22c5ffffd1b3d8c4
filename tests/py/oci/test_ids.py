"""Container IDs: the character set crun and runc agree on, safe as a path component."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scrun.errors import UsageError
from scrun.oci.ids import CHARACTERS, MAX_BYTES, check_container_id


@pytest.mark.parametrize(
    "container_id",
    ["web", "a" * 64, "buildah-buildah123", "x_y+z-1.0", "...", "-x", ".hidden", "a" * MAX_BYTES],
)
def test_ids_of_engines_and_people_pass(container_id: str) -> None:
    check_container_id(container_id)


@pytest.mark.parametrize(
    ("container_id", "words"),
    [
        ("", "is empty"),
        (".", "name of a directory"),
        ("..", "name of a directory"),
        ("a/b", 'character "/"'),
        ("../x", 'character "/"'),
        ("a b", 'character " "'),
        ("a\n", r"character \"\\n\""),
        ("é", "not allowed"),
        ("a" * (MAX_BYTES + 1), "256 characters"),
    ],
)
def test_bad_ids_are_refused_with_the_reason(container_id: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_container_id(container_id)
    assert words.replace("\\\\", "\\").replace('\\"', '"') in caught.value.message
    assert "\n" not in str(caught.value)
    assert caught.value.code == "EINVAL"


@given(st.text(max_size=300))
@example("a\0b")
def test_what_passes_is_one_component_of_a_path(text: str) -> None:
    try:
        check_container_id(text)
    except UsageError:
        assert not text or text in (".", "..") or set(text) - CHARACTERS or len(text) > MAX_BYTES
    else:
        assert text.isascii() and "/" not in text and "\0" not in text
        assert 0 < len(text.encode()) <= MAX_BYTES and text not in (".", "..")
