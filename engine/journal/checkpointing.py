"""Checkpoints among the records of an execution: when one is due, and how it comes there.

From one of them on a later moment is reached without all that came before. What they cost is a share of what else
is noted: the next one is due when several times as much as the last one weighs has come since.
"""

from collections.abc import Awaitable, Callable

import trio

from engine.errors import IllegalTransitionError

CHECKPOINT_BYTES = 4 * 1024 * 1024
"""Bytes of records after which the next checkpoint is due."""

CHECKPOINT_SECONDS = 60.0
"""The time after which it is due where fewer came."""

CHECKPOINT_RATIO = 4
"""Records of a checkpoint's own weight, so many times, come at least before the next one."""

HEAVIEST_BYTES = 16 * 1024 * 1024
"""Bytes of a checkpoint that is noted; a heavier one is none of a recording."""

Take = Callable[[], Awaitable[tuple[int, bytes]]]
"""Takes a checkpoint; returns the number up to which everything is in it, and its bytes, or none of them."""

Spawn = Callable[[Callable[[], Awaitable[None]]], bool]
"""Starts a task of the execution; returns False where it is ending."""


class Checkpointing:
    """The checkpoints of one recording.

    Args:
        take: takes one.
        note: notes one that was taken.
        spawn: starts the task that takes it.
        heaviest_bytes: of one that is noted.
    """

    def __init__(
        self, take: Take, note: Callable[[int, bytes], None], spawn: Spawn, heaviest_bytes: int = HEAVIEST_BYTES
    ) -> None:
        self._take = take
        self._note = note
        self._spawn = spawn
        self._heaviest_bytes = heaviest_bytes
        self._bytes = 0  # that have come since the last one
        self._last_bytes = 0  # of the last one
        self._last_seconds = trio.current_time()
        self._is_under_way = False

    def have_come(self, size_bytes: int) -> None:
        """Hear that records were noted; take a checkpoint where one is due."""
        self._bytes += size_bytes
        least = CHECKPOINT_RATIO * self._last_bytes
        is_late = trio.current_time() >= self._last_seconds + CHECKPOINT_SECONDS
        if self._bytes >= (least if is_late else max(CHECKPOINT_BYTES, least)):
            self.begin()

    def begin(self) -> None:
        """Take a checkpoint, unless one is being taken."""
        if not self._is_under_way:
            self._is_under_way = self._spawn(self._taken)

    async def _taken(self) -> None:
        self._bytes, self._last_seconds = 0, trio.current_time()
        try:
            sequence, body = await self._take()
        except IllegalTransitionError:  # it is about to end
            return
        finally:
            self._is_under_way = False
        self._last_bytes = len(body)
        if body and len(body) <= self._heaviest_bytes:
            self._note(sequence, body)
