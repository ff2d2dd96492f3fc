"""Counters of edges. A queue only grows between two turns of its reader, so its peak is seen at each turn."""

_RATE_SECONDS = 1.0
"""The least time over which a rate is told, once there are readings."""


class EdgeCounters:
    """Counts of one edge. ``sent`` minus ``taken`` wait in the target's inbox, or in a queue of its own."""

    __slots__ = (
        "_blocked_seconds",
        "_blocked_since",
        "_blocked_workers",
        "_held_blocked_seconds",
        "_held_from_seconds",
        "_read_last",
        "_read_recently",
        "dead_lettered",
        "dropped",
        "expired",
        "peak",
        "sent",
        "taken",
    )

    def __init__(self) -> None:
        self.sent = 0
        self.taken = 0
        self.dropped = 0  # of those, whatever the reason; the next two are parts of it
        self.expired = 0
        self.dead_lettered = 0
        self.peak = 0
        self._blocked_seconds = 0.0
        self._blocked_since = 0.0
        self._blocked_workers = 0
        # Of the time in which the source waited, the part in which somebody held the edge; and while it is held,
        # how much there was when that began.
        self._held_blocked_seconds = 0.0
        self._held_from_seconds: float | None = None
        # Readings of the time, of what was sent and of what was taken; the first one is of the beginning.
        self._read_last: tuple[float, int, int] | None = None
        self._read_recently: tuple[float, int, int] | None = None

    def begin_with(self, sent: int, taken: int, dropped: int, peak: int, blocked_seconds: float) -> None:
        """Go on from other counters."""
        self.sent, self.taken, self.dropped, self.peak = sent, taken, dropped, peak
        self._blocked_seconds = blocked_seconds

    @property
    def queued(self) -> int:
        """The number of messages that wait in the target's inbox, or before it."""
        return self.sent - self.taken

    def take(self, count: int) -> None:
        """Count messages that leave the target's inbox."""
        queued = self.sent - self.taken
        if queued > self.peak:  # noqa: PLR1730 - for each batch, a branch beats a call
            self.peak = queued
        self.taken += count

    def begin_wait(self, now: float) -> None:
        """Take note that a worker of the source begins to wait for room."""
        if not self._blocked_workers:
            self._blocked_since = now
        self._blocked_workers += 1

    def end_wait(self, now: float) -> None:
        """Take note that it waits no longer."""
        self._blocked_seconds = self.blocked_until(now)
        self._blocked_since = now
        self._blocked_workers -= 1

    def blocked_until(self, now: float) -> float:
        """Return the seconds in which one worker of the source or more waited for room, also a wait under way."""
        return self._blocked_seconds + (now - self._blocked_since if self._blocked_workers else 0.0)

    def begin_hold(self, now: float) -> None:
        """Take note that somebody holds the edge."""
        self._held_from_seconds = self.blocked_until(now)

    def end_hold(self, now: float) -> None:
        """Take note that nobody holds it any more."""
        self._held_blocked_seconds = self.held_until(now)
        self._held_from_seconds = None

    def held_until(self, now: float) -> float:
        """Return, of the seconds of ``blocked_until``, those in which somebody held the edge."""
        if self._held_from_seconds is None:
            return self._held_blocked_seconds
        return self._held_blocked_seconds + self.blocked_until(now) - self._held_from_seconds

    def rates(self, now: float, began: float) -> tuple[float, float]:
        """Return the messages sent and taken in a second: since the last reading but one, or since ``began``.

        Readings lie a second apart or more. Nothing is counted by time, so nothing costs more while nobody reads.
        """
        before, sent, taken = self._read_last or (began, 0, 0)
        seconds = now - before
        if self._read_recently is None or now - self._read_recently[0] >= _RATE_SECONDS:
            self._read_last, self._read_recently = self._read_recently, (now, self.sent, self.taken)
        if seconds <= 0:
            return 0.0, 0.0
        return max(0, self.sent - sent) / seconds, max(0, self.taken - taken) / seconds
