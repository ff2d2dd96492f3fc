"""Work on the same thing, one after the other: first come, first served, and others do not wait for it."""

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

import trio


class Turns:
    """The queues before things that are worked on, each of them there only while somebody is."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, trio.Lock] = {}

    def __len__(self) -> int:
        """Return the number of things that are worked on."""
        return len(self._locks)

    @asynccontextmanager
    async def alone(self, key: Hashable) -> AsyncIterator[None]:
        """Be the only one who works on what has this key, for the length of the block."""
        lock = self._locks.setdefault(key, trio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.statistics().tasks_waiting and not lock.locked():
                self._locks.pop(key, None)
