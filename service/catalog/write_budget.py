"""The writes that the catalog still takes in this minute, of those that all internal services have together.

The catalog counts thirty writes in a minute for all of them as one caller, and says in headers how many are left,
from the second write of a window on. So this runtime never takes the last ones: of a window it leaves a third to
others where it is in no hurry, and a tenth where a graph waits. What headers do not say it counts by itself.
"""

import math
from collections.abc import Mapping

import trio

from engine.wall_clock import WallClock

USUAL_WRITES = 30
"""Writes in a window where nobody says; what the platform's catalog takes."""

WINDOW_SECONDS = 60.0
"""The length of a window where nobody says."""

LONGEST_SECONDS = 300.0
"""The longest wait for a window to end that is believed."""

MARGIN_SECONDS = 1.0
"""The time between the end of a window and the first write of the next: whoever is early is refused once more."""

LEFT_IN_HASTE, LEFT_AT_LEISURE = 1 / 10, 1 / 3
"""The part of a window's writes that is left to the other services."""

_EPOCH_SECONDS, _EPOCH_MS = 1e9, 1e11
"""Numbers above these are moments, and no durations."""


class WriteBudget:
    """The writes that are left of a window.

    Args:
        clock: the time of day, for moments that the catalog tells.
    """

    def __init__(self, clock: WallClock | None = None) -> None:
        self._clock = clock or WallClock()
        self._limit = USUAL_WRITES
        self._left = USUAL_WRITES
        self._ends = -math.inf

    def wait_seconds(self, *, is_urgent: bool) -> float:
        """Return how long the next write has to wait; 0 where it may be made now.

        Args:
            is_urgent: whether a graph needs what is written.
        """
        seconds = self._ends - trio.current_time()
        if seconds <= 0:
            return 0.0
        kept = math.ceil(self._limit * (LEFT_IN_HASTE if is_urgent else LEFT_AT_LEISURE))
        return 0.0 if self._left > kept else seconds

    def spent(self, headers: Mapping[str, str]) -> None:
        """Take note of a write that was answered, and of what its answer tells of the window."""
        now = trio.current_time()
        if now >= self._ends:
            self._left, self._ends = self._limit, now + WINDOW_SECONDS + MARGIN_SECONDS
        self._left -= 1
        limit, left, reset = (_number(headers, name) for name in ("limit", "remaining", "reset"))
        if limit:
            self._left += math.floor(limit) - self._limit
            self._limit = math.floor(limit)
        if left is not None:
            self._left = math.floor(left)
        if reset is not None:
            seconds = self._seconds_until(reset)
            if 0 < seconds <= LONGEST_SECONDS:
                self._ends = now + seconds + MARGIN_SECONDS

    def refused(self, asked_seconds: float) -> None:
        """Take note that the window is spent, and for how long the catalog asks to be left alone."""
        seconds = min(asked_seconds, LONGEST_SECONDS) or WINDOW_SECONDS
        self._left, self._ends = 0, trio.current_time() + seconds + MARGIN_SECONDS

    def _seconds_until(self, reset: float) -> float:
        """Return the seconds until a window ends, which is told as a duration or as a moment."""
        if reset < _EPOCH_SECONDS:
            return reset
        moment_ms = reset if reset > _EPOCH_MS else reset * 1000
        return (moment_ms - self._clock.milliseconds_at(trio.current_time())) / 1000


def _number(headers: Mapping[str, str], name: str) -> float | None:
    """Return the number that a header of one of the two usual names has; None where there is no sensible one."""
    for header in (f"x-ratelimit-{name}", f"ratelimit-{name}"):
        try:
            number = float(headers.get(header, ""))
        except ValueError:
            continue
        if math.isfinite(number) and number >= 0:
            return number
    return None
