"""Bounded queues of what is to be sent: full ones drop their oldest, and every drop is counted. Pure."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

BATCH_RECORDS = 50
"""Records in one request, by the platform's rule."""

QUEUE_RECORDS = 1_000
"""Records that wait, by the platform's rule. Twenty batches outlast a short absence; more is history."""


class TelemetryOutbox(Generic[T]):
    """Records of one kind, oldest first.

    Args:
        capacity: records that may wait.
        when_full_batch: called whenever a whole batch waits.

    Attributes:
        dropped: records that were given up: because the queue was full, or because nobody took them.
        sent: records that were taken.
    """

    def __init__(self, capacity: int, when_full_batch: Callable[[], None] = lambda: None) -> None:
        self._waiting: deque[T] = deque()
        self._capacity = capacity
        self._when_full_batch = when_full_batch
        self.dropped = 0
        self.sent = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, record: T) -> None:
        """Let a record wait; the oldest one goes where there are too many."""
        if len(self._waiting) >= self._capacity:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(record)
        if len(self._waiting) >= BATCH_RECORDS:
            self._when_full_batch()

    def take(self) -> list[T]:
        """Take the oldest records, at most a batch of them; they do not wait here any more."""
        return [self._waiting.popleft() for _ in range(min(BATCH_RECORDS, len(self._waiting)))]
