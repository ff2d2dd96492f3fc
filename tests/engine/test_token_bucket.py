"""What may be had at a rate: a bucketful at once, and no more than the rate over time."""

from hypothesis import given
from hypothesis import strategies as st

from engine.token_bucket import TokenBucket


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


@given(
    st.floats(0.1, 1_000),
    st.floats(0, 1_000),
    st.lists(st.tuples(st.floats(0, 2), st.floats(0, 500)), max_size=50),
)
def test_a_debt_is_paid_before_anything_is_left(
    per_second: float, at_once: float, taken: list[tuple[float, float]]
) -> None:
    """Whatever is taken in one go, over time no more is taken than was there and has come, but the last."""
    bucket, now, sum_taken, last = TokenBucket(per_second, at_once), 0.0, 0.0, 0.0
    for pause, units in taken:
        now += pause
        if bucket.fill(now) > 0:
            bucket.left -= units
            sum_taken += units
            last = units
    assert bucket.left <= at_once
    assert sum_taken - last <= at_once + now * per_second + 1e-6
