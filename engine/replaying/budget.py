"""The memory of a replay: what is read of a recording and what its runs emit is kept, and so it is bounded."""

from collections.abc import Callable

from engine.journal.shape import RecordingError

REPLAY_BYTES = 256 * 1024 * 1024
"""Bytes that a replay may keep, when nothing else is said."""

KEPT_BYTES = 150
"""Bytes of memory of what is kept, beside its value."""


class Budget:
    """The bytes that one replay may keep, in all of its runs.

    Args:
        limit_bytes: so many.

    Attributes:
        on_spent: called when there are more, by whom it is about to be exceeded; they raise nothing themselves.
    """

    def __init__(self, limit_bytes: int = REPLAY_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._left_bytes = limit_bytes
        self.on_spent: Callable[[], None] = lambda: None

    @property
    def is_spent(self) -> bool:
        """True once there was more to keep than may be kept."""
        return self._left_bytes < 0

    def take(self, size_bytes: int) -> bool:
        """Count something that is kept; return whether it may be."""
        self._left_bytes -= size_bytes + KEPT_BYTES
        if self._left_bytes < 0:
            self.on_spent()
        return self._left_bytes >= 0

    def check(self) -> None:
        """Refuse to go on once it is spent.

        Raises:
            RecordingError: it is.
        """
        if self.is_spent:
            raise RecordingError(
                f"what it emits has more than {self._limit_bytes:,} bytes, which is what a replay may keep: "
                "run a part of it, with --until"
            )
