"""Durations in buckets."""

from hypothesis import given
from hypothesis import strategies as st

from service.observability.histogram import Histogram

BOUNDS = (0.001, 0.01, 0.1, 1.0)


@given(durations=st.lists(st.floats(0, 10) | st.sampled_from(BOUNDS)))
def test_a_bucket_counts_what_does_not_exceed_its_bound(durations: list[float]) -> None:
    """Buckets are cumulative and include their bounds, the last one counts all, and the sum is that of all."""
    histogram = Histogram(BOUNDS)
    for duration in durations:
        histogram.observe(duration)
    expected = [(str(bound), sum(duration <= bound for duration in durations)) for bound in BOUNDS]
    assert histogram.buckets() == [*expected, ("+Inf", len(durations))]
    assert abs(histogram.sum_seconds - sum(durations)) < 1e-6
