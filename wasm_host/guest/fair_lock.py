"""A lock that owners get in turn, whatever number of tasks each of them has waiting.

With one row for all, an owner with fifty guests that compute gets fifty turns for each one of another's. Here each
owner has a row of its own, first come, first served, and the owner whose turn it was goes behind all others.
"""

import trio


class FairLock:
    """A lock that one task at a time holds; it is handed on, never snatched."""

    def __init__(self) -> None:
        self._is_held = False
        self._rows: dict[str, trio.lowlevel.ParkingLot] = {}  # in the order of turns

    async def acquire(self, owner: str) -> None:
        """Return when it is the turn of the owner, and of this task among those of the owner. A checkpoint."""
        if not self._is_held:
            await trio.lowlevel.checkpoint_if_cancelled()
            if not self._is_held:
                self._is_held = True
                await trio.lowlevel.cancel_shielded_checkpoint()
                return
        await self._rows.setdefault(owner, trio.lowlevel.ParkingLot()).park()

    def release(self) -> None:
        """Hand it to the next one."""
        while self._rows:
            owner = next(iter(self._rows))
            row = self._rows.pop(owner)
            if not row:  # all who waited here were cancelled
                continue
            row.unpark()
            if row:
                self._rows[owner] = row
            return
        self._is_held = False
