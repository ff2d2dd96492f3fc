"""A sampler that lets so many events of each kind through in a second, and counts what it left out. Pure."""

from collections.abc import Hashable

WINDOW_SECONDS = 1.0


class Sampler:
    """A sampler that lets the first ``max_per_second`` events of each key through in each second.

    Args:
        max_per_second: 0 lets everything through.
    """

    def __init__(self, max_per_second: int) -> None:
        self._limit = max_per_second
        self._windows: dict[Hashable, list[float]] = {}  # when it ends, how many passed in it, how many did not

    def admit(self, key: Hashable, now: float) -> int | None:
        """Return how many of this key were left out since the last that passed; None where this one is to be left
        out.

        Args:
            key: what is counted together.
            now: seconds.
        """
        if not self._limit:
            return 0
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = [now + WINDOW_SECONDS, 0, 0]
        if now >= window[0]:
            window[0], window[1] = now + WINDOW_SECONDS, 0
        if window[1] >= self._limit:
            window[2] += 1
            return None
        window[1] += 1
        skipped, window[2] = int(window[2]), 0
        return skipped

    def left_out(self) -> int:
        """Events that were left out and that no later one has told of; asked once, at the end."""
        return int(sum(window[2] for window in self._windows.values()))
