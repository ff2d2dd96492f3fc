"""Repetitions that give nothing back, in the form for each Python."""

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasm_host.repetition import IS_POSSESSIVE_RIGHT, repeated


@given(st.text(alphabet="abc\\$`", max_size=12))
@pytest.mark.parametrize("pattern", ["ab?c", r"\\.", r"(?:\\.|\$(?!b))[^`\\$]*+", "a|bc"])
@pytest.mark.parametrize("least", [0, 1])
def test_both_forms_match_alike(pattern: str, least: int, text: str) -> None:
    """What the quick form matches where Python is right about it, the other one matches everywhere."""
    forms = [re.compile(repeated(pattern, least, is_possessive_right=is_right)) for is_right in (True, False)]
    found = [match and match.span() for match in (form.match(text) for form in forms)]
    assert not IS_POSSESSIVE_RIGHT or found[0] == found[1]


def test_nothing_is_given_back() -> None:
    """What is taken stays taken, as of an atomic group."""
    for is_right in (True, False):
        assert re.fullmatch(repeated("a", is_possessive_right=is_right) + "a", "aaa") is None
        assert re.fullmatch(repeated("ab?c", is_possessive_right=False), "a") is None


def test_python_is_right_where_that_is_said() -> None:
    """The mistake of Python 3.11.0 to 3.11.4 is not in this one, or this one is one of them."""
    assert (re.fullmatch(repeated("ab?c", is_possessive_right=True), "a") is None) == (
        sys.version_info >= (3, 11, 5)
    )
