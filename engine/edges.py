"""Counters of edges. A queue only grows between two turns of its reader, so its peak is seen at each turn."""


class EdgeCounters:
    """What has travelled along one edge. ``sent`` minus ``taken`` wait in the target's inbox."""

    __slots__ = ("blocked_seconds", "blocked_since", "dropped", "peak", "sent", "taken")

    def __init__(self) -> None:
        self.sent = 0
        self.taken = 0
        self.dropped = 0
        self.peak = 0
        self.blocked_seconds = 0.0
        self.blocked_since: float | None = None

    @property
    def queued(self) -> int:
        """Messages waiting in the target's inbox, or before it."""
        return self.sent - self.taken

    def blocked_until(self, now: float) -> float:
        """Seconds that the source has waited for room, the wait under way included."""
        return self.blocked_seconds + (0.0 if self.blocked_since is None else now - self.blocked_since)
