"""A rate with a reserve: units that fill up again, of which more may be taken than there are. Pure.

Whoever takes more than there is leaves a debt, and the next one waits until it is paid. So a single thing that is
dearer than the bucket is not refused for ever, and over time nobody gets more than the rate.
"""


class TokenBucket:
    """A bucket, which is full in the beginning.

    Args:
        per_second: units that come in a second; 0 for none.
        at_once: units that it holds; a second's worth when absent.

    Attributes:
        left: units that it had when it was last filled, less those that were taken since; below 0 for a debt.
    """

    __slots__ = ("_at", "_at_once", "_per_second", "left")

    def __init__(self, per_second: float, at_once: float | None = None) -> None:
        self._per_second = per_second
        self._at_once = per_second if at_once is None else at_once
        self._at = 0.0
        self.left = self._at_once

    def fill(self, now: float) -> float:
        """Add what has come since the last time, and return what is left; ``now``, in seconds, never goes back."""
        self.left = left = min(self._at_once, self.left + (now - self._at) * self._per_second)
        self._at = now
        return left

    def take(self, now: float) -> bool:
        """Take one unit, if there is one; return whether there was."""
        # ``fill`` written out: whoever has spans of calls asks this for each call.
        self.left = min(self._at_once, self.left + (now - self._at) * self._per_second)
        self._at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True
