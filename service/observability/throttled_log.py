"""Log lines about what may happen thousands of times a second: the first at once, then one in a while.

Whoever can make something happen must not be able to fill a disk by it.
"""

import math
from typing import Any

import trio

QUIET_SECONDS = 10.0
"""The time between two lines about the same kind of thing, where nobody says otherwise."""


class ThrottledLog:
    """Lines about one kind of thing.

    Args:
        log: takes the lines.
        seconds: between two of them; what happens in between is only counted.
    """

    def __init__(self, log: Any, seconds: float = QUIET_SECONDS) -> None:
        self._log = log
        self._seconds = seconds
        self._wrote_at = -math.inf
        self._left_out = 0

    def warning(self, event: str, **facts: Any) -> None:
        """Log it at intervals. ``times`` of the line counts how often it happened since the last one."""
        left_out = self._admit()
        if left_out is not None:
            self._log.warning(event, times=left_out + 1, **facts)

    def error(self, event: str, error: Exception, **facts: Any) -> None:
        """Log a failure with its traceback, or count it; a line says how many were ``left_out`` before it."""
        left_out = self._admit()
        if left_out is not None:
            if left_out:
                facts["left_out"] = left_out
            self._log.error(event, exc_info=error, **facts)

    def _admit(self) -> int | None:
        """Return how many were left out since the last line; None where this one is left out."""
        now = trio.current_time()
        if now - self._wrote_at < self._seconds:
            self._left_out += 1
            return None
        left_out, self._left_out = self._left_out, 0
        self._wrote_at = now
        return left_out
