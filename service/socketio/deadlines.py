"""One task that wakes sessions at their deadlines, however many there are.

An entry is a time and a session id, so that a session that has ended is not kept alive by it.
"""

import heapq
from collections.abc import Callable

import trio


class Deadlines:
    """The deadlines of entries: it calls ``wake(sid)`` for each at its time, or soon after."""

    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake
        self._entries: list[tuple[float, str]] = []
        self._earlier = trio.Event()

    def enter(self, deadline: float, sid: str) -> None:
        """Wake a session at a time of Trio's clock; entering it again does not take an earlier entry back."""
        heapq.heappush(self._entries, (deadline, sid))
        if self._entries[0][1] == sid:
            self._earlier.set()

    async def run(self) -> None:
        """Wake sessions until cancelled."""
        while True:
            self._earlier = trio.Event()
            while self._entries and self._entries[0][0] <= trio.current_time():
                _, sid = heapq.heappop(self._entries)
                self._wake(sid)
            next_deadline = self._entries[0][0] if self._entries else float("inf")
            with trio.move_on_at(next_deadline):
                await self._earlier.wait()
