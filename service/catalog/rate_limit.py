"""A limit on how often something happens: so many times in so many seconds, however often it is tried."""

from collections import deque

import trio


class RateLimit:
    """A limit that lets ``count`` pass in any ``seconds``, and no more."""

    def __init__(self, count: int, seconds: float) -> None:
        self._count = count
        self._seconds = seconds
        self._passed: deque[float] = deque(maxlen=count)

    def take(self) -> bool:
        """Let one more pass if it may now, and return whether it did."""
        now = trio.current_time()
        if len(self._passed) == self._count and now - self._passed[0] < self._seconds:
            return False
        self._passed.append(now)
        return True
