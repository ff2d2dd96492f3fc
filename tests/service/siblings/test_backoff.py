"""How long a sibling is left alone after a failure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.siblings.backoff import ASKED_LIMIT_SECONDS, FIRST_SECONDS, LONGEST_SECONDS, Backoff


@pytest.mark.parametrize(
    ("chance", "expected"),
    [(0.0, [0.5, 1, 2, 4, 8, 15, 15]), (0.5, [0.75, 1.5, 3, 6, 12, 22.5, 22.5])],
)
def test_waits_double_up_to_the_longest(chance: float, expected: list[float]) -> None:
    """Half of each wait is fixed, half is chance, and none is longer than the longest."""
    backoff = Backoff(lambda: chance)
    assert [backoff.next_seconds() for _ in expected] == expected


def test_an_answer_makes_the_next_failure_a_first_one() -> None:
    """After a reset the waits begin anew."""
    backoff = Backoff(lambda: 0.0)
    backoff.next_seconds()
    backoff.next_seconds()
    backoff.reset()
    assert backoff.next_seconds() == FIRST_SECONDS / 2


@pytest.mark.parametrize(("asked", "waited"), [(0.1, 0.5), (60, 60), (1e9, ASKED_LIMIT_SECONDS)])
def test_what_the_sibling_asks_for_counts_where_it_is_longer(asked: float, waited: float) -> None:
    """A wait that was asked for is kept, and no sibling can ask to be forgotten."""
    assert Backoff(lambda: 0.0).next_seconds(asked) == waited


@given(st.lists(st.floats(0, 1, exclude_max=True), max_size=40))
def test_no_wait_is_nothing_and_none_is_endless(chances: list[float]) -> None:
    """Whatever chance says, there is no hot loop, and a sibling that is back is noticed in time."""
    backoff = Backoff(iter(chances).__next__)
    assert all(FIRST_SECONDS / 2 <= backoff.next_seconds() <= LONGEST_SECONDS for _ in chances)
