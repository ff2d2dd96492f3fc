"""Latency histograms: percentiles within their promised error, at any scale."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.counters.latency import LatencyHistogram

latencies = st.lists(st.floats(min_value=2e-6, max_value=3600), min_size=1, max_size=200)


@given(latencies, st.sampled_from([1, 50, 95, 99, 100]))
def test_percentiles_are_within_five_per_cent(seconds: list[float], percent: int) -> None:
    """A percentile differs from the exact one by less than 5 per cent."""
    histogram = LatencyHistogram()
    for latency in seconds:
        histogram.add(latency)
    exact = sorted(seconds)[math.ceil(len(seconds) * percent / 100) - 1]
    assert abs(histogram.percentile_seconds(percent) / exact - 1) < 0.05


def test_nothing_counted_is_zero() -> None:
    """An empty histogram has percentiles of zero."""
    assert LatencyHistogram().percentile_seconds(99) == 0.0


def test_extremes_are_counted() -> None:
    """Latencies beyond either end of the table are counted in its outermost buckets."""
    histogram = LatencyHistogram()
    histogram.add(0.0)
    histogram.add(1e9)
    assert histogram.percentile_seconds(50) < 1.1e-6
    assert histogram.percentile_seconds(100) > 3600


@given(latencies, latencies)
def test_merging_counts_both(first: list[float], second: list[float]) -> None:
    """A merged histogram has the percentiles of all latencies of both."""
    merged, other, together = LatencyHistogram(), LatencyHistogram(), LatencyHistogram()
    for latency in first:
        merged.add(latency)
        together.add(latency)
    for latency in second:
        other.add(latency)
        together.add(latency)
    merged.merge(other)
    for percent in (50, 95, 99):
        assert merged.percentile_seconds(percent) == together.percentile_seconds(percent)


@given(latencies=st.lists(st.floats(1e-7, 100), max_size=50), doublings=st.integers(1, 30))
def test_what_is_below_a_doubling_is_counted_exactly(latencies: list[float], doublings: int) -> None:
    """Unlike a percentile, the count below a microsecond doubled n times has no error."""
    histogram = LatencyHistogram()
    for latency in latencies:
        histogram.add(latency)
    edge = 1e-6 * 2**doublings
    near = [latency for latency in latencies if abs(latency - edge) < 1e-9 * edge]
    below = sum(latency < edge for latency in latencies)
    assert abs(histogram.count_below(doublings) - below) <= len(near)
    assert histogram.count == len(latencies)


@pytest.mark.parametrize("percent", [1, 50, 95, 99, 99.9])
def test_a_percentile_is_exact_to_one_of_a_thousand(percent: float) -> None:
    """As many as it says do not exceed it, and not one less."""
    histogram = LatencyHistogram()
    histogram.add(0.001, round(10 * percent))
    histogram.add(1.0, 1000 - round(10 * percent))
    assert histogram.percentile_seconds(percent) < 0.0011
    assert histogram.percentile_seconds(percent + 0.1) > 0.9


def test_doublings_are_counted_from_the_shortest_to_the_longest() -> None:
    """Those between are told even where nothing fell into them; what is shorter than the first bucket is in it."""
    histogram = LatencyHistogram()
    assert histogram.by_doublings() == []
    histogram.add(0.0)
    histogram.add(1.5e-6, 3)
    histogram.add(7e-6)
    assert histogram.by_doublings() == [(2e-6, 4), (4e-6, 0), (8e-6, 1)]
