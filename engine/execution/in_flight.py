"""The count of messages in flight, counted and never timed.

A message's children are counted before the message itself is released, so the count cannot touch zero while
anything is still on its way. Zero is an event that waiters are woken by, not a state that anybody polls.
"""

import trio


class InFlight:
    """The messages of one execution that have been accepted and have not been finished."""

    def __init__(self) -> None:
        self._count = 0
        self._generation = 0
        self._waiters = trio.lowlevel.ParkingLot()

    @property
    def count(self) -> int:
        """The number of messages that were accepted and not finished."""
        return self._count

    @property
    def generation(self) -> int:
        """A number that grows with each accepted message: where two readings are equal, none came between them."""
        return self._generation

    def add(self, messages: int) -> None:
        """Count messages that have just been accepted."""
        self._count += messages
        self._generation += messages

    def finish(self, messages: int) -> None:
        """Release messages whose children have been counted."""
        self._count -= messages
        if self._count < 0:
            raise AssertionError("more messages finished than were accepted")
        if not self._count and self._waiters:  # asking costs a tenth of waking nobody
            self._waiters.unpark_all()

    async def wait_quiescent(self) -> None:
        """Return when nothing is in flight; at once if so now."""
        await trio.lowlevel.checkpoint()
        while self._count:
            await self._waiters.park()
