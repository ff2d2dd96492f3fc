"""The gate that every handler passes before it runs: closed while the execution is paused.

``close`` answers when no handler is running and none will start. A handler that runs for long (a guest that
spins) also stops at the gate between two slices, and counts as not running while it stands there; so pausing
never waits for the end of an endless loop.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import trio


class Gate:
    """A gate that holds handlers back while it is closed. Open from the start."""

    def __init__(self) -> None:
        self._open = True
        self._running = 0
        self._passing: set[trio.lowlevel.Task] = set()
        self._at_rest = trio.lowlevel.ParkingLot()
        self._waiting = trio.lowlevel.ParkingLot()

    @property
    def is_open(self) -> bool:
        """True while handlers may run."""
        return self._open

    async def enter(self) -> None:
        """Wait until the gate is open, and count the caller as running. No checkpoint where it is open."""
        while not self._open:
            await self._waiting.park()
        self._running += 1

    def pass_at_once(self) -> bool:
        """Count the caller as running, if the gate is open; return whether it is."""
        self._running += self._open
        return self._open

    def leave(self) -> None:
        """Count the caller as running no more."""
        self._running -= 1
        if not self._running and self._at_rest:  # asking costs a tenth of waking nobody
            self._at_rest.unpark_all()

    async def yield_if_closed(self) -> None:
        """Rest until the gate opens, if it is closed: called by a running handler between two slices."""
        if self._open or trio.lowlevel.current_task() in self._passing:
            return
        self.leave()
        try:
            while not self._open:
                await self._waiting.park()
        finally:
            self._running += 1

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Let what the present task runs in the block go on while the gate is closed: it serves no message."""
        task = trio.lowlevel.current_task()
        self._passing.add(task)
        try:
            yield
        finally:
            self._passing.discard(task)

    async def close(self) -> None:
        """Let no handler start; return when none is running, or when the gate has been opened meanwhile."""
        self._open = False
        while self._running and not self._open:
            await self._at_rest.park()

    def bar(self) -> None:
        """Let no handler start from now on, and do not wait for those that run: the execution is ending."""
        self._open = False

    def open(self) -> None:
        """Let all through that wait, in the order of their coming."""
        self._open = True
        self._waiting.unpark_all()
        self._at_rest.unpark_all()
