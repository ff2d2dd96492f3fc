"""Events per second of late: a ring of one-second counts, without a timer."""

_WINDOW_SECONDS = 5
_SLOTS = _WINDOW_SECONDS + 1  # the second under way, and the whole ones before it


class Throughput:
    """Events counted by the second of Trio's clock in which they happened."""

    __slots__ = ("_counts", "_first", "_second")

    def __init__(self) -> None:
        self._counts = [0] * _SLOTS
        self._second = 0
        self._first: float | None = None

    def add(self, now: float, events: int) -> None:
        """Count ``events`` that happened at ``now``."""
        second = int(now)
        if second != self._second:
            self._advance(second)
        if self._first is None:
            self._first = now
        self._counts[second % _SLOTS] += events

    def per_second(self, now: float) -> float:
        """Return the mean over the last seconds, or since the first event where that is less long ago."""
        if self._first is None:
            return 0.0
        self._advance(int(now))
        since = max(self._first, int(now) - _WINDOW_SECONDS)
        return sum(self._counts) / max(now - since, 1.0)

    def _advance(self, second: int) -> None:
        """Forget the seconds that have left the window."""
        for passed in range(self._second + 1, min(second, self._second + _SLOTS) + 1):
            self._counts[passed % _SLOTS] = 0
        self._second = max(second, self._second)
