"""The weight of decoded JSON is that of its text, and looking stops at the bound."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.cooperative.slices import at_once
from engine.documents.weight import Weight, weigh
from proto import codec

ENOUGH = Weight(10**9, 10**9)
VALUES = st.recursive(
    st.none() | st.integers(-1000, 1000) | st.text("abc"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
)


def count(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + len(value) + sum(map(count, value.values()))
    return 1 + sum(map(count, value)) if isinstance(value, list) else 1


@given(VALUES)
def test_text_and_values_are_counted(value: Any) -> None:
    """The bytes are those of the text, but for a few of each number; names count as values."""
    weight = at_once(weigh(value, ENOUGH))
    assert weight.values == count(value)
    assert abs(weight.size_bytes - len(codec.encode(value))) <= 4 * weight.values


@given(VALUES, st.integers(1, 50), st.integers(1, 50))
def test_what_is_beyond_the_bound_is_said_to_be(value: Any, size_bytes: int, values: int) -> None:
    """Whether it was looked at whole or not."""
    whole, bound = at_once(weigh(value, ENOUGH)), Weight(size_bytes, values)
    assert at_once(weigh(value, bound)).exceeds(bound) == whole.exceeds(bound)


def test_no_more_is_looked_at_than_the_bound_allows() -> None:
    """A list of millions of values is refused by its length."""
    steps = sum(1 for _ in weigh([[0] * 1_000_000] * 3, Weight(10**9, 10_000)))
    assert steps == 0
    assert sum(1 for _ in weigh([[0]] * 100_000, ENOUGH)) > 100, "and what is looked at is looked at in steps"
