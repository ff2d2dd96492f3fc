"""The written-out size of a regular expression, of which compiling and matching are multiples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.schemas.pattern_size import BOUNDLESS, pattern_weight


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [
        ("abc", 3, 3),
        ("a{500}", 500, 500),
        ("(a?){500}a{500}", 1_500, 2_100),
        ("((a{10}){10}){5}", 500, 800),
        ("[]a]{3}b", 4, 100),
        ("(?:x{9999}){9999}", 99_980_001, BOUNDLESS),
        ("a{123456789}", BOUNDLESS, BOUNDLESS),
    ],
)
def test_repetitions_are_written_out(pattern: str, least: int, most: int) -> None:
    """Counts within counts multiply, and counts side by side add up."""
    assert least <= pattern_weight(pattern) <= most


@given(st.text(alphabet="ab()[]{}\\,19^?", max_size=30))
def test_any_text_has_apattern_weight(pattern: str) -> None:
    """What is no pattern at all is weighed too, and never below nothing."""
    assert 0 <= pattern_weight(pattern) <= BOUNDLESS


def test_a_pattern_that_is_too_long_is_not_looked_at() -> None:
    """Whatever its length, and however little it means, weighing takes no time to speak of."""
    assert pattern_weight("[" * 2_000) <= 2_000
    assert pattern_weight("[" * 2_001) == BOUNDLESS
