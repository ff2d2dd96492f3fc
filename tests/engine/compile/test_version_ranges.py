"""Ranges of versions mean what npm means by them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compile.version_ranges import Range, is_range, precedence


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("", ("1.0.0", "0.1", "draft"), ("2.0.0-rc.1",)),
        ("*", ("1.0.0", "draft"), ("1.0.0-alpha",)),
        ("1", ("1.0.0", "1.9.9", "1"), ("2.0.0", "0.9.9", "1.2.3-beta")),
        ("1.x", ("1.4.2",), ("2.0.0",)),
        ("1.2", ("1.2.0", "1.2.9"), ("1.3.0",)),
        ("1.2.3", ("1.2.3", "v1.2.3", "1.2.3+build"), ("1.2.4", "1.2.3-rc.1")),
        ("=1.2.3", ("1.2.3",), ("1.2.4",)),
        ("^1.2", ("1.2.0", "1.9.0"), ("1.1.9", "2.0.0", "2.0.0-rc.1")),
        ("^0.2.3", ("0.2.3", "0.2.9"), ("0.3.0", "0.2.2")),
        ("^0.0.3", ("0.0.3",), ("0.0.4",)),
        ("^0", ("0.9.9",), ("1.0.0",)),
        ("^0.0", ("0.0.9",), ("0.1.0",)),
        ("~1.2.3", ("1.2.3", "1.2.9"), ("1.3.0", "1.2.2")),
        ("~1", ("1.9.9",), ("2.0.0",)),
        (">=1 <3", ("1.0.0", "2.9.9"), ("0.9.9", "3.0.0", "3.0.0-rc.1")),
        (">1", ("2.0.0",), ("1.9.9",)),
        (">1.2.3", ("1.2.4",), ("1.2.3",)),
        ("<=1.2", ("1.2.9", "0.1.0"), ("1.3.0",)),
        ("<=1.2.3", ("1.2.3",), ("1.2.4",)),
        ("<1.2.3", ("1.2.2",), ("1.2.3", "1.2.3-rc.1")),
        ("1.2 - 2.3", ("1.2.0", "2.3.9"), ("2.4.0", "1.1.0")),
        ("1 || 3", ("1.5.0", "3.0.0"), ("2.0.0",)),
        ("^1.2.0-rc.2", ("1.2.0-rc.2", "1.2.0-rc.10", "1.2.0", "1.3.0"), ("1.2.0-rc.1", "1.3.0-rc.1")),
        ("draft-2.0-x", (), ()),
    ],
)
def test_a_range_includes_what_it_says(text: str, inside: tuple[str, ...], outside: tuple[str, ...]) -> None:
    """Each form takes the versions that npm's does, and none beside them."""
    if not inside:
        assert not is_range(text)
        return
    meant = Range(text)
    assert [version for version in inside if not meant.includes(version)] == []
    assert [version for version in outside if meant.includes(version)] == []


def test_the_newest_is_the_one_of_the_highest_numbers() -> None:
    """Versions are compared number by number, releases after what came before them, other texts lowest."""
    sample = ["1.0.0", "draft", "1.10.0", "1.0.0-beta", "1.2", "1.0.0-alpha.10", "0.9", "1.0.0-alpha.2"]
    ordered = ["draft", "0.9", "1.0.0-alpha.2", "1.0.0-alpha.10", "1.0.0-beta", "1.0.0", "1.2", "1.10.0"]
    assert sorted(sample, key=precedence) == ordered


@pytest.mark.parametrize("text", ["latest", "^", "1.2.3.4", "1.2 beta", "1 ||", ">=", "1.0-", "9" * 101])
def test_another_text_is_no_range(text: str) -> None:
    """It is refused, and does not mean something by chance."""
    assert not is_range(text)


@given(st.text(alphabet="0123456789.^~<>=x*-| va", max_size=30), st.text(max_size=20))
def test_any_text_is_a_range_or_refused(text: str, version: str) -> None:
    """Nothing but ValueError comes of a text, and every range can be asked about every version."""
    if is_range(text):
        assert Range(text).includes(version) in (True, False)
