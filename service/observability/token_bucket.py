"""A limit on spans: so many in a second, so that tracing never costs more than it tells. Pure."""


class TokenBucket:
    """So many a second on average, and a second's worth at once.

    Args:
        per_second: how many; 0 for none.
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._left = per_second
        self._since = 0.0

    def take(self, now: float) -> bool:
        """Take one if there is one, and return whether; ``now`` is in seconds and never goes back."""
        self._left = min(self._per_second, self._left + (now - self._since) * self._per_second)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
