"""The arithmetic of the benchmarks is right."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measure import figure, percentile


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_sample_that_covers_enough(samples: list[float], percent: int) -> None:
    """Nearest rank: at least `percent` of the samples are no greater, and no lesser sample has that many."""
    found = percentile(samples, percent)
    assert found in samples
    assert sum(sample <= found for sample in samples) * 100 >= percent * len(samples)
    lesser = [sample for sample in samples if sample < found]
    assert len(lesser) * 100 < percent * len(samples)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1))
def test_a_figure_lies_between_its_runs(runs: list[float]) -> None:
    """The median is bounded by the least and the most, which are runs themselves."""
    result = figure(runs)
    assert result.least == min(runs)
    assert result.most == max(runs)
    assert result.least <= result.median <= result.most
