"""Log lines about what may happen thousands of times a second: the first at once, then a sum now and then."""

import math
from typing import Any

import trio

COMPLAINT_SECONDS = 10.0
"""Between two log lines about the same kind of thing."""


class ThrottledLog:
    """About one kind of thing.

    Args:
        log: takes the lines.
        event: their text.
    """

    def __init__(self, log: Any, event: str) -> None:
        self._log = log
        self._event = event
        self._told_at = -math.inf
        self._untold = 0

    def tell(self, **facts: Any) -> None:
        """Log it at intervals. ``times`` of the line counts how often it happened since the last one."""
        self._untold += 1
        now = trio.current_time()
        if now - self._told_at >= COMPLAINT_SECONDS:
            self._told_at = now
            self._log.warning(self._event, times=self._untold, **facts)
            self._untold = 0
