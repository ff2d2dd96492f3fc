"""Repeats of one measurement: the median, and how far the others lie from it."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """The median of several runs, with the least and the most of them, in the unit of the runs."""

    median: float
    least: float
    most: float

    @property
    def spread_percent(self) -> float:
        """The distance between the least and the most, beside the median."""
        return 100 * (self.most - self.least) / self.median


def figure(runs: Sequence[float]) -> Figure:
    """What several runs of the same thing come to."""
    return Figure(statistics.median(runs), min(runs), max(runs))


def percentile(samples: Sequence[float], percent: float) -> float:
    """The sample that ``percent`` of all samples do not exceed (nearest rank)."""
    ordered = sorted(samples)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]
