"""A histogram of durations with fixed bounds, as Prometheus wants it."""

from bisect import bisect_left
from collections.abc import Sequence

INFINITY = "+Inf"


class Histogram:
    """Counts of durations in buckets. An observation is one search among some ten numbers.

    Args:
        bounds: the upper bounds of the buckets, in seconds, ascending; a duration on a bound is below it.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum_seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Count a duration."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self.sum_seconds += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Bounds as text, each with how many durations did not exceed it; the last one is infinity."""
        buckets: list[tuple[str, float]] = []
        seen = 0
        for bound, count in zip([*map(str, self._bounds), INFINITY], self._counts, strict=True):
            seen += count
            buckets.append((bound, seen))
        return buckets
