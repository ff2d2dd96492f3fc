"""Events per second of late, held against a list of all of them."""

from hypothesis import given
from hypothesis import strategies as st

from engine.counters.throughput import Throughput

WINDOW_SECONDS = 5


@given(
    st.lists(st.tuples(st.floats(0, 4), st.integers(0, 9)), min_size=1, max_size=20),
    st.floats(0, 20),
    st.floats(0, 50),
    st.booleans(),
)
def test_it_is_the_mean_over_the_last_seconds(
    steps: list[tuple[float, int]], later: float, begin: float, is_read_often: bool
) -> None:
    """Over the second under way and the five before it, or since the first event; however often it is read."""
    throughput, now = Throughput(), begin
    events: list[tuple[float, int]] = []
    for wait, count in steps:
        now += wait
        throughput.add(now, count)
        events.append((now, count))
        if is_read_often:
            throughput.per_second(now)
    now += later
    start = int(now) - WINDOW_SECONDS
    counted = sum(count for at, count in events if int(at) >= start)
    assert throughput.per_second(now) == counted / max(now - max(events[0][0], start), 1.0)


def test_before_the_first_event_it_is_nothing() -> None:
    """Whatever the time."""
    assert Throughput().per_second(100.0) == 0.0
