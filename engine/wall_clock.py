"""The time of day, for the times that people see. Everything that waits goes by Trio's clock instead."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import trio


def epoch_ms() -> int:
    """Return the time of day in whole milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def timestamp_of(epoch_seconds: float) -> str:
    """Return a moment in the one form that times have on the wire: ISO 8601 in UTC, 2026-01-31T12:00:00.000Z."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timestamp_of_ms(ms: int) -> str:
    """Return a moment in whole milliseconds since the epoch in the same form, exactly, also in distant years."""
    seconds, rest = divmod(ms, 1000)
    return timestamp_of(seconds).replace(".000Z", f".{rest:03}Z")


class WallClock:
    """The time of day.

    Args:
        now_seconds: seconds since the epoch; another source makes runs repeatable.
    """

    def __init__(self, now_seconds: Callable[[], float] = time.time) -> None:
        self._now_seconds = now_seconds

    def milliseconds_at(self, trio_seconds: float | None) -> int:
        """Return a moment of Trio's clock in milliseconds since the epoch; 0 for a moment that has not come."""
        if trio_seconds is None:
            return 0
        return int((self._now_seconds() - (trio.current_time() - trio_seconds)) * 1000)

    def milliseconds(self) -> float:
        """Return this moment in milliseconds since the epoch."""
        return self._now_seconds() * 1000

    def timestamp(self) -> str:
        """Return this moment in the form of :func:`timestamp_of`."""
        return timestamp_of(self._now_seconds())
