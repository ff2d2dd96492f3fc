"""A store whose disk outlives the processes that use it, and which fails when its seed says so.

It keeps the promises of ``store.protocol``: all changes of a write or none, one write after another, and what was
answered for is there. When a process is killed, what it had not made durable is lost; a write may be there whose
answer nobody has heard.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from random import Random

import trio

from store.errors import StoreClosedError, StoreFullError, StoreOrderError
from store.protocol import (
    MAX_NUMBER,
    Append,
    Change,
    Drop,
    Entry,
    Record,
    Removal,
    StoreSize,
    Stream,
    StreamSize,
    Trim,
)

Place = tuple[str, str, str]

_TAKING = (Removal, Trim, Drop)


class Disk:
    """The contents that outlive a process."""

    def __init__(self) -> None:
        self.records: dict[Place, Record] = {}
        self.streams: dict[Place, list[Entry]] = {}
        self.last: dict[Place, int] = {}

    def copy(self) -> "Disk":
        """What is there at this moment."""
        other = Disk()
        other.records, other.last = dict(self.records), dict(self.last)
        other.streams = {place: list(entries) for place, entries in self.streams.items()}
        return other

    def change(self, change: Change) -> None:
        """Make one change.

        Raises:
            StoreOrderError: an entry's number is not greater than the one before it.
        """
        if isinstance(change, Record):
            self.records[change.kind, change.owner, change.key] = change
        elif isinstance(change, Removal):
            self.records.pop((change.kind, change.owner, change.key), None)
        else:
            self._change_stream(change, (change.stream.kind, change.stream.owner, change.stream.key))

    def _change_stream(self, change: Append | Trim | Drop, place: Place) -> None:
        if isinstance(change, Drop):
            self.streams.pop(place, None)
            self.last.pop(place, None)
        elif isinstance(change, Trim):
            kept = [each for each in self.streams.get(place, ()) if each.number >= change.first]
            if place in self.streams:
                self.streams[place] = kept
        else:
            for entry in change.entries:
                if entry.number <= self.last.get(place, -1):
                    raise StoreOrderError(f"{entry.number} is not behind {self.last[place]}")
                self.last[place] = entry.number
                self.streams.setdefault(place, []).append(entry)


class DiskStore:
    """One process's store on a disk.

    Args:
        disk: the contents.
        random: decides how long writes take, and which are refused.
        refusing: the share of writes that a full disk refuses.
    """

    def __init__(self, disk: Disk, random: Random, refusing: float = 0.0) -> None:
        self._disk = disk
        self._random = random
        self._refusing = refusing
        self._turn = trio.StrictFIFOLock()
        self._is_dead = False

    def die(self) -> Disk:
        """Write nothing any more; return what is on the disk at this moment."""
        self._is_dead = True
        return self._disk.copy()

    async def write(self, changes: Sequence[Change]) -> None:
        """Make all changes, or none."""
        with trio.CancelScope(shield=True):
            async with self._turn:
                await self._take_time()
                if self._is_dead:
                    raise StoreClosedError("The process was killed")
                takes_only = all(isinstance(change, _TAKING) for change in changes)
                if not takes_only and self._random.random() < self._refusing:
                    raise StoreFullError("The disk is full")
                after = self._disk.copy()
                for change in changes:
                    after.change(change)
                self._disk.records, self._disk.streams, self._disk.last = after.records, after.streams, after.last
                await self._take_time()

    async def _take_time(self) -> None:
        for _ in range(self._random.choice((1, 1, 2, 5))):
            await trio.lowlevel.checkpoint()
        if self._random.random() < 0.2:
            await trio.sleep(self._random.random() * 0.01)

    async def read_all(self, kind: str) -> AsyncIterator[Record]:
        """Read all records of a kind."""
        await trio.lowlevel.checkpoint()
        for record in [each for each in self._disk.records.values() if each.kind == kind]:
            yield record

    async def read(self, kind: str, owner: str, key: str) -> Record | None:
        """Read one record."""
        await trio.lowlevel.checkpoint()
        return self._disk.records.get((kind, owner, key))

    async def read_entries(self, stream: Stream, first: int = 0, last: int = MAX_NUMBER) -> AsyncGenerator[Entry]:
        """Read entries of a stream."""
        await trio.lowlevel.checkpoint()
        for entry in list(self._disk.streams.get((stream.kind, stream.owner, stream.key), ())):
            if first <= entry.number <= last:
                yield entry

    async def read_streams(self, kind: str) -> AsyncIterator[StreamSize]:
        """Measure all streams of a kind that have entries."""
        await trio.lowlevel.checkpoint()
        for place, entries in list(self._disk.streams.items()):
            if place[0] == kind and entries:
                size = sum(len(entry.body) for entry in entries)
                yield StreamSize(Stream(*place), entries[0].number, entries[-1].number, size, entries[0].made_ms)

    async def measure(self) -> StoreSize:
        """Measure the store."""
        await trio.lowlevel.checkpoint()
        return StoreSize(len(self._disk.records), 0, 0)
