"""The end of an execution's input: it is told, or has gone quiet."""

from collections.abc import Iterable

import trio

from engine.execution.endings import SOURCES_ENDED, TOLD, quiet_for
from engine.execution.in_flight import InFlight


class EndOfInput:
    """The input of one execution, open until ``close``.

    Args:
        in_flight: the execution's messages.
        grace_seconds: how long no injection must have come before the input counts as quiet.
        sources: ids of the nodes that produce: while one of them may, nothing is quiet.
    """

    def __init__(self, in_flight: InFlight, grace_seconds: float, sources: Iterable[str] = ()) -> None:
        self._in_flight = in_flight
        self._grace_seconds = grace_seconds
        self.why = ""
        self._closed = trio.Event()
        self._begun = trio.Event()
        self._last_seconds = 0.0
        self._is_paused = False
        self._resumed = trio.Event()
        self._sources = frozenset(sources)
        self._ended: set[str] = set()
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def is_closed(self) -> bool:
        """True once it is known that no more input is coming."""
        return self._closed.is_set()

    def close(self, why: str = TOLD) -> None:
        """Take note that no more input is coming; the first reason is kept."""
        self.why = self.why or why
        self._closed.set()

    async def wait_closed(self) -> None:
        """Return when it is known that no more input is coming."""
        await self._closed.wait()

    def expect(self, sources: Iterable[str]) -> None:
        """Know other nodes from now on as those that produce."""
        self._sources = frozenset(sources)
        self._changed.unpark_all()

    def note_ended(self, node_id: str) -> None:
        """Take note that a node which produces has nothing more."""
        self._ended.add(node_id)
        self._changed.unpark_all()

    def note_injection(self, now: float) -> None:
        """Take note that something has come in, at ``now`` in seconds of Trio's clock."""
        self._last_seconds = now
        self._begun.set()

    def pause(self) -> None:
        """Quiet does not close the input before ``resume``."""
        self._is_paused = True
        self._resumed = trio.Event()

    def resume(self) -> None:
        """Quiet counts again, from now on."""
        self._is_paused = False
        self._last_seconds = trio.current_time()
        self._resumed.set()

    async def wait_end(self, *, when_quiet: bool) -> None:
        """Return when no more input is coming and everything has been processed.

        Args:
            when_quiet: close the input when something has been processed, nothing is in flight, and nothing was
                injected for the grace time (design, "Completion").
        """
        if when_quiet:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._close_when_quiet)
                await self._closed.wait()
                nursery.cancel_scope.cancel()
        await self._closed.wait()
        await self._in_flight.wait_quiescent()

    async def _close_when_quiet(self) -> None:
        await self._wait_sources()
        if not self._sources:
            await self._begun.wait()
        while True:
            await (self._wait_sources() if self._sources else self._wait_quiet())
            if not self._is_paused:
                self.close(SOURCES_ENDED if self._sources else quiet_for(self._grace_seconds))
                return
            await self._resumed.wait()  # nothing that is paused ends

    async def _wait_sources(self) -> None:
        """Return when all nodes that produce have ended, and nothing is in flight."""
        while not self._sources <= self._ended:
            await self._changed.park()
        if self._sources:
            await self._in_flight.wait_quiescent()

    async def _wait_quiet(self) -> None:
        """Return when nothing is in flight, and nothing was injected for the grace time."""
        in_flight = self._in_flight
        while True:
            await in_flight.wait_quiescent()
            generation = in_flight.generation
            last_seconds = self._last_seconds
            await trio.sleep_until(last_seconds + self._grace_seconds)
            is_same = in_flight.generation == generation and self._last_seconds == last_seconds
            if not in_flight.count and is_same:
                return
