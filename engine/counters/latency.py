"""A histogram of latencies whose buckets grow with the latency, so that one table serves microseconds and minutes.

Eight buckets to a doubling keep the relative error of every percentile below 5 per cent, whatever the size.
Adding is one logarithm and one increment. The table is made with the first latency: of a thousand nodes most may
never be called, and two kilobytes each, and their percentiles, would be for nothing.
"""

import math
import operator
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

_PER_DOUBLING = 8
_SMALLEST_SECONDS = 1e-6
_DOUBLINGS = 32  # from a microsecond to more than an hour
_BUCKETS = _PER_DOUBLING * _DOUBLINGS


class LatencyHistogram:
    """Counts of latencies, in seconds."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: list[int] = []

    def add(self, seconds: float, count: int = 1) -> None:
        """Count a latency, ``count`` times."""
        counts = self._counts
        if not counts:
            counts = self._counts = [0] * _BUCKETS
        if seconds <= _SMALLEST_SECONDS:
            counts[0] += count
        else:
            index = int(math.log2(seconds / _SMALLEST_SECONDS) * _PER_DOUBLING)
            counts[min(index, _BUCKETS - 1)] += count

    def merge(self, other: "LatencyHistogram") -> None:
        """Add what another histogram has counted."""
        if not self._counts:
            self._counts = other._counts.copy()  # noqa: SLF001 - one of us
        elif other._counts:  # noqa: SLF001
            self._counts = list(map(operator.add, self._counts, other._counts))  # noqa: SLF001

    def counts(self) -> Sequence[int]:
        """Return a copy of the table; nothing where none was counted."""
        return self._counts.copy()

    def begin_with(self, counts: Sequence[int]) -> None:
        """Go on from another one's table."""
        if len(counts) == _BUCKETS:
            self._counts = list(counts)

    @property
    def count(self) -> int:
        """The number of latencies that were counted."""
        return sum(self._counts)

    def count_below(self, doublings: int) -> int:
        """Return how many were below a microsecond doubled so many times: exact, because a bucket ends there."""
        return sum(self._counts[: doublings * _PER_DOUBLING])

    def by_doublings(self) -> list[tuple[float, int]]:
        """Return counts by the lengths in seconds that they are below, each twice the one before."""
        counts = [
            sum(self._counts[start : start + _PER_DOUBLING])
            for start in range(0, len(self._counts), _PER_DOUBLING)
        ]
        used = [index for index, count in enumerate(counts) if count]
        if not used:
            return []
        return [(_SMALLEST_SECONDS * 2 ** (index + 1), counts[index]) for index in range(used[0], used[-1] + 1)]

    def percentile_seconds(self, percent: float) -> float:
        """Return the latency that ``percent`` of the counted ones do not exceed; 0.0 when none was counted."""
        (seconds,) = self.percentiles_seconds((percent,))
        return seconds

    def percentiles_seconds(self, percents: Sequence[float]) -> list[float]:
        """Several percentiles, for little more than one costs."""
        if not self._counts:
            return [0.0] * len(percents)
        reached = list(accumulate(self._counts))
        indices = [bisect_left(reached, math.ceil(reached[-1] * percent / 100)) for percent in percents]
        # The geometric middle of the bucket: as far, by ratio, from its lower edge as from its upper.
        return [_SMALLEST_SECONDS * math.exp2((index + 0.5) / _PER_DOUBLING) for index in indices]
