"""The passage of a durable execution from one revision to the next, beside what it is accepting at that time.

What is accepted is written before it is taken in, and names its place by an index of the graph. So a change waits
until nothing is between the two, and what comes meanwhile waits until the next revision is on disk. Then whatever
the log has behind a checkpoint is for the graph of that checkpoint.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import trio


class Passage:
    """The passage of one execution."""

    def __init__(self) -> None:
        self._accepting = 0
        self._is_closed = False
        self._outside = trio.lowlevel.ParkingLot()
        self._empty = trio.lowlevel.ParkingLot()

    async def wait_open(self) -> None:
        """Return when no change is under way."""
        while self._is_closed:
            await self._outside.park()

    @contextmanager
    def accepting(self) -> Iterator[None]:
        """Let no change begin until what is accepted within is taken in. It is open."""
        self._accepting += 1
        try:
            yield
        finally:
            self._accepting -= 1
            if not self._accepting:
                self._empty.unpark_all()

    async def close(self) -> None:
        """Let nothing be accepted any more, and return when nothing is between the disk and the execution."""
        self._is_closed = True
        while self._accepting:
            await self._empty.park()

    def open(self) -> None:
        """Let what waits be accepted."""
        self._is_closed = False
        self._outside.unpark_all()
