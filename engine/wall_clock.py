"""The time of day, for the times that people see. Everything that waits goes by Trio's clock instead."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import trio


class WallClock:
    """The time of day.

    Args:
        now_seconds: seconds since the epoch; another source makes runs repeatable.
    """

    def __init__(self, now_seconds: Callable[[], float] = time.time) -> None:
        self._now_seconds = now_seconds

    def milliseconds_at(self, trio_seconds: float | None) -> int:
        """A moment of Trio's clock in milliseconds since the epoch; 0 for a moment that has not come."""
        if trio_seconds is None:
            return 0
        return int((self._now_seconds() - (trio.current_time() - trio_seconds)) * 1000)

    def timestamp(self) -> str:
        """ISO 8601 in UTC, to the millisecond, such as ``2026-01-31T12:00:00.000Z``."""
        moment = datetime.fromtimestamp(self._now_seconds(), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
