"""A ration of spans: a second's worth at once, and no more than its rate over time."""

from hypothesis import given
from hypothesis import strategies as st

from service.observability.token_bucket import TokenBucket


@given(st.integers(0, 50), st.lists(st.floats(0, 2), max_size=300))
def test_no_more_than_the_rate_is_given_out(per_second: int, pauses: list[float]) -> None:
    """Whenever it is asked: a second's worth, and what the time since has added."""
    ration, now, given_out = TokenBucket(per_second), 1_000.0, 0
    for pause in pauses:
        now += pause
        given_out += ration.take(now)
    assert given_out <= per_second + sum(pauses) * per_second + 1e-6


def test_it_fills_up_again() -> None:
    """What was used up is there again after a second, and not more than that after ten."""
    ration = TokenBucket(3)
    assert [ration.take(5.0) for _ in range(4)] == [True, True, True, False]
    assert ration.take(5.4)
    assert [ration.take(15.0) for _ in range(4)] == [True, True, True, False]
    assert not TokenBucket(0).take(5.0)
